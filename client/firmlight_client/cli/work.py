"""Lend this machine."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from firmlight_client.cli.words import AsJson
from firmlight_client.typed import parse_memory


def work(
    slots: Annotated[int, typer.Option(min=1, max=1024, help="How many subtasks at a time.")] = max(
        1, (os.cpu_count() or 2) - 1
    ),
    group: Annotated[list[str] | None, typer.Option(help="Work for this group only (repeatable).")] = None,
    name: Annotated[str, typer.Option(help="What this machine is called; its host name if missing.")] = "",
    plain: Annotated[bool, typer.Option("--plain", help="Plain lines, no terminal needed.")] = False,
    memory: Annotated[
        int | None,
        typer.Option(
            metavar="MIB",
            min=0,
            callback=parse_memory,
            help="Memory that a slot may take, in MiB (1024); 0: no limit. Kept on Linux only.",
        ),
    ] = None,
    as_json: AsJson = False,
    allow_private_networks: Annotated[
        bool, typer.Option("--allow-private-networks", help="Let tasks reach your own network, too.")
    ] = False,
) -> None:
    """Work for your groups until Ctrl-C; a second Ctrl-C stops at once."""
    from firmlight_client import session
    from firmlight_client.worker import consent, shell, terminal

    url, token = session.worker_access()
    network = "private" if allow_private_networks else None
    rules = consent.load(session.home(), memory_mib=memory, network=network)
    settings = shell.Settings(url, token, slots, group or [], name, rules, session.home())
    with terminal.observer(plain=plain, as_json=as_json) as view:
        code = shell.run(settings, view)
    if code:
        raise typer.Exit(code)
