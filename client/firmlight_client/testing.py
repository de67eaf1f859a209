"""For those who write a kind: what every kind must keep to, checked with its real code.

from firmlight_client.testing import check_kind

def test_the_law():
    check_kind(WordCount(), {"texts": ["to be", "or not to be"]}, {"texts": [""]})
"""

from __future__ import annotations

import contextlib
import json
import logging
import random
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from firmlight_client.kinds import BadPartial, Kind, combine_all, decode_partial, params_schema
from firmlight_client.kinds.checking import check_signature
from firmlight_client.kinds.local import run_here
from firmlight_client.kinds.partials import loose_ends
from firmlight_client.mutations import mutated

__all__ = ("KindFault", "Tried", "check_kind", "run_here", "try_check")

PAYLOAD_BYTES_MAX = 16 * 2**20  # a frame of the protocol
ORDERS = 10
CHANGES_EACH = 50  # wrong partials made of each right one
SINGLES_MAX = 5  # subtasks whose own partials are changed, beside those of groups
SHOWN_CHARS_MAX = 200
log = logging.getLogger(__name__)
Same = Callable[[Any, Any], bool]


class KindFault(AssertionError):
    """The kind breaks a rule; the message says which one, and what was found."""


def check_kind(
    kind: Kind,
    *examples: Mapping[str, Any],
    same: Same = lambda a, b: bool(a == b),
    orders: int = ORDERS,
) -> list[Any]:
    """Check a kind with a few inputs, as they would come from JSON; returns their results.

    It must say what it is; split the same params the same way; use only what MessagePack can carry
    between its parts and JSON in its result; and give the same result however subtasks are grouped
    and in whatever order they end, of which so many `orders` are tried. `same` compares two
    results; give one that allows for rounding if partials are sums of floats. A partial that is
    decided must give the result of the whole. Each partial, of one subtask as of all, must fit the
    kind's `Partial`, which must bound everything; a kind without one is warned of.

    All orders must agree by the kind's own `same`, and give equal `canonical` bytes if it is
    `deterministic`. `check` must pass all of these partials; then it is tried with wrong ones, see
    `try_check`: a `check` that notices none of them is a fault, and so is a kind that `proves` if
    one that it did not notice makes another result. A kind without `check` is warned of.

    Raises KindFault.
    """
    if not examples:
        raise ValueError("give at least one example of params")
    _check_words(kind)
    _check_partial_type(kind)
    done = [_work(kind, example) for example in examples]
    results = [_check_work(work, same, orders) for work in done]
    _check_check(kind, done, same, orders)
    return results


class Tried(NamedTuple):
    """How many wrong partials were made, how many of them `check` noticed, and some it did not."""

    changed: int
    noticed: int
    missed: list[str]

    @property
    def share(self) -> float:
        """The part that was noticed, 0 to 1."""
        return self.noticed / self.changed if self.changed else 0.0


def try_check(kind: Kind, *examples: Mapping[str, Any], orders: int = ORDERS) -> Tried:
    """Change honest partials in one place each, and count what the kind's `check` notices.

    Numbers become one more or less, double or negative; lists shorter, longer or reordered; texts
    and bytes get another character or bit; entries come from other subtasks. Changes that the type
    `Partial` refuses, and those that leave `canonical` as it is, do not count. Raises KindFault if
    `check` or `canonical` raises anything but BadPartial.
    """
    done = [_work(kind, example) for example in examples]
    trials = [trial for work in done for trial in _trials(work, orders)]
    missed = [trial.shown for trial in trials if not trial.is_noticed]
    return Tried(len(trials), len(trials) - len(missed), missed[:ORDERS])


def _fault(holds: bool, message: str) -> None:
    if not holds:
        raise KindFault(message)


def _check_words(kind: Kind) -> None:
    try:
        check_signature(kind)
    except TypeError as error:
        raise KindFault(str(error)) from None
    _fault(
        kind.name == kind.name.upper() and bool(kind.name), f"name is upper case, not {kind.name!r}"
    )
    _fault(bool(kind.title and kind.version), "title and version say something")
    _fault(
        kind.network in ("none", "public"), f'network is "none" or "public", not {kind.network!r}'
    )
    _fault(kind.subtask_seconds_max > 0, "subtask_seconds_max is more than 0")
    for name, field in params_schema(kind).get("properties", {}).items():
        _fault(
            bool(field.get("description")),
            f"the param {name} has a description (msgspec.Meta), which forms show",
        )


def _check_partial_type(kind: Kind) -> None:
    if kind.Partial is None:
        advice = "declare what a partial may be at most, or generic limits hold"
        warnings.warn(f"{kind.name} has no Partial: {advice}", stacklevel=3)
        return
    loose = loose_ends(kind.Partial)
    _fault(not loose, f"Partial bounds everything and runs no code, but {'; '.join(loose)}")


