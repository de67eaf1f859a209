"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
TaskId = Annotated[str, typer.Argument(help="Id of a task.")]


def kind_names(incomplete: str) -> list[str]:
    """For shells that complete words: the kinds installed here."""
    from firmlight_client.kinds import listed

    return [name for name in listed() if name.startswith(incomplete.upper())]
