"""What commands print."""

from __future__ import annotations

import typer

from firmlight_client.text import visible


def say(text: object = "", *, err: bool = False) -> None:
    r"""Print a text, which may hold what others wrote.

    What a terminal would obey instead of showing it, or what turns and hides letters, is written as
    `\u001b`. Only line breaks and tabs stay: words of others that belong on one line go through
    `one_line` before.
    """
    typer.echo(visible(str(text), keep="\n\t"), err=err)
