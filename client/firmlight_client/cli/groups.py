"""Your groups."""

from __future__ import annotations

import json

import typer

from firmlight_client.cli.words import AsJson


def groups(as_json: AsJson = False) -> None:
    """List your groups."""
    from firmlight_client import session

    with session.client() as user:
        for group in user.groups():
            typer.echo(json.dumps(group) if as_json else f"{group['id']}  {group['name']}")
