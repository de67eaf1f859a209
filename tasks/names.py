"""What members and workers are called on pages and in events."""

from __future__ import annotations

from accounts.models import User
from tasks.models import Worker

FORMER_MEMBER, FORMER_WORKER = "a former member", "a former worker"


def member_name(user: User | None) -> str:
    """The username; without a user, whoever it was has left."""
    return user.username if user else FORMER_MEMBER


def worker_name(worker: Worker) -> str:
    """Its name behind its owner's, as names of workers are unique for one owner only."""
    return f"{member_name(worker.owner)} / {worker.name}"
