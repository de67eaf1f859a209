"""Fills Redis and the disk with inputs of tasks that never run."""

from __future__ import annotations

import contextlib
import io

import httpx
import numpy as np

from tests.attackers.attacker import DEFENCES, Attacker
from tests.attackers.target import Target

NUMBERS = 2**18  # 2 MiB a file
KEPT_MAX = 100  # bounded whatever the server lets in


class Filler(Attacker):
    """It pauses each task, since a paused task keeps its input."""

    title = "filler"
    pause_seconds = 0.5

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self.member = target.newcomer()
        self.kept: list[str] = []
        self.seed = 0

    def attack(self) -> None:
        """One more, until there is no room; then start anew."""
        answer = self._submit()
        if answer.status_code == httpx.codes.CREATED:
            self.kept.append(answer.json()["id"])
            self.member.client.post(f"tasks/{self.kept[-1]}/pause/")
            self.counts["accepted"] += 1
        else:
            self.counts[f"{answer.status_code} {answer.json().get('code', '')}"] += 1
        if answer.status_code != httpx.codes.CREATED or len(self.kept) >= KEPT_MAX:
            self._cancel_all()

    def _submit(self) -> httpx.Response:
        self.seed += 1  # no two files are the same: equal ones could be stored once
        made = io.BytesIO()
        np.save(made, np.random.default_rng(self.seed).random(NUMBERS))
        facts = {"group": self.target.group, "kind": "MEAN", "params": "{}"}
        file = ("numbers.npy", made.getvalue(), "application/octet-stream")
        return self.member.client.post("tasks/", data=facts, files={"file": file})

    def _cancel_all(self) -> None:
        while self.kept:
            self.member.client.post(f"tasks/{self.kept.pop()}/cancel/")

    def clear_up(self) -> None:
        with contextlib.suppress(*DEFENCES):
            self._cancel_all()
        self.member.client.close()
