"""Kinds: what can be computed, and how it is split, run and combined again.

A kind is one class in one module, of this package or of any installed one, announced under the
entry point group `firmlight.kinds`. The server splits and finishes with it; workers run it. A
worker is leased only subtasks of kinds whose `version` equals the server's.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from importlib.metadata import entry_points
from typing import Any, BinaryIO, ClassVar, Literal

import msgspec

from firmlight_client.kinds.checking import check_signature, packed_in_order
from firmlight_client.kinds.partials import BadPartial, decode_partial, decoder_of

__all__ = (
    "CALLS",
    "GROUP",
    "BadPartial",
    "Kind",
    "ParamsError",
    "UnknownKind",
    "agreed_as",
    "carried",
    "carried_partial",
    "combine_all",
    "decode_partial",
    "decoder_of",
    "example",
    "get",
    "installed",
    "is_comparable",
    "listed",
    "params_schema",
    "whole_partial",
)

GROUP = "firmlight.kinds"
CALLS = "[]"  # what the name of a kind ends with if a task of it is many calls: "FACTORIZATION[]"
FAN = 64  # partials of a whole call that are kept before they are combined
log = logging.getLogger(__name__)


class ParamsError(ValueError):
    """The input cannot be used. `field` names the parameter (empty: the input as a whole).

    `code` is stable. With "ambiguous_file" a file can be read in several ways: `choices` maps
    params that say which to their values, {"decimal": ["point", "comma"]}, and `columns` describes
    the file's columns, see `Kind.load_file`. All attributes are plain data, for an error that
    crosses from one process to another.
    """

    def __init__(
        self,
        message: str,
        field: str = "",
        code: str = "invalid",
        choices: dict[str, list[str]] | None = None,
        columns: list[dict[str, Any]] | None = None,
    ) -> None:
        super().__init__(message, field, code, choices, columns)  # so that it can be pickled
        self.message, self.field, self.code = message, field, code
        self.choices, self.columns = choices or {}, columns or []

    def __str__(self) -> str:
        return self.message


class UnknownKind(LookupError):
    """No installed package offers a kind of this name."""


class Kind(ABC):
    """One kind of work. All that it does must be deterministic; only `run` may say otherwise.

    Payloads and partials are anything MessagePack can carry: None, bool, int of 64 bits, float,
    str, bytes, lists and dicts with string keys. Larger integers travel as decimal strings or
    bytes.

    `Partial` is what a partial may be at most, of one subtask or of all of a task: a msgspec type
    whose texts, lists and maps all have a `max_length`, see `partials`. What workers send is
    decoded as it, so that is what `combine`, `finish` and all that judges a partial are given: a
    tuple where it says tuple. Without it generic limits hold.
    """

    name: ClassVar[str]  # upper case, stable: "MEAN"
    title: ClassVar[str]  # what people read: "Mean of many numbers"
    version: ClassVar[str]  # raise it whenever payloads, partials or their meaning change
    # Types, bounds and descriptions (msgspec.Meta) of the input.
    Params: ClassVar[type[msgspec.Struct]]
    Partial: ClassVar[Any] = None
    network: ClassVar[Literal["none", "public"]] = "none"
    subtask_seconds_max: ClassVar[float] = 60.0
    # What `load_file` reads, in lower case: (".csv", ".npy").
    file_suffixes: ClassVar[tuple[str, ...]] = ()
    # Params that may be given beside a file, to say how it is read.
    FileParams: ClassVar[type[msgspec.Struct] | None] = None
    # A worker does a whole call in a moment, so thousands may travel as one task, see `calls`.
    small: ClassVar[bool] = False
    # Equal payloads give equal `canonical` bytes on every machine and however they are grouped, so
    # two workers can be compared. Say False of what depends on the time, the network or the way a
    # worker takes; then `check` and `same` are all there is.
    deterministic: ClassVar[bool] = True
    # What passes `check` cannot make a wrong result, so nothing needs to be computed twice.
    proves: ClassVar[bool] = False
    # Computing something twice tells a wrong partial from a right one. Say False if `same` tells no
    # more than `check` does; then nothing is computed twice.
    comparable: ClassVar[bool] = True
    # `check` wants the payloads, which are kept or made again for it.
    checks_payloads: ClassVar[bool] = False

    @abstractmethod
    def split(self, params: Any) -> Iterable[Any]:
        """Yield at least one payload.

        The same params must give the same payloads in the same order.
        """

    @abstractmethod
    def run(self, payload: Any) -> Any:
        """Compute one subtask on a worker and return its partial. Raising is a failed attempt."""

    @abstractmethod
    def combine(self, a: Any, b: Any) -> Any:
        """Merge two partials. Associative and commutative; it may change and return `a`."""

    @abstractmethod
    def finish(self, partial: Any, params: Any) -> Any:
        """Turn the partial of all subtasks into the result: anything JSON can carry."""

    def finish_incomplete(self, partial: Any, params: Any) -> Any:
        """The result of a task that goes on without some subtasks, which failed permanently."""
        return self.finish(partial, params)

    def is_decided(self, partial: Any, params: Any | None) -> bool:
        """Whether this partial already settles the task, so that the rest may be cancelled.

        Workers have no params, so they ask with None: whether the partial alone looks like it.
        Whoever has the params asks again with them, and only that answer counts.
        """
        return False

    def check(  # noqa: B027  # empty, yet not abstract: a kind may do without
        self, partial: Any, subtasks: Sequence[int], payloads: Sequence[Any] | None, params: Any
    ) -> None:
        """Raise BadPartial if a worker's partial cannot be right for these subtasks.

        `subtasks` are their indices within the task, 0-based and ascending; `payloads` are theirs
        in the same order, as `run` gets them, or None unless the kind says `checks_payloads`. It
        must be far cheaper than `run`. Whatever the partial says about single subtasks must be said
        about these and no others (`checking.check_places`). A kind without it needs recomputation.
        """

    def canonical(self, partial: Any) -> bytes:
        """The same bytes for equal partials, in whatever order and groups they were combined.

        Sort what has no order. Raises nothing for what fits `Partial`.
        """
        return packed_in_order(carried_partial(self, partial))

    def same(self, a: Any, b: Any) -> bool:
        """Whether two partials of the same subtasks agree, both of which passed `check`."""
        return self.canonical(a) == self.canonical(b)

    def whole(self, params: Any) -> Any:
        """The partial of a whole call. A `small` kind may compute it faster than piece by piece."""
        return whole_partial(self, params)

    def load(self, data: Mapping[str, Any]) -> Any:
        """Check input as it came from JSON and return it as Params. Raises ParamsError."""
        try:
            return msgspec.convert(data, self.Params)
        except msgspec.ValidationError as error:
            raise _params_error(error) from None

    def load_file_params(self, data: Mapping[str, Any]) -> Any:
        """Check what was given beside a file and return it as FileParams. Raises ParamsError."""
        if self.FileParams is None:
            raise ParamsError(f"{self.name} takes no params beside a file", next(iter(data), ""))
        try:
            return msgspec.convert(data, self.FileParams)
        except msgspec.ValidationError as error:
            raise _params_error(error) from None

    def load_file(
        self,
        file: BinaryIO,
        name: str,
        data: Mapping[str, Any],
        skipped: list[str] | None = None,
        understood: dict[str, Any] | None = None,
    ) -> Any:
        """Read an uploaded file called `name`; `data` are the params beside it. Raises ParamsError.

        What is left out of the file, and why, is added to `skipped`, a sentence each, for people to
        see beforehand. How it was read is put into `understood`: "summary", [[label, value], …];
        "columns", what each column holds, [{"column", "number", "read", "count", "min", "max",
        "histogram", "texts", "missing", "empty"}, …]; and "choices", how else it could be read, as
        in ParamsError. All of it is plain data.
        """
        raise ParamsError(f"{self.name} takes no file", "file")

    def summary(self, params: Any) -> list[tuple[str, str]]:
        """What was understood of the input, for people to check: [("Numbers", "4,821,048"), …]."""
        return []

    def typed(self, params: Any) -> dict[str, Any]:
        """Params as people type them, to fill in a form again; what nobody types is left out."""
        given = msgspec.to_builtins(params, builtin_types=(bytes,))
        return {name: value for name, value in given.items() if not isinstance(value, bytes)}


def _params_error(error: msgspec.ValidationError) -> ParamsError:
    """A ParamsError made of msgspec's error, with the field it names.

    msgspec says "Expected `int`, got `str` - at `$.limit`" or, of names, "missing required field
    `urls`". A ParamsError that `__post_init__` raised knows its field itself; msgspec only wraps
    it.
    """
    if isinstance(error.__cause__, ParamsError):
        return error.__cause__
    message, _, path = str(error).partition(" - at `")
    field = path.removeprefix("$").strip(".`").split(".")[0].split("[")[0]
    if not field and "field `" in message:
        field = message.split("field `")[1].rstrip("`")
    return ParamsError(message, field)


@cache
def installed() -> dict[str, Kind]:
    """Every kind that an installed package announces, by name, and calls of the small ones.

    A broken package costs only its own kinds.
    """
    from firmlight_client.kinds.calls import calls_of

    found: dict[str, Kind] = {}
    for entry in entry_points(group=GROUP):
        try:
            kind = entry.load()()
            check_signature(kind)
            offered = [kind, calls_of(kind)] if kind.small else [kind]
        except Exception:  # somebody else's code must not take the other kinds along
            log.exception("kind %s cannot be loaded from %s", entry.name, entry.value)
            continue
        found |= {one.name: one for one in offered}
    return dict(sorted(found.items()))


def listed() -> dict[str, Kind]:
    """The kinds that people choose from, without those that are calls of another."""
    return {name: kind for name, kind in installed().items() if not name.endswith(CALLS)}


def agreed_as(name: str) -> str:
    """The kind that an owner agrees to: a worker that takes it takes many calls of it too."""
    return name.removesuffix(CALLS)


def get(name: str) -> Kind:
    """The installed kind of this name. Raises UnknownKind."""
    try:
        return installed()[name]
    except KeyError:
        raise UnknownKind(name) from None


def is_comparable(kind: Kind) -> bool:
    """Whether two computations of the same tell a wrong partial from a right one.

    Of a kind that is not `deterministic` only if it says itself which of them are the `same`.
    """
    return kind.comparable and (kind.deterministic or type(kind).same is not Kind.same)


def combine_all(kind: Kind, partials: Sequence[Any]) -> Any:
    """Combine 1..n partials pairwise, in rounds.

    So partials that grow are copied log2(n) times, not n times.
    """
    if not partials:
        raise ValueError("nothing to combine")
    row = list(partials)
    while len(row) > 1:
        pairs = [kind.combine(a, b) for a, b in zip(row[::2], row[1::2], strict=False)]
        row = pairs + row[len(pairs) * 2 :]
    return row[0]


def whole_partial(
    kind: Kind, params: Any, on_progress: Callable[[int], None] = lambda done: None
) -> Any:
    """The partial of all subtasks, computed here one after the other.

    `on_progress` is called with the number of subtasks that are done.
    """
    partials = list[Any]()
    for done, payload in enumerate(kind.split(params), 1):
        partials.append(carried_partial(kind, kind.run(carried(payload))))
        on_progress(done)
        if kind.is_decided(partials[-1], params):
            break
        if len(partials) == FAN:
            partials = [carried_partial(kind, combine_all(kind, partials))]
    return carried_partial(kind, combine_all(kind, partials))


def carried(value: Any) -> Any:
    """A payload or a partial as it arrives.

    Raises TypeError, ValueError or OverflowError for what cannot travel.
    """
    return msgspec.msgpack.decode(msgspec.msgpack.encode(value))


def carried_partial(kind: Kind, value: Any) -> Any:
    """A partial as it arrives, decoded as `kind.Partial`. Raises as `carried` does, and BadPartial.

    Generic limits do not hold here: they are for single partials on their way, not for those of a
    whole task.
    """
    if kind.Partial is None:
        return carried(value)
    return decode_partial(kind, msgspec.msgpack.encode(value))


def example(kind: Kind) -> dict[str, Any]:
    """The required params as the kind's schema gives examples; those without one are left out."""
    schema = params_schema(kind)
    found = dict[str, Any]()
    for name in schema.get("required", []):
        if examples := schema["properties"][name].get("examples"):
            found[name] = examples[0]
    return found


def params_schema(kind: Kind) -> dict[str, Any]:
    """The JSON Schema (2020-12) of the kind's params.

    Definitions are inlined where msgspec allows it.
    """
    return _schema(kind.Params)


def file_params_schema(kind: Kind) -> dict[str, Any]:
    """The JSON Schema of the params beside a file; {} if there are none."""
    return _schema(kind.FileParams) if kind.FileParams else {}


def _schema(params: type[msgspec.Struct]) -> dict[str, Any]:
    (schema,), components = msgspec.json.schema_components([params], ref_template="#/$defs/{name}")
    own = components.pop(params.__name__, schema)
    return {**own, "$defs": components} if components else dict(own)
