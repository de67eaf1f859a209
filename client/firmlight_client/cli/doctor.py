"""What may keep this machine from working, and whether it computes right."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from firmlight_client.cli.options import AsJson
from firmlight_client.cli.output import say
from firmlight_client.cli.work import Slots

if TYPE_CHECKING:
    from firmlight_client.doctor.compute import Check

SHOWN_SECONDS = 0.2  # between two looks at the progress
PROGRESS_COLUMNS = 60


def doctor(
    as_json: AsJson = False,
    compute: Annotated[
        bool,
        typer.Option("--compute", help="Let all slots compute subtasks whose answers are known."),
    ] = False,
    slots: Slots = None,
    minutes: Annotated[
        float | None,
        typer.Option(min=0, max=10_000, help="With --compute: go on for so long."),
    ] = None,
    rounds: Annotated[
        int | None,
        typer.Option(min=1, help="With --compute: go on for so many rounds, not for one."),
    ] = None,
) -> None:
    """Find out why this machine gets no work, and what to do.

    It checks server, token, clock, proxy, WebSocket, slots and the speed of each kind.

    With --compute it checks instead, without a server, whether the machine computes right: each
    kind on each slot, all slots at the same time, for a few seconds.

    Exit code 1 if something keeps this machine from working, or if an answer is wrong.

    Example: firmlight doctor --compute --minutes 30
    """
    if compute:
        if minutes is not None and rounds is not None:
            raise typer.BadParameter("Give --minutes or --rounds, not both.")
        is_fine = _compute(as_json, slots, minutes, rounds)
    elif (slots, minutes, rounds) != (None, None, None):
        raise typer.BadParameter("--slots, --minutes and --rounds go with --compute.")
    else:
        is_fine = _check(as_json)
    if not is_fine:
        raise typer.Exit(1)


def _check(as_json: bool) -> bool:
    """Whether nothing keeps this machine from working."""
    from firmlight_client.doctor import checks

    is_fine = True
    for finding in checks.findings():
        if finding.state == checks.BAD:
            is_fine = False
        if as_json:
            say(json.dumps(finding._asdict()))
        else:
            say(f"{finding.state:<5} {finding.check:<10} {finding.words}")
    return is_fine


def _compute(as_json: bool, slots: int | None, minutes: float | None, rounds: int | None) -> bool:
    """Whether nothing was wrong and nothing failed. Ctrl-C ends it early."""
    import asyncio

    from firmlight_client.auth import session
    from firmlight_client.doctor import compute, compute_report
    from firmlight_client.text import count
    from firmlight_client.worker.consent import rules

    own = rules.load(session.home(), slots=slots).plain
    progress = _Progress()
    check = compute.Check(own.slots_wanted, progress)
    if not as_json:
        number = count(own.slots_wanted, "slot")
        say(f"Computing on {number} at the same time, as for real work. Ctrl-C ends it early.\n")
    with contextlib.suppress(KeyboardInterrupt):
        options = own.slot_options(public=False)
        asyncio.run(check.run(options, rounds=rounds or 1, seconds=60 * (minutes or 0)))
    progress.end()
    rows = list(check.rows())
    found = [json.dumps({"check": "compute", **row._asdict()}) for row in rows]
    for line in found if as_json else compute_report.lines(rows):
        say(line)
    return not any(row.state in (compute.WRONG, compute.FAILED) for row in rows)


class _Progress:
    """In a terminal, stderr shows how far it is, and whether anything was wrong so far."""

    def __init__(self) -> None:
        self.began = self.shown = time.monotonic()
        self.is_shown = sys.stderr.isatty()

    def __call__(self, check: Check) -> None:
        now = time.monotonic()
        if self.is_shown and now - self.shown > SHOWN_SECONDS:
            self.shown = now
            words = f"{check.answers:,} answers, {check.wrong:,} wrong, {now - self.began:.0f} s"
            self._write(f"\r{words:<{PROGRESS_COLUMNS}}")

    def end(self) -> None:
        """Remove it."""
        if self.is_shown:
            self._write(f"\r{'':<{PROGRESS_COLUMNS}}\r")

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()
