"""What a kind says of partials that workers sent, before anything is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from firmlight_client import kinds
from tasks import runs

WORDS_MAX = 300  # characters


def wrong_parts(
    kind: kinds.Kind, partials: Sequence[bytes], subtasks: Sequence[Sequence[int]], params: Any
) -> list[tuple[int, str]]:
    """The places of partials that cannot be right for their subtasks, and why.

    `subtasks` are those of each partial, as `runs`; of one whose subtasks are not known nothing is
    said.
    """
    if type(kind).check is kinds.Kind.check:
        return []
    payloads = payloads_for(kind, params)
    wrong = []
    for place, (partial, its_own) in enumerate(zip(partials, subtasks, strict=True)):
        if not its_own:  # from before the subtasks of a part were noted
            continue
        if why := flaw_in_part(kind, partial, its_own, payloads, params):
            wrong.append((place, why))
    return wrong


def payloads_for(kind: kinds.Kind, params: Any) -> list[Any] | None:
    """All payloads of the task, if the kind's `check` wants to see them."""
    return list(kind.split(params)) if kind.checks_payloads else None


def flaw_in_part(
    kind: kinds.Kind,
    partial: bytes,
    subtasks: Sequence[int],
    payloads: list[Any] | None,
    params: Any,
) -> str:
    """Why the partial cannot be right for these subtasks, as `runs`; "" if nothing speaks against
    it.
    """
    indices = sorted(runs.expanded(subtasks))
    return _flaw(kind, partial, indices, payloads, params)[:WORDS_MAX]


def _flaw(
    kind: kinds.Kind,
    partial: bytes,
    subtasks: list[int],
    payloads: list[Any] | None,
    params: Any,
) -> str:
    """Why the partial cannot be right; "" if nothing speaks against it."""
    own = [payloads[subtask] for subtask in subtasks] if payloads is not None else None
    try:
        kind.check(kinds.decode_partial(kind, partial), subtasks, own, params)
    except kinds.BadPartial as error:
        return str(error) or type(error).__name__
    # Whoever sends what `check` stumbles over must not fail the task with it.
    except Exception as error:  # noqa: BLE001
        return f"it cannot be checked: {type(error).__name__}: {error}"
    return ""
