"""How tasks and groups look in a notebook. Everything that others wrote is escaped."""

from __future__ import annotations

from html import escape
from typing import Any

Row = dict[str, Any]


def task_html(task: Row) -> str:
    """Title, status, a bar, the counts, and how the result was checked.

    The bar is a <progress>: so it has the notebook's own colours.
    """
    kind, title = _text(task.get("kind")), _text(task.get("title") or task.get("kind"))
    share = float(task.get("progress") or 0.0)
    counts = task.get("counts") or {}
    error = task.get("error") or {}
    checked = task.get("verification") or {}
    reason = [word for word in (error.get("code"), error.get("message")) if word]
    lines = [
        f"<strong>{title}</strong> {_text(task.get('status'))}",
        f'<progress max="1" value="{share:.4f}">{share:.0%}</progress> {share:.0%}',
        ", ".join(f"{_text(number)} {_text(state)}" for state, number in counts.items()),
        _text(": ".join(reason)),
        _text(checked.get("sentence")),
        f"<small>{kind} <code>{_text(task.get('id'))}</code></small>",
    ]
    return "<div>" + "<br>".join(filter(None, lines)) + "</div>"


def group_html(group: Row) -> str:
    lines = [
        f"<strong>{_text(group.get('name'))}</strong>",
        _text(group.get("description") or ""),
        f"<small><code>{_text(group.get('id'))}</code></small>",
    ]
    return "<div>" + "<br>".join(filter(None, lines)) + "</div>"


def _text(value: object) -> str:
    return escape(str(value)) if value is not None else ""