class Work(NamedTuple):
    """All subtasks of an example, done: their payloads and partials, packed."""

    kind: Kind
    params: Any
    payloads: list[bytes]
    partials: list[bytes]

    def combined(self, subtasks: Sequence[int]) -> Any:
        """What a lease on these gives. From fresh copies: `combine` may change what it is given."""
        return _combined(self.kind, [self.partials[i] for i in subtasks])

    def check(self, partial: Any, subtasks: Sequence[int]) -> None:
        """Ask the kind. Raises BadPartial."""
        given = None
        if self.kind.checks_payloads:
            given = [msgspec.msgpack.decode(self.payloads[i]) for i in subtasks]
        self.kind.check(partial, subtasks, given, self.params)


def _work(kind: Kind, example: Mapping[str, Any]) -> Work:
    params = kind.load(json.loads(json.dumps(dict(example))))
    kept = msgspec.msgpack.decode(msgspec.msgpack.encode(params), type=kind.Params)
    _fault(
        kept == params,
        f"params are the same after a trip through MessagePack: {params!r}, then {kept!r}",
    )
    payloads = _check_split(kind, params)
    partials = [_check_run(kind, payload, number) for number, payload in enumerate(payloads)]
    return Work(kind, params, payloads, partials)


def _check_work(work: Work, same: Same, orders: int) -> Any:
    """The result."""
    kind, params, partials = work.kind, work.params, work.partials
    result = _finished(kind, params, partials)
    for number in range(orders):
        _check_order(work, result, same, random.Random(number))  # noqa: S311
    _check_decided(kind, params, partials, result, same)
    _check_again(kind, work.payloads[0], partials[0])
    return result


def _check_split(kind: Kind, params: Any) -> list[bytes]:
    """The payloads, packed."""
    payloads = [_packed(payload, f"payload {n}") for n, payload in enumerate(kind.split(params))]
    _fault(bool(payloads), "split yields at least one payload")
    again = [msgspec.msgpack.encode(payload) for payload in kind.split(params)]
    _fault(payloads == again, "split gives the same payloads in the same order each time")
    return payloads


