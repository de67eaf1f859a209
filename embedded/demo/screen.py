"""What the demo prints: lines, progress bars and a table; plain text in a pipe."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

FINAL = {"succeeded", "failed", "cancelled"}


class Screen:
    """Prints to the terminal."""

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
        """Show a spinner with this text during the context; nothing in a pipe."""
        if self.console.is_terminal:
            return self.console.status(text, spinner="dots")
        return nullcontext()

    def contributions(self, rows: list[tuple[str, dict[str, Any]]]) -> None:
        """A table of (title, contribution)."""
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        for name in ("  task", "member", "worker"):
            table.add_column(name, no_wrap=True)
        for name in ("subtasks", "share", "computed", "failures", "lost"):
            table.add_column(name, justify="right", no_wrap=True)
        previous = ""
        for title, one in rows:
            table.add_row(f"  {title}" if title != previous else "", *_cells(one))
            previous = title
        self.console.print(table)

    def _line(self, sign: str, colour: str, text: str) -> None:
        self.console.print(Text.assemble((f"  {sign} ", colour), text))


class Board:
    """A progress bar for each task, drawn from the API's answers during the context."""

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
        self._ended: set[str] = set()

    def __enter__(self) -> "Board":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def update(self, task: dict[str, Any], seconds: float) -> None:
        """Draw one task; `seconds` have passed since it was submitted."""
        if task["id"] in self._ended:
            return  # its last line stays
        state = f"{_counted(task)} · {seconds:.1f} s"
        self._progress.update(
            self._bars[task["id"]],
            completed=1.0 if task["status"] == "succeeded" else task["progress"],
            state=state,
        )
        if task["status"] in FINAL:
            self._ended.add(task["id"])
            if not self._screen.console.is_terminal:
                self._screen.done(f"{self._titles[task['id']]}: {task['status']}, {state}")


def _counted(task: dict[str, Any]) -> str:
    """The progress in words, such as "5 of 49 subtasks were enough"."""
    done, total = task["counts"]["done"], task["counts"]["total"]
    if not total:
        return "being split"
    noun = "subtask" if total == 1 else "subtasks"
    text = f"{done} of {total} {noun}"
    if task["status"] == "succeeded" and done < total:
        text += " were enough"
    return text


def _cells(one: dict[str, Any]) -> list[str]:
    return [
        one["member"]["username"],
        one["worker"]["name"],
        str(one["subtasks"]),
        f"{one['share']:.0f} %",
        f"{one['compute_seconds']:.2f} s",
        str(one["failures"]),
        str(one["lost"]),
    ]
