"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
TaskId = Annotated[str, typer.Argument(help="Id of a task.")]
