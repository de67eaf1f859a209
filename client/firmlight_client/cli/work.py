"""Lend this machine."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from firmlight_client.cli.arguments import parse_memory
from firmlight_client.cli.options import AsJson

QUIET_NICE = 19
Slots = Annotated[
    int | None,
    typer.Option(
        min=1, max=1024, help="How many subtasks at a time; all cores but one if not said."
    ),
]
Memory = Annotated[
    int | None,
    typer.Option(
        metavar="MIB",
        min=0,
        callback=parse_memory,
        help="Memory that a slot may take, in MiB (1024); 0: no limit. Kept on Linux only.",
    ),
]


def work(
    slots: Slots = None,
    group: Annotated[
        list[str] | None, typer.Option(help="Work for this group only (repeatable).")
    ] = None,
    name: Annotated[
        str, typer.Option(help="What this machine is called; its host name if missing.")
    ] = "",
    plain: Annotated[
        bool, typer.Option("--plain", help="Plain lines, no terminal needed.")
    ] = False,
    memory: Memory = None,
    as_json: AsJson = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="A quarter of the cores, at the lowest priority.")
    ] = False,
    always: Annotated[
        bool,
        typer.Option(
            "--always",
            envvar="FIRMLIGHT_ALWAYS",
            help="Work also on battery, and while other programs need the processors.",
        ),
    ] = False,
    allow_private_networks: Annotated[
        bool,
        typer.Option("--allow-private-networks", help="Let tasks reach your own network, too."),
    ] = False,
) -> None:
    """Work for your groups until Ctrl-C; a second Ctrl-C stops at once.

    What it may do is written in a file: `firmlight config`. Example: firmlight work --slots 2
    --group "Lab Seven"
    """
    from firmlight_client.auth import session
    from firmlight_client.worker import report, shell
    from firmlight_client.worker.consent import group_file, rules

    url, token = session.worker_access()
    said = {
        "slots": slots or (max(1, (os.cpu_count() or 1) // 4) if quiet else None),
        "memory_mib": memory,
        "network": "private" if allow_private_networks else None,
        "nice": QUIET_NICE if quiet else None,
        "yield_to_others": False if always else None,
        "on_battery": True if always else None,
    }
    agreed, home = rules.load(session.home(), **said), session.home()
    count = agreed.plain.slots or max(1, (os.cpu_count() or 2) - 1)
    wanted = [rules.check_name(each) for each in group or []]
    known = group_file.load(home, url)
    settings = shell.Settings(
        url, token, count, wanted, name or rules.name(home), agreed, home, known
    )
    with report.observer(plain=plain, as_json=as_json) as view:
        code = shell.run(settings, view)
    if code:
        raise typer.Exit(code)
