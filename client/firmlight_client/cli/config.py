"""What this machine may do, for each group."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from firmlight_client.cli.words import AsJson

config = typer.Typer(
    help="Say what this machine may do for your groups. Example: firmlight config set kinds MEAN --group 'Lab Seven'",
    invoke_without_command=True,
    rich_markup_mode=None,
)
Group = Annotated[str, typer.Option("--group", help="For this group only: its name or id.")]
Key = Annotated[str, typer.Argument(help="One of those that `firmlight config` shows: slots, kinds, hours, …")]


@config.callback()
def show(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the rules in force, and the file they stand in."""
    from firmlight_client import session
    from firmlight_client.worker import consent

    if context.invoked_subcommand:
        return
    rows = consent.load(session.home()).rows()
    if as_json:
        for group, rules in rows:
            typer.echo(json.dumps({"group": group, **_plain(rules)}))
        return
    typer.echo(f"{session.home() / consent.FILE}")
    for group, rules in rows:
        typer.echo(f"\n{'every group' if group == '*' else group}")
        for key, value in _plain(rules).items():
            typer.echo(f"  {key:<20} {_words(value)}")


def _plain(rules: Any) -> dict[str, Any]:
    import msgspec

    found: dict[str, Any] = msgspec.to_builtins(rules)
    return found


def _words(value: Any) -> str:
    if value is None or value == []:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, list) else str(value)


@config.command("set")
def put(
    key: Key,
    value: Annotated[str, typer.Argument(help="3, yes, public, or several with commas: MEAN,CRAWLER")],
    group: Group = "",
) -> None:
    """Write one rule. Example: firmlight config set hours 22:00-07:00,sat-sun"""
    from firmlight_client import session
    from firmlight_client.worker import consent_file

    typer.echo(consent_file.put(session.home(), key, value, group))


@config.command("unset")
def unset(key: Key, group: Group = "") -> None:
    """Take one rule out of the file. Example: firmlight config unset hours"""
    from firmlight_client import session
    from firmlight_client.worker import consent_file

    typer.echo(consent_file.unset(session.home(), key, group))
