"""Payloads in batches, bounded in number and size. Pure; it runs in a child."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec


class RuleBroken(Exception):
    """The kind broke a rule of ours; the message is for the task's members."""


class SplitLimits(msgspec.Struct, frozen=True):
    """How a split is cut into batches, and how far it may go.

    Workers start on the first batch, so it has only `first_subtasks`.
    """

    first_subtasks: int
    batch_subtasks_max: int
    batch_bytes_max: int
    subtasks_max: int
    payload_bytes_max: int


@dataclass
class Batch:
    """Subtasks `first`, `first` + 1, … as MessagePack. `last`: there are no more."""

    first: int
    payloads: list[bytes]
    last: bool


def batches(payloads: Iterable[bytes], limits: SplitLimits) -> Iterator[Batch]:
    """Cut payloads into batches: first a small one, then by count and bytes.

    Raises RuleBroken beyond the limits.
    """
    index, batch, size = 0, Batch(0, [], False), 0
    most = limits.first_subtasks
    for payload in payloads:
        _check(index, payload, limits)
        is_full = len(batch.payloads) >= most
        is_large = bool(batch.payloads) and size + len(payload) > limits.batch_bytes_max
        if is_full or is_large:
            yield batch
            batch, size, most = Batch(index, [], False), 0, limits.batch_subtasks_max
        batch.payloads.append(payload)
        index, size = index + 1, size + len(payload)
    if index == 0:
        raise RuleBroken("There is nothing to compute in this input.")
    batch.last = True
    yield batch


def _check(index: int, payload: bytes, limits: SplitLimits) -> None:
    if index >= limits.subtasks_max:
        raise RuleBroken(f"More than {limits.subtasks_max:,} subtasks.")
    if len(payload) > limits.payload_bytes_max:
        raise RuleBroken(
            f"Subtask {index} has {len(payload):,} bytes; at most {limits.payload_bytes_max:,}."
        )
