"""Those who deliver wrong results that look right, each in a way of its own."""

from __future__ import annotations

from typing import Any

from firmlight_client import protocol
from tests.attackers.liar import Liar, honest, lie
from tests.attackers.target import Target

LIE_SHARE = 0.01
BIG_BYTES = 32 * 1024  # of a subtask's payload


class AlwaysWrong(Liar):
    title, size = "always wrong", 1

    def answer(self, lease: protocol.Lease) -> tuple[Any, bool]:
        return lie(lease, self.size), True


class SeldomWrong(Liar):
    """By chance, as broken memory is."""

    title, size = "wrong in 1 of 100", 2

    def answer(self, lease: protocol.Lease) -> tuple[Any, bool]:
        if self.chance.random() < LIE_SHARE:
            return lie(lease, self.size), True
        return honest(lease), False


class WrongWhenBig(Liar):
    """It earns its standing with small tasks."""

    title, size = "wrong on big tasks", 3

    def answer(self, lease: protocol.Lease) -> tuple[Any, bool]:
        if max(map(len, lease.payloads)) >= BIG_BYTES:
            return lie(lease, self.size), True
        return honest(lease), False


class Colluder(Liar):
    """Two owners who tell the same lie, always."""

    title, size = "two who collude", 4

    def answer(self, lease: protocol.Lease) -> tuple[Any, bool]:
        return lie(lease, self.size), True


class Copier(Liar):
    """It computes one lease of each task, and answers the others with a copy of that."""

    title, size = "copies the first answer", 5

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self.first: dict[str, tuple[list[int], Any]] = {}  # task -> (subtasks, partial)

    def answer(self, lease: protocol.Lease) -> tuple[Any, bool]:
        if lease.task not in self.first:
            self.first[lease.task] = (lease.subtasks, honest(lease))
        subtasks, partial = self.first[lease.task]
        return partial, subtasks != lease.subtasks


# Each of them alone among honest owners; only those who collude come together.
GANGS: tuple[tuple[type[Liar], ...], ...] = (
    (AlwaysWrong,),
    (SeldomWrong,),
    (WrongWhenBig,),
    (Colluder, Colluder),
    (Copier,),
)
