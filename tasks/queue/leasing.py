"""Leases: granted, completed, failed, given back."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from operator import attrgetter

from django.conf import settings

from tasks.queue.answers import Leased, LeaseKind, Settled
from tasks.queue.keys import Id, base_key, group_of, limits, ms, new_lease_id
from tasks.queue.scripts import Call

LOGGED_ERROR_CHARS = 80
_draw = secrets.SystemRandom().random  # a worker must not be able to foresee it


def lease(
    group: Id,
    *,
    worker: Id,
    owner: Id,
    conn: str,
    kinds: Sequence[str],
    longest_seconds: float | None = None,
    canary: bool | None = None,
) -> Call[Leased]:
    """Lease a run of subtasks to one slot of a worker.

    At the tail of a task these may be subtasks that another worker is late with. Without work the
    connection is noted as waiting for it. Subtasks that may take longer than `longest_seconds` are
    not leased. With `canary` they are some whose partial is known, if there are any; the server
    draws that.
    """
    is_canary = _draw() < settings.CANARY_SHARE_MAX if canary is None else canary
    args = {
        "lease": new_lease_id(group),
        "worker": str(worker),
        "owner": str(owner),
        "conn": conn,
        "kinds": list(kinds),
        "target_s": settings.LEASE_TARGET_SECONDS,
        "least_s": settings.LEASE_SECONDS_MIN,
        "subtasks_max": settings.LEASE_SUBTASKS_MAX,
        "bytes_max": settings.LEASE_BYTES_MAX,
        "lease_ms": ms(settings.LEASE_SECONDS),
        "copies_share": settings.COPIES_SHARE_MAX,
        "canary": is_canary,
        "patience_s": settings.COPY_UNKNOWN_SECONDS,
        "longest_ms": max(1, ms(longest_seconds)) if longest_seconds is not None else 0,
        **limits(),
    }
    return Call("lease", base_key(group), args, Leased)


def _base_of(lease_id: str) -> str:
    """The base key of the lease's group; of an id that is no lease's, a key that holds nothing."""
    return base_key(group_of(lease_id) or "nowhere")


def complete(
    lease_id: str,
    *,
    worker: Id,
    subtasks: Sequence[int],
    partial: bytes,
    seconds: float = 0.0,
    decided: bool = False,
    proves: bool = False,
    chance: float | None = None,
) -> Call[Settled]:
    """Accept the combined partial of these subtasks once, or refuse it whole with the reason.

    `decided`: the worker says that it settles the task; `proves`: its kind can tell. `chance`, from
    0 to below 1, is the draw whether another owner computes it again.
    """
    args = {
        "lease": lease_id,
        "worker": str(worker),
        "subtasks": list(subtasks),
        "seconds": seconds,
        "decided": decided,
        "proves": proves,
        "digest": hashlib.sha256(partial).hexdigest(),
        "partials_percent": settings.PARTIALS_PERCENT_MAX,
        "streak_max": settings.SUSPEND_AFTER_SUBMITTERS,
        "chance": _draw() if chance is None else chance,
        "sample_share": settings.VERIFY_SAMPLE_SHARE,
        "patience_s": settings.COPY_UNKNOWN_SECONDS,
        "trusted": settings.STANDING_TRUSTED,
        **limits(),
    }
    return Call("complete", _base_of(lease_id), args, Settled, blobs=[partial])


def fail(
    lease_id: str,
    *,
    worker: Id,
    subtask: int,
    error: str,
    message: str = "",
    traceback: str = "",
    seconds: float = 0.0,
) -> Call[Settled]:
    """Count one attempt of a subtask that raised, crashed, ran out of time or was too large."""
    args = {
        "lease": lease_id,
        "worker": str(worker),
        "subtask": subtask,
        "error": error,
        "error_start": error[:LOGGED_ERROR_CHARS],
        "message": message,
        "traceback": traceback,
        "seconds": seconds,
        "attempts_max": settings.MAX_ATTEMPTS,
        **limits(),
    }
    return Call("fail", _base_of(lease_id), args, Settled)


def kind_of(lease_id: str, *, worker: Id) -> Call[str]:
    """The kind, "NAME@version", of a lease that was granted to this worker.

    "" if none was, or its task is over.
    """
    args = {"lease": lease_id, "worker": str(worker)}
    return Call("kind", _base_of(lease_id), args, LeaseKind, attrgetter("kind"))


def reject(lease_id: str, *, worker: Id, owner: Id, why: str, message: str = "") -> Call[Settled]:
    """Take a lease from a worker that sent what is no partial of the lease's kind.

    Others compute its subtasks. `why` is "bad_partial", which is counted against worker and owner,
    or "kind_changed", which is not.
    """
    who = {"lease": lease_id, "worker": str(worker), "owner": str(owner)}
    args = {**who, "why": why, "message": message, **limits()}
    return Call("reject", _base_of(lease_id), args, Settled)


def release(lease_id: str, *, worker: Id, subtasks: Sequence[int]) -> Call[Settled]:
    """Take subtasks back undone, to the front; neither a failure nor a loss."""
    args = {"lease": lease_id, "worker": str(worker), "subtasks": list(subtasks), **limits()}
    return Call("release", _base_of(lease_id), args, Settled)
