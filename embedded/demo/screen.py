"""How the demo looks: calm lines, a bar for each task while it runs, a table at the end. Plain when
piped.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

FINAL = {"succeeded", "failed", "cancelled"}


class Screen:
    """What is said to the person at the terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, soft_wrap=True)

    def heading(self, text: str) -> None:
        self.console.print()
        self.console.print(Text(text, style="bold"))

    def done(self, text: str) -> None:
        self._line("✓", "green", text)

    def lost(self, text: str) -> None:
        self._line("✗", "red", text)

    def waiting(self, text: str) -> AbstractContextManager[object]:
        """Say what is being waited for, as long as the context lasts; nothing when piped."""
        return (
            self.console.status(text, spinner="dots") if self.console.is_terminal else nullcontext()
        )

    def contributions(self, rows: list[tuple[str, dict[str, Any]]]) -> None:
        """A table of (title, contribution)."""
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        for name in ("  task", "member", "worker"):
            table.add_column(name, no_wrap=True)
        for name in ("subtasks", "share", "computed", "failures"):
            table.add_column(name, justify="right", no_wrap=True)
        previous = ""
        for title, one in rows:
            table.add_row(f"  {title}" if title != previous else "", *_cells(one))
            previous = title
        self.console.print(table)

    def _line(self, sign: str, colour: str, text: str) -> None:
        self.console.print(Text.assemble((f"  {sign} ", colour), text))


class Board:
    """One bar for each task, redrawn from what the API says; a context manager around the watching."""

    def __init__(self, screen: Screen, titles: dict[str, str]) -> None:
        """`titles`: task id -> title, in the order to show them."""
        width = max(map(len, titles.values()))
        self._screen = screen
        self._progress = Progress(
            TextColumn(" "),
            SpinnerColumn("dots", finished_text="[green]✓[/]"),
            TextColumn(f"{{task.description:<{width}}}"),
            BarColumn(24, complete_style="cyan", finished_style="green"),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("[dim]{task.fields[state]}[/]"),
            console=screen.console,
            refresh_per_second=10,
            transient=False,
            disable=not screen.console.is_terminal,
        )
        self._titles = titles
        self._bars: dict[str, TaskID] = {
            task: self._progress.add_task(title, total=1.0, state="queued")
            for task, title in titles.items()
        }
        self._over: set[str] = set()

    def __enter__(self) -> "Board":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def update(self, task: dict[str, Any], seconds: float) -> None:
        """`seconds`: since it was submitted."""
        over = task["status"] in FINAL
        if over and task["id"] in self._over:
            return
        state = f"{_counted(task)} · {seconds:.1f} s"
        self._progress.update(
            self._bars[task["id"]],
            completed=1.0 if task["status"] == "succeeded" else task["progress"],
            state=state,
        )
        if over:
            self._over.add(task["id"])
            if not self._screen.console.is_terminal:
                self._screen.done(f"{self._titles[task['id']]}: {task['status']}, {state}")


def _counted(task: dict[str, Any]) -> str:
    """How far it is, in words: "5 of 49 subtasks were enough"."""
    done, total = task["counts"]["done"], task["counts"]["total"]
    if not total:
        return "being split"
    enough = task["status"] == "succeeded" and done < total
    return f"{done} of {total} subtask{'' if total == 1 else 's'}{' were enough' if enough else ''}"


def _cells(one: dict[str, Any]) -> list[str]:
    return [
        one["member"]["username"],
        one["worker"]["name"],
        str(one["subtasks"]),
        f"{one['share']:.0f} %",
        f"{one['compute_seconds']:.2f} s",
        str(one["failures"]),
    ]
