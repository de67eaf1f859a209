"""What this machine may do, for each group."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from firmlight_client.cli.options import AsJson
from firmlight_client.cli.output import say
from firmlight_client.protocol import ALL_GROUPS

if TYPE_CHECKING:
    from firmlight_client.worker.consent.group_file import Memory
    from firmlight_client.worker.consent.rulebook import Rulebook
    from firmlight_client.worker.consent.rules import Consent, Rules

config = typer.Typer(
    help=(
        "Say what this machine may do for your groups. "
        "Example: firmlight config set kinds MEAN --group 'Lab Seven'"
    ),
    invoke_without_command=True,
    rich_markup_mode=None,
)
Group = Annotated[str, typer.Option("--group", help="For this group only: its name or id.")]
Key = Annotated[
    str, typer.Argument(help="One of those that `firmlight config` shows: slots, kinds, hours, …")
]


@config.callback()
def show(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the rules in force, and the file they stand in."""
    from firmlight_client.auth import session
    from firmlight_client.worker.consent import rules

    if context.invoked_subcommand:
        return
    loaded = rules.load(session.home())
    book = _rulebook(loaded)
    if as_json:
        for group, own in loaded.rows():
            say(json.dumps({"group": group, **_which(book, group), **_fields(own)}))
        return
    say(f"{session.home() / rules.FILE}")
    for group, own in loaded.rows():
        title = "every group" if group == ALL_GROUPS else f"{group}{_about(book, group)}"
        say(f"\n{title}")
        for key, value in _fields(own).items():
            say(f"  {key:<20} {_words(value)}")
    problems = [] if book.groups is None else book.problems()
    if problems:
        say("\n" + "\n".join(problems))


def _rulebook(loaded: Consent) -> Rulebook:
    """The rules, with the groups that the server sent to the worker last."""
    from firmlight_client.worker.consent.rulebook import Rulebook

    memory = _memory()
    book = Rulebook(loaded, (), memory)
    book.learn(memory.groups)
    return book


def _memory() -> Memory:
    from firmlight_client.auth import session
    from firmlight_client.errors import FirmlightClientError
    from firmlight_client.worker.consent import group_file

    try:
        url, _ = session.worker_access()
    except (FirmlightClientError, ValueError):  # nobody is logged in
        return group_file.Memory()
    return group_file.load(session.home(), url)


def _which(book: Rulebook, group: str) -> dict[str, Any]:
    """For programs: the group's id and name, and whether the owner is in it.

    An id that is not known is "", and `fits` is None while the groups are not known.
    """
    if group == ALL_GROUPS:
        return {}
    fits = None if book.groups is None else book.fits(group)
    return {"id": book.bound[group], "name": book.called_now(group) or group, "fits": fits}


def _about(book: Rulebook, group: str) -> str:
    """For people: what there is to say of the name of a group."""
    if book.groups is None:
        return "  (looked up when the worker connects)"
    if not book.fits(group):
        return "  (fits no group of yours)"
    name = book.called_now(group)
    return f'  (now called "{name}")' if name else ""


def _fields(rules: Rules) -> dict[str, Any]:
    import msgspec

    found: dict[str, Any] = msgspec.to_builtins(rules)
    return found


def _words(value: Any) -> str:
    if value is None or value == []:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(value)
    return str(value)


@config.command("set")
def put(
    key: Key,
    value: Annotated[
        str, typer.Argument(help="3, yes, public, or several with commas: MEAN,CRAWLER")
    ],
    group: Group = "",
) -> None:
    """Write one rule. Example: firmlight config set hours 22:00-07:00,sat-sun"""
    from firmlight_client.auth import session
    from firmlight_client.worker.consent import consent_file, rules

    memory = _memory()
    say(consent_file.put(session.home(), key, value, group, memory))
    if group and memory.groups is not None:
        for problem in _rulebook(rules.load(session.home())).problems():
            say(problem)


@config.command("unset")
def unset(key: Key = "", group: Group = "") -> None:
    """Take one rule out of the file, or all of a group. Example: firmlight config unset hours"""
    from firmlight_client.auth import session
    from firmlight_client.worker.consent import consent_file

    say(consent_file.unset(session.home(), key, group, _memory()))


@config.command("forget")
def forget(
    name: Annotated[str, typer.Argument(help="As it stands in the file, or after --group.")],
) -> None:
    """Forget which group a name means: it is looked up anew.

    Example: firmlight config forget 'Lab Seven'
    """
    from firmlight_client.auth import session
    from firmlight_client.worker.consent import group_file

    if group_file.forget(session.home(), name):
        say(f"{name} is looked up anew when the worker starts.")
    else:
        say(f"{name} has not been looked up yet.")
