"""Submit tasks, see where they stand, end them, collect results."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from firmlight_client.cli.words import AsJson, TaskId
from firmlight_client.typed import parse_deadline, parse_params

if TYPE_CHECKING:
    from firmlight_client.api import Task


def submit(
    kind: Annotated[str, typer.Argument(help="FACTORIZATION, MEAN, CRAWLER, …")],
    params: Annotated[list[str] | None, typer.Argument(help="key=value; the value as JSON or as plain text")] = None,
    group: Annotated[str, typer.Option(help="Id or name of the group.")] = ...,  # type: ignore[assignment]
    file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, readable=True, help="Input from this file.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="What others read.")] = None,
    priority: Annotated[str | None, typer.Option(help="low, normal or high")] = None,
    allow_partial: Annotated[bool, typer.Option("--allow-partial", help="Go on without subtasks that fail.")] = False,
    deadline: Annotated[
        str | None, typer.Option(help="Give up then: an ISO time, or 90s, 10m, 2h, 1d from now.")
    ] = None,
    subtask_seconds: Annotated[
        float | None, typer.Option(min=0.001, help="What one subtask may take before it counts as failed.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the result and print it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Submit a task to a group; print its id."""
    from firmlight_client import session

    given, until = parse_params(params or []), parse_deadline(deadline) if deadline else None
    with session.client() as user:
        task = user.submit(
            kind,
            group=group,
            title=title,
            file=file,
            priority=priority,
            allow_partial=allow_partial,
            deadline=until,
            subtask_seconds_max=subtask_seconds,
            params=given,
        )
        if as_json or not wait:
            typer.echo(json.dumps(task.info) if as_json else task.id)
        if wait:
            result = _result_with_progress(task)
            show = {"id": task.id, "status": task.status, "result": result}
            typer.echo(json.dumps(show) if as_json else json.dumps(result, indent=2))


def _result_with_progress(task: Task) -> Any:
    """The result; how far it is goes to stderr while somebody looks."""
    if sys.stderr.isatty():
        for snapshot in task.watch():
            typer.echo(f"\r{snapshot['status']:<12} {snapshot.get('progress', 0):4.0%} ", err=True, nl=False)
        typer.echo("\r" + " " * 24 + "\r", err=True, nl=False)
    return task.result()


def status(
    task: Annotated[str, typer.Argument(help="Id of a task; without it, your latest tasks.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show where a task stands, or list the latest."""
    from firmlight_client import session
    from firmlight_client.reports import task_line, task_report

    with session.client() as user:
        if task:
            info = user.task(task).info
            typer.echo(json.dumps(info) if as_json else task_report(info))
            return
        for row in user.transport.get("tasks/")["results"]:
            typer.echo(json.dumps(row) if as_json else task_line(row))


def cancel(task: TaskId, as_json: AsJson = False) -> None:
    """End a task; there will be no result."""
    _tell(task, "cancel", as_json=as_json)


def pause(task: TaskId, as_json: AsJson = False) -> None:
    """Give out no more of a task until it is resumed."""
    _tell(task, "pause", as_json=as_json)


def resume(task: TaskId, as_json: AsJson = False) -> None:
    """Go on with a paused task."""
    _tell(task, "resume", as_json=as_json)


def _tell(task: str, verb: str, *, as_json: bool) -> None:
    from firmlight_client import session
    from firmlight_client.reports import task_line

    with session.client() as user:
        told = getattr(user.task(task), verb)()
        typer.echo(json.dumps(told.info) if as_json else task_line(told.info))


def result(
    task: TaskId,
    as_json: AsJson = False,
) -> None:
    """Print the result of a task that is over."""
    from firmlight_client import session

    with session.client() as user:
        found = user.transport.get(f"tasks/{task}/result/")
        typer.echo(json.dumps(found, indent=None if as_json else 2))
