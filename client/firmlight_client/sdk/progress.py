"""A progress bar on stderr for a caller that waits.

It is tqdm's where that is installed, because it has one for notebooks, and rich's otherwise.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from typing import Any

Show = Callable[[dict[str, Any]], None]


@contextlib.contextmanager
def bar(info: dict[str, Any], *, shown: bool) -> Iterator[Show]:
    """A function that takes snapshots of a task and moves the bar."""
    if not shown:
        yield lambda snapshot: None
    elif importlib.util.find_spec("tqdm"):
        with _tqdm(_name(info)) as show:
            yield show
    else:
        with _rich(_name(info)) as show:
            yield show


def _name(info: dict[str, Any]) -> str:
    from firmlight_client.text import one_line

    return one_line(info.get("title") or info.get("kind") or "task", 40)


@contextlib.contextmanager
def _tqdm(name: str) -> Iterator[Show]:
    from tqdm.auto import tqdm  # type: ignore[import-untyped,import-not-found,unused-ignore]

    with tqdm(
        total=1.0, desc=name, bar_format="{desc}: {percentage:3.0f}%|{bar}| {elapsed}"
    ) as drawn:

        def show(snapshot: dict[str, Any]) -> None:
            drawn.n = float(snapshot.get("progress") or 0.0)
            drawn.refresh()

        yield show


@contextlib.contextmanager
def _rich(name: str) -> Iterator[Show]:
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    from firmlight_client.text import one_line

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[status]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as drawn:
        line = drawn.add_task(escape(name), total=1.0, status="")

        def show(snapshot: dict[str, Any]) -> None:
            share = float(snapshot.get("progress") or 0.0)
            status = escape(one_line(str(snapshot.get("status", ""))))
            drawn.update(line, completed=share, status=status)

        yield show
