"""What may keep this machine from working."""

from __future__ import annotations

import json

import typer

from firmlight_client.cli.options import AsJson
from firmlight_client.cli.output import say


def doctor(as_json: AsJson = False) -> None:
    """Find out why this machine gets no work, and what to do.

    It checks server, token, clock, proxy, WebSocket, slots and the speed of each kind.

    Exit code 1 if something keeps this machine from working. Example: firmlight doctor
    """
    from firmlight_client.doctor import checks

    is_fine = True
    for finding in checks.findings():
        if finding.state == checks.BAD:
            is_fine = False
        if as_json:
            say(json.dumps(finding._asdict()))
        else:
            say(f"{finding.state:<5} {finding.check:<10} {finding.words}")
    if not is_fine:
        raise typer.Exit(1)
