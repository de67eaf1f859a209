"""Submit tasks, end them, collect results."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from firmlight_client.cli.arguments import parse_deadline, parse_params
from firmlight_client.cli.options import AsJson, TaskId, kind_names
from firmlight_client.cli.output import say
from firmlight_client.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from firmlight_client.sdk.client import Task

STDIN = "-"


def submit(
    kind: Annotated[
        str, typer.Argument(help="FACTORIZATION, MEAN, CRAWLER, …", autocompletion=kind_names)
    ],
    params: Annotated[
        list[str] | None,
        typer.Argument(
            help="key=value, the value as JSON or as plain text; - takes a JSON object from stdin"
        ),
    ] = None,
    group: Annotated[str, typer.Option(help="Id or name of the group.")] = ...,  # type: ignore[assignment]
    file: Annotated[Path | None, typer.Option(help="Input from this file; - is stdin.")] = None,
    stdin_name: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="What a file on stdin is called: its ending says how it is read."
        ),
    ] = "stdin.txt",
    title: Annotated[str | None, typer.Option(help="What others read.")] = None,
    priority: Annotated[str | None, typer.Option(help="low, normal or high")] = None,
    allow_partial: Annotated[
        bool, typer.Option("--allow-partial", help="Go on without subtasks that fail.")
    ] = False,
    deadline: Annotated[
        str | None, typer.Option(help="Give up then: an ISO time, or 90s, 10m, 2h, 1d from now.")
    ] = None,
    subtask_seconds: Annotated[
        float | None,
        typer.Option(min=0.001, help="What one subtask may take before it counts as failed."),
    ] = None,
    verify: Annotated[
        str | None,
        typer.Option(
            help="How much of it others recompute: auto (the default; about 5 % more work once "
            "the group's members are known), none, sample (about 5 %), all (twice the work)."
        ),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the result and print it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Submit a task to a group.

    Beside a file, key=value words say how it is read: column=temp, decimal=comma, sheet=S2,
    heading=no. It prints the task's id, or with --wait its result (exit code 1 if there is none).
    Example: firmlight submit FACTORIZATION number=1000000000000000009 --group "Lab Seven" --wait
    """
    from firmlight_client.sdk.client import Client

    words, given = _from_stdin(params or [])
    given |= parse_params(words)
    until = parse_deadline(deadline) if deadline else None
    with Client.from_login() as user:
        task = user.submit(
            kind,
            group=group,
            title=title,
            file=_input(file, stdin_name),
            priority=priority,
            allow_partial=allow_partial,
            deadline=until,
            subtask_seconds_max=subtask_seconds,
            verify=verify,
            params=given,
        )
        if verify and task.info.get("verify", verify) != verify:
            given_instead = one_line(f"{task.info['verify']}, not {verify}")
            say(f"The group asks for more checks: {given_instead}.", err=True)
        if as_json or not wait:
            say(json.dumps(task.info) if as_json else task.id)
        if wait:
            result = task.result(progress=sys.stderr.isatty())
            if as_json:
                shown = {"id": task.id, "status": task.status, "result": result}
                say(json.dumps({**shown, "verification": task.info.get("verification")}))
            else:
                say(json.dumps(result, indent=2))
                _say_checks(task)


def _from_stdin(words: list[str]) -> tuple[list[str], dict[str, Any]]:
    """The other words, and the params that the word `-` stands for."""
    if STDIN not in words:
        return words, {}
    try:
        given = json.load(sys.stdin)
    except ValueError as error:
        raise typer.BadParameter(f"what came on stdin is no JSON: {error}") from None
    if not isinstance(given, dict):
        raise typer.BadParameter('stdin must bring one JSON object: {"number": 91}')
    return [word for word in words if word != STDIN], given


def _input(file: Path | None, stdin_name: str) -> Path | BinaryIO | None:
    if file is None:
        return None
    if str(file) != STDIN:
        if not file.is_file():
            raise typer.BadParameter(f"{file} is no file", param_hint="--file")
        return file
    content = io.BytesIO(sys.stdin.buffer.read())
    content.name = stdin_name
    return content


def cancel(task: TaskId, as_json: AsJson = False) -> None:
    """End a task; there will be no result. Example: firmlight cancel 6e0c1f0a-…"""
    _change(task, lambda found: found.cancel(), as_json=as_json)


def pause(task: TaskId, as_json: AsJson = False) -> None:
    """Give out no more of a task until it is resumed. Example: firmlight pause 6e0c1f0a-…"""
    _change(task, lambda found: found.pause(), as_json=as_json)


def resume(task: TaskId, as_json: AsJson = False) -> None:
    """Go on with a paused task. Example: firmlight resume 6e0c1f0a-…"""
    _change(task, lambda found: found.resume(), as_json=as_json)


def _change(task: str, change: Callable[[Task], Task], *, as_json: bool) -> None:
    from firmlight_client.cli.reports import task_line
    from firmlight_client.sdk.client import Client

    with Client.from_login() as user:
        changed = change(user.task(task))
        say(json.dumps(changed.info) if as_json else task_line(changed.info))


def result(
    task: TaskId,
    as_json: AsJson = False,
) -> None:
    """Print the result of a task that is over; on stderr, how it was checked.

    Example: firmlight result 6e0c1f0a-… --json > result.json
    """
    from firmlight_client.sdk.client import Client

    with Client.from_login() as user:
        known = user.task(task)
        found = user.transport.get(f"tasks/{task}/result/")
        say(json.dumps(found, indent=None if as_json else 2))
        _say_checks(known)


def _say_checks(task: Task) -> None:
    """How the result was checked, on stderr: on stdout is the result itself."""
    if task.verification:
        say(one_line(task.verification.sentence), err=True)
