"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
TaskId = Annotated[str, typer.Argument(help="Id of a task.")]


def kind_names(incomplete: str) -> list[str]:
    """For shells that complete words: the kinds installed here."""
    from firmlight_client.kinds import installed

    return [name for name in installed() if name.startswith(incomplete.upper())]
