"""Liars work in shifts, so that there is one of them at a time among the honest owners."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import cycle

from tests.attackers import GANGS, Liar, Target

SHIFT_SECONDS = 4.0  # in a minute each has its turn


class Shifts(threading.Thread):
    """`gangs` take turns; those who collude come together."""

    def __init__(self, target: Target) -> None:
        super().__init__(daemon=True, name="shifts")
        self.gangs = [[liar(target) for liar in gang] for gang in GANGS]
        self.leaving = threading.Event()

    @property
    def liars(self) -> list[Liar]:
        return [liar for gang in self.gangs for liar in gang]

    def run(self) -> None:
        for liar in self.liars:
            liar.on_shift.clear()
            liar.start()
        for gang in cycle(self.gangs):
            self._work(gang)
            if self.leaving.is_set():
                return

    def _work(self, gang: Sequence[Liar]) -> None:
        for liar in gang:
            liar.on_shift.set()
        self.leaving.wait(SHIFT_SECONDS)
        for liar in gang:
            liar.on_shift.clear()

    def end(self) -> None:
        self.leaving.set()
        if self.is_alive():
            self.join()
        for liar in self.liars:
            liar.leave()
