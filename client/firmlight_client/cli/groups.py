"""Your groups, and ways into them."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from firmlight_client.cli.options import AsJson
from firmlight_client.cli.output import say

# Outcomes of a name that are the caller's mistake, or for which they have to come back
MISTAKES = {"unknown", "yourself", "too_often"}


def groups(as_json: AsJson = False) -> None:
    """List your groups. Example: firmlight groups --json"""
    from firmlight_client.sdk.client import Client
    from firmlight_client.text import one_line

    with Client.from_login() as user:
        for group in user.groups():
            say(json.dumps(group) if as_json else f"{group['id']}  {one_line(group['name'])}")


def invite(
    group: Annotated[str, typer.Argument(help="Id or name of one of your groups.")],
    usernames: Annotated[list[str], typer.Argument(help="User names.")],
    as_json: AsJson = False,
) -> None:
    """Invite people to a group, and say what became of each name.

    Exit code 1 if a name is no user's, or your own, or was invited too often.

    Example: firmlight invite "Lab Seven" ben cleo
    """
    from firmlight_client.sdk.client import Client
    from firmlight_client.text import one_line

    with Client.from_login() as user:
        answers = user.invite(str(user.group(group)["id"]), *usernames)
    for answer in answers:
        words = f"{one_line(answer['username'])}: {answer['outcome'].replace('_', ' ')}"
        say(json.dumps(answer) if as_json else words)
    if any(answer["outcome"] in MISTAKES for answer in answers):
        raise typer.Exit(1)


def accept(
    invitation: Annotated[
        str,
        typer.Argument(
            help="The group's name, or the invitation's id; without it, list what waits for you."
        ),
    ] = "",
    everything: Annotated[bool, typer.Option("--all", help="Accept every invitation.")] = False,
    as_json: AsJson = False,
) -> None:
    """Accept an invitation, or list those that wait for you.

    Example: firmlight accept "Lab Seven"
    """
    from firmlight_client.errors import NotFound
    from firmlight_client.sdk.client import Client

    with Client.from_login() as user:
        rows = user.invitations()
        if invitation and not everything:
            rows = [row for row in rows if _is_called(row, invitation)]
        if invitation and not rows:
            words = f"No invitation to {invitation!r} waits for you."
            raise NotFound("not_found", words, status=404)
        accepts = everything or bool(invitation)
        if accepts:
            for row in rows:
                user.accept(str(row["id"]))
        for row in rows:
            say(json.dumps(row) if as_json else _words(row, accepted=accepts))


def _is_called(row: dict[str, Any], called: str) -> bool:
    return called == str(row["id"]) or called.casefold() == str(row["group"]["name"]).casefold()


def _words(row: dict[str, Any], *, accepted: bool) -> str:
    from firmlight_client.text import member_name, one_line

    group = one_line(row["group"]["name"])
    if accepted:
        return f"You are in {group} now."
    return f"{row['id']}  {group}  from {member_name(row.get('inviter'))}"