def _packed(value: Any, what: str) -> bytes:
    try:
        packed = msgspec.msgpack.encode(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise KindFault(f"{what} is nothing that MessagePack can carry: {error}") from None
    _fault(
        len(packed) <= PAYLOAD_BYTES_MAX,
        f"{what} has {len(packed):,} bytes; {PAYLOAD_BYTES_MAX:,} may travel",
    )
    return packed


def _check_run(kind: Kind, payload: bytes, number: int) -> bytes:
    """The partial of one subtask, packed."""
    began = time.monotonic()
    partial = kind.run(msgspec.msgpack.decode(payload))
    seconds = time.monotonic() - began
    _fault(
        seconds < kind.subtask_seconds_max,
        f"subtask {number} took {seconds:.1f} s, more than subtask_seconds_max",
    )
    return _fitting(kind, partial, f"the partial of subtask {number}")


def _fitting(kind: Kind, partial: Any, what: str) -> bytes:
    """It packed, if it fits the kind's `Partial`."""
    packed = _packed(partial, what)
    try:
        decode_partial(kind, packed)
    except BadPartial as error:
        raise KindFault(f"{what} does not fit {kind.name}'s Partial: {error}") from None
    return packed


def _check_again(kind: Kind, payload: bytes, partial: bytes) -> None:
    """The same payload must give the same partial, if the kind says so."""
    if kind.deterministic:
        again = kind.run(msgspec.msgpack.decode(payload))
        _fault(
            kind.canonical(again) == kind.canonical(decode_partial(kind, partial)),
            "run gives another partial each time; say deterministic = False, and what is `same`",
        )


def _groups(count: int, chance: random.Random) -> Iterator[list[int]]:
    """Subtasks in any order and in groups of any size."""
    order = chance.sample(range(count), count)
    while order:
        size = chance.randint(1, len(order))
        yield order[:size]
        order = order[size:]


def _check_order(work: Work, result: Any, same: Same, chance: random.Random) -> None:
    """Combine in groups, each encoded again, as leases return."""
    kind = work.kind
    groups = list(_groups(len(work.partials), chance))
    parts = [_fitting(kind, work.combined(group), "a combined partial") for group in groups]
    found = _finished(kind, work.params, parts)
    _fault(
        same(found, result),
        f"the result depends on the order or the grouping of partials: {found!r}, {result!r}",
    )
    _check_alike(kind, _combined(kind, parts), work.combined(range(len(work.partials))))
    for group, part in zip(groups, parts, strict=True):
        _check_honest(work, part, sorted(group))


def _check_alike(kind: Kind, one: Any, other: Any) -> None:
    """The same partials, combined in two ways."""
    if kind.deterministic:
        _fault(
            kind.canonical(one) == kind.canonical(other),
            "canonical depends on the order or the grouping of partials: sort what has no order, "
            "sum exactly, or say deterministic = False and what is `same`",
        )
    _fault(kind.same(one, other), "partials are not the `same` when combined in another order")


def _check_honest(work: Work, packed: bytes, subtasks: list[int]) -> None:
    try:
        work.check(decode_partial(work.kind, packed), subtasks)
    except BadPartial as error:
        raise KindFault(f"check refuses an honest partial of {subtasks}: {error}") from None


class Trial(NamedTuple):
    """One wrong partial, packed, that a worker might send for these subtasks."""

    work: Work
    subtasks: list[int]
    packed: bytes
    is_noticed: bool

    @property
    def shown(self) -> str:
        return f"{self.subtasks}: {msgspec.msgpack.decode(self.packed)!r}"[:SHOWN_CHARS_MAX]


def _trials(work: Work, orders: int) -> Iterator[Trial]:
    count, chance = len(work.partials), random.Random(0)  # noqa: S311
    groups = [[i] for i in range(min(count, SINGLES_MAX))]
    for _ in range(orders):
        groups += _groups(count, chance)
    others = [msgspec.msgpack.decode(partial) for partial in work.partials]
    for group in groups:
        honest = _packed(work.combined(group), "a combined partial")
        yield from _changed(work, sorted(group), honest, others, chance)


def _changed(
    work: Work, subtasks: list[int], honest: bytes, others: list[Any], chance: random.Random
) -> Iterator[Trial]:
    """The changes of one honest partial that make another one of it."""
    kind, value = work.kind, msgspec.msgpack.decode(honest)
    canonical = kind.canonical(decode_partial(kind, honest))
    for packed in _different(value, others, chance):
        try:
            wrong = decode_partial(kind, packed)
        except BadPartial:
            continue  # the type `Partial` refuses it already
        try:
            if kind.canonical(wrong) == canonical:
                continue
            work.check(decode_partial(kind, packed), subtasks)
        except BadPartial:
            yield Trial(work, subtasks, packed, is_noticed=True)
        except Exception as error:
            shown = repr(wrong)[:SHOWN_CHARS_MAX]
            what = f"check and canonical raise BadPartial or nothing, not {error!r}, for {shown}"
            raise KindFault(what) from error
        else:
            yield Trial(work, subtasks, packed, is_noticed=False)


def _different(value: Any, others: list[Any], chance: random.Random) -> Iterable[bytes]:
    """Up to CHANGES_EACH changes of one partial, packed."""
    found = dict[bytes, None]()
    for _ in range(CHANGES_EACH):
        with contextlib.suppress(OverflowError):  # beyond 64 bits nothing travels
            found[msgspec.msgpack.encode(mutated(value, others, chance))] = None
    return found


def _check_check(kind: Kind, done: Sequence[Work], same: Same, orders: int) -> None:
    if type(kind).check is Kind.check:
        _fault(not kind.proves, "it says that check proves, but has none")
        what = "has no check: its partials are believed unless they are computed twice"
        warnings.warn(f"{kind.name} {what}", stacklevel=3)
        return
    trials = [trial for work in done for trial in _trials(work, orders)]
    noticed = sum(trial.is_noticed for trial in trials)
    log.info("%s: check noticed %d of %d wrong partials", kind.name, noticed, len(trials))
    _fault(bool(noticed or not trials), f"check notices none of {len(trials)} wrong partials")
    for trial in trials if kind.proves else ():
        if not trial.is_noticed:
            _check_harmless(trial, same)


def _check_harmless(trial: Trial, same: Same) -> None:
    """A wrong partial that a proof lets pass must not change the result."""
    work = trial.work
    rest = [part for i, part in enumerate(work.partials) if i not in trial.subtasks]
    try:
        found = _finished(work.kind, work.params, [*rest, trial.packed])
    except Exception:  # noqa: BLE001  it makes no result
        return
    right = _finished(work.kind, work.params, work.partials)
    _fault(
        same(found, right),
        f"it says that check proves, but check did not notice {trial.shown}, which gives {found!r}",
    )


def _check_decided(kind: Kind, params: Any, partials: list[bytes], result: Any, same: Same) -> None:
    for count in range(1, len(partials)):
        partial = _combined(kind, partials[:count])
        if kind.is_decided(partial, params):
            found = _finished(kind, params, partials[:count])
            _fault(
                same(found, result),
                f"is_decided after {count} subtasks, but that is another result: {found!r}",
            )
            return


def _combined(kind: Kind, partials: list[bytes]) -> Any:
    """From fresh copies: `combine` may change what it is given."""
    return combine_all(kind, [decode_partial(kind, partial) for partial in partials])


def _finished(kind: Kind, params: Any, partials: list[bytes]) -> Any:
    whole = _fitting(kind, _combined(kind, partials), "the partial of all subtasks")
    result = kind.finish(decode_partial(kind, whole), params)
    try:
        return json.loads(json.dumps(result, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise KindFault(f"the result is nothing that JSON can carry: {error}") from None
