"""Where tasks stand, once or until they are over: a table for people, lines for programs."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from firmlight_client.cli.options import AsJson
from firmlight_client.cli.output import say

if TYPE_CHECKING:
    from rich.table import Table

    from firmlight_client.sdk.client import Client

LOOK_SECONDS = 2.0
Row = dict[str, Any]


def status(
    task: Annotated[str, typer.Argument(help="Id of a task; without it, your latest tasks.")] = "",
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Go on until the task is over; without an id, until Ctrl-C."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show where a task stands, or list the latest.

    With an id, --watch ends when the task is over: exit code 0 if it succeeded, 1 if not.
    Example: firmlight status --watch
    """
    from firmlight_client.sdk.client import Client

    with Client.from_login() as user, contextlib.suppress(KeyboardInterrupt):
        if task:
            _one(user, task, watch=watch, as_json=as_json)
        else:
            _latest(user, watch=watch, as_json=as_json)


def _one(user: Client, task_id: str, *, watch: bool, as_json: bool) -> None:
    from firmlight_client.cli.reports import task_report

    task, shown = user.task(task_id), ""
    snapshots = task.watch() if watch else iter([task.info])
    for info in snapshots:
        text = json.dumps(info) if as_json else task_report(info)
        if text != shown:
            say(text)
        shown = text
    if watch and task.status != "succeeded":
        raise typer.Exit(1)


def _latest(user: Client, *, watch: bool, as_json: bool) -> None:
    looks = _looks(user) if watch else iter([[task.info for task in user.latest()]])
    if sys.stdout.isatty() and not as_json:
        _draw(looks, live=watch)
        return
    from firmlight_client.cli.reports import task_line

    shown: dict[str, str] = {}
    for rows in looks:
        for row in rows:
            line = json.dumps(row) if as_json else task_line(row)
            if shown.get(row["id"]) != line:
                say(line)
            shown[row["id"]] = line


def _looks(user: Client) -> Iterator[list[Row]]:
    while True:
        yield [task.info for task in user.latest()]
        time.sleep(LOOK_SECONDS)


def _draw(looks: Iterator[list[Row]], *, live: bool) -> None:
    from rich.console import Console
    from rich.live import Live

    if not live:
        Console().print(table(next(looks)))
        return
    with Live(table([]), auto_refresh=False) as drawn:
        for rows in looks:
            drawn.update(table(rows), refresh=True)


def table(rows: list[Row]) -> Table:
    """The tasks as a table. What others wrote is shown without markup or control characters."""
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    from firmlight_client.text import one_line

    made = Table(box=None, pad_edge=False)
    for name in ("TASK", "STATUS", "KIND", "DONE", "", "TITLE"):
        made.add_column(
            name, no_wrap=name != "TITLE", justify="right" if name == "DONE" else "left"
        )
    for row in rows:
        share = float(row.get("progress") or 0.0)
        title = Text(one_line(row.get("title") or "", 60))
        words = [Text(one_line(str(row[name]))) for name in ("id", "status", "kind")]
        bar = ProgressBar(total=1.0, completed=share, width=16)
        made.add_row(*words, f"{share:.0%}", bar, title)
    return made
