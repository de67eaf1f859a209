"""Lend this machine."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from firmlight_client.cli.arguments import parse_memory
from firmlight_client.cli.options import AsJson

if TYPE_CHECKING:
    from firmlight_client.worker.dashboard import Dashboard
    from firmlight_client.worker.report import Lines

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
    """Work for your groups until Ctrl-C; a second Ctrl-C stops immediately.

    What it may do is written in a file: `firmlight config`.

    Example: firmlight work --slots 2 --group "Lab Seven"
    """
    from firmlight_client.auth import session
    from firmlight_client.worker import shell
    from firmlight_client.worker.consent import group_file, rules

    url, token = session.worker_access()
    home = session.home()
    said: dict[str, Any] = {"slots": slots, "memory_mib": memory}
    if quiet:
        said["nice"] = QUIET_NICE
        said["slots"] = slots or max(1, (os.cpu_count() or 1) // 4)
    if always:
        said["yield_to_others"] = False
        said["on_battery"] = True
    if allow_private_networks:
        said["network"] = "private"
    consent = rules.load(home, **said)
    settings = shell.Settings(
        url=url,
        token=token,
        slots=consent.plain.slots_wanted,
        groups=[rules.check_name(each) for each in group or []],
        name=name or rules.name(home),
        consent=consent,
        home=home,
        memory=group_file.load(home, url),
    )
    with _view(plain=plain, as_json=as_json) as view:
        code = shell.run(settings, view)
    if code:
        raise typer.Exit(code)


def _view(*, plain: bool, as_json: bool) -> Lines | Dashboard:
    """The view that was asked for; plain lines where there is no terminal."""
    from firmlight_client.worker.report import Lines

    if as_json or plain or not sys.stdout.isatty():
        return Lines(sys.stdout, as_json=as_json)
    from firmlight_client.worker.dashboard import Dashboard

    return Dashboard()
