"""Your machines, as the server sees them."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from firmlight_client.cli.options import AsJson
from firmlight_client.cli.output import say


def workers(
    let_back: Annotated[
        str,
        typer.Option(
            metavar="NAME_OR_ID", help="End the suspension of this worker: it gets work again."
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """List your workers, or let a suspended one back.

    Example: firmlight workers --let-back tower
    """
    from firmlight_client.cli.reports import worker_lines
    from firmlight_client.sdk.client import Client

    with Client.from_login() as user:
        rows = [user.let_back(let_back)] if let_back else user.workers()
        for line in map(json.dumps, rows) if as_json else worker_lines(rows):
            say(line)


def drain(
    worker: Annotated[str, typer.Argument(metavar="NAME_OR_ID", help="One of your workers.")],
) -> None:
    """Have a worker finish what it holds, and leave. Example: firmlight drain tower"""
    from firmlight_client.sdk.client import Client

    with Client.from_login() as user:
        user.drain(worker)
        say(f"{worker} finishes what it holds, and leaves.")
