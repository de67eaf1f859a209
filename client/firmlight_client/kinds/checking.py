"""What kinds share for saying how a partial is checked: `Kind.check`, `canonical` and `same`."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from firmlight_client.kinds.partials import BadPartial

if TYPE_CHECKING:
    from firmlight_client.kinds import Kind

PLACES_SHOWN = 5
_encode = msgspec.msgpack.Encoder(order="deterministic").encode


def packed_in_order(value: Any) -> bytes:
    """MessagePack with the keys of maps sorted: equal values give equal bytes.

    Lists keep their order. A kind for which it means nothing sorts them first.
    """
    return _encode(value)


def require(holds: bool, message: str) -> None:
    """Raise BadPartial with this message unless it holds."""
    if not holds:
        raise BadPartial(message)


def check_places(places: Sequence[int], subtasks: Sequence[int]) -> None:
    """Raise BadPartial unless a partial speaks for just these subtasks, once for each.

    `places` are the indices within the partial, in any order. Without this check, a worker that was
    leased subtask 1 could send another answer to subtask 0.
    """
    if sorted(places) == sorted(subtasks):
        return
    foreign = _shown(set(places) - set(subtasks))
    missing = _shown(set(subtasks) - set(places))
    require(not foreign, f"it speaks for subtasks of others: {foreign}")
    require(not missing, f"it says nothing about subtasks of its own: {missing}")
    raise BadPartial("it speaks for a subtask more than once")


def _shown(places: set[int]) -> str:
    first = sorted(places)[:PLACES_SHOWN]
    more = len(places) - len(first)
    return ", ".join(map(str, first)) + (f" and {more} more" if more else "")


def check_signature(kind: Kind) -> None:
    """Raise TypeError unless `is_decided` takes a partial and the params; these came later."""
    try:
        inspect.signature(kind.is_decided).bind(None, None)
    except TypeError:
        raise TypeError(f"{kind.name}: is_decided takes a partial and the params") from None
