"""What may keep this machine from working."""

from __future__ import annotations

import json

import typer

from firmlight_client.cli.options import AsJson


def doctor(as_json: AsJson = False) -> None:
    """Find out why this machine gets no work, and what to do.

    It checks server, token, clock, proxy, WebSocket, slots and the speed of each kind.

    Exit code 1 if something keeps this machine from working. Example: firmlight doctor
    """
    from firmlight_client.doctor import checks as examination

    fine = True
    for finding in examination.findings():
        fine = fine and finding.state != examination.BAD
        if as_json:
            typer.echo(
                json.dumps({"check": finding.check, "state": finding.state, "words": finding.words})
            )
        else:
            typer.echo(f"{finding.state:<5} {finding.check:<10} {finding.words}")
    if not fine:
        raise typer.Exit(1)
