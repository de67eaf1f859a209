"""Kinds of work: those installed here, tried without a server, and new ones."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from firmlight_client.cli.arguments import as_arguments, parse_params
from firmlight_client.cli.options import AsJson, kind_names
from firmlight_client.cli.output import say

if TYPE_CHECKING:
    from firmlight_client.kinds import Kind

kinds = typer.Typer(
    help=(
        "List kinds of work, try one on this machine, write a new one. "
        "Example: firmlight kinds list"
    ),
    no_args_is_help=True,
    rich_markup_mode=None,
)
Name = Annotated[
    str,
    typer.Argument(
        help="FACTORIZATION, MEAN, …: see `firmlight kinds list`", autocompletion=kind_names
    ),
]


@kinds.command("list")
def list_kinds(as_json: AsJson = False) -> None:
    """List the kinds that are installed here. Example: firmlight kinds list --json"""
    from firmlight_client.kinds import listed
    from firmlight_client.text import one_line

    for kind in listed().values():
        facts = {
            "name": kind.name,
            "version": kind.version,
            "title": kind.title,
            "network": kind.network,
        }
        say(
            json.dumps(facts)
            if as_json
            else f"{kind.name:<16} {kind.version:<8} {one_line(kind.title)}"
        )


@kinds.command()
def run(
    name: Name,
    params: Annotated[
        list[str] | None, typer.Argument(help="key=value; the value as JSON or as plain text")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, readable=True, help="Input from this file."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run a kind in this process, without any server, and print its result.

    Example: firmlight kinds run FACTORIZATION number=1000000000000000009
    """
    from firmlight_client.errors import FirmlightClientError
    from firmlight_client.kinds import ParamsError, UnknownKind, get

    try:
        kind = get(name)
        result = _run(kind, _load(kind, parse_params(params or []), file))
    except UnknownKind:
        raise FirmlightClientError(
            f"No kind {name!r} is installed here; see firmlight kinds list"
        ) from None
    except ParamsError as error:
        message = f"{error.field}: {error.message}" if error.field else error.message
        if error.choices:
            message += f". Add one of: {as_arguments(error.choices)}"
        raise FirmlightClientError(message) from None
    say(json.dumps(result, indent=None if as_json else 2))


def _load(kind: Kind, given: dict[str, Any], file: Path | None) -> Any:
    if file is None:
        return kind.load(given)
    with file.open("rb") as opened:
        return kind.load_file(opened, file.name, given)


def _run(kind: Kind, params: Any) -> Any:
    """The result. In a terminal, stderr shows how many subtasks are done."""
    from firmlight_client.kinds.local import run_here
    from firmlight_client.text import count

    began, done, is_shown = time.monotonic(), 0, sys.stderr.isatty()

    def note(number: int) -> None:
        nonlocal done
        done = number
        if is_shown:
            sys.stderr.write(f"\r{count(number, 'subtask')} ")
            sys.stderr.flush()

    result = run_here(kind, params, note)
    if is_shown:
        sys.stderr.write(f"\r{count(done, 'subtask')}, {time.monotonic() - began:.2f} s\n")
    return result


@kinds.command()
def new(
    name: Annotated[str, typer.Argument(help="What it is called: word-count becomes WORD_COUNT.")],
    folder: Annotated[
        Path, typer.Option(file_okay=False, exists=True, help="Where to write it.")
    ] = Path(),
) -> None:
    """Write a package with a new kind, its test and a README.

    Example: firmlight kinds new word-count
    """
    from firmlight_client import new_kind

    made = new_kind.write(name, folder)
    say(f"{made} is ready. Next: cd {made} && pip install -e . && python -m pytest")
