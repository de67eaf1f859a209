"""For those who write a kind: what every kind must keep to, checked with its real code.

from firmlight_client.testing import check_kind

def test_the_law():
    check_kind(WordCount(), {"texts": ["to be", "or not to be"]}, {"texts": [""]})
"""

from __future__ import annotations

import json
import random
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from firmlight_client.kinds import BadPartial, Kind, combine_all, decode_partial, params_schema
from firmlight_client.kinds.local import run_here
from firmlight_client.kinds.partials import loose_ends

__all__ = ("KindFault", "check_kind", "run_here")

PAYLOAD_BYTES_MAX = 16 * 2**20  # a frame of the protocol
ORDERS = 10
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

    Raises KindFault.
    """
    if not examples:
        raise ValueError("give at least one example of params")
    _check_words(kind)
    _check_partial_type(kind)
    return [_check_example(kind, dict(example), same, orders) for example in examples]


def _fault(holds: bool, message: str) -> None:
    if not holds:
        raise KindFault(message)


def _check_words(kind: Kind) -> None:
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


def _check_example(kind: Kind, example: dict[str, Any], same: Same, orders: int) -> Any:
    params = kind.load(json.loads(json.dumps(example)))
    kept = msgspec.msgpack.decode(msgspec.msgpack.encode(params), type=kind.Params)
    _fault(
        kept == params,
        f"params are the same after a trip through MessagePack: {params!r}, then {kept!r}",
    )
    payloads = _check_split(kind, params)
    partials = [_check_run(kind, payload, number) for number, payload in enumerate(payloads)]
    result = _finished(kind, kind.load(example), partials)
    for number in range(orders):
        _check_order(kind, params, partials, result, same, random.Random(number))  # noqa: S311
    _check_decided(kind, params, partials, result, same)
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


def _check_order(
    kind: Kind, params: Any, partials: list[bytes], result: Any, same: Same, chance: random.Random
) -> None:
    """Combine in any order and in groups of any size, each encoded again, as leases return."""
    order, groups = chance.sample(partials, len(partials)), list[bytes]()
    while order:
        size = chance.randint(1, len(order))
        groups.append(_fitting(kind, _combined(kind, order[:size]), "a combined partial"))
        order = order[size:]
    found = _finished(kind, params, groups)
    _fault(
        same(found, result),
        f"the result depends on the order or the grouping of partials: {found!r}, {result!r}",
    )


def _check_decided(kind: Kind, params: Any, partials: list[bytes], result: Any, same: Same) -> None:
    for count in range(1, len(partials)):
        partial = _combined(kind, partials[:count])
        if kind.is_decided(partial):
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
