"""The legal moves of a task, pure."""

QUEUED, RUNNING, AGGREGATING = "queued", "running", "aggregating"
SUCCEEDED, FAILED, CANCELLED, PAUSED = "succeeded", "failed", "cancelled", "paused"

TASK_MOVES = {  # a state not listed here is final
    QUEUED: {RUNNING, PAUSED, FAILED, CANCELLED},
    RUNNING: {AGGREGATING, PAUSED, FAILED, CANCELLED},
    PAUSED: {RUNNING, FAILED, CANCELLED},
    AGGREGATING: {SUCCEEDED, RUNNING, FAILED, CANCELLED},  # RUNNING again: not complete after all
}
STATES = (QUEUED, RUNNING, AGGREGATING, SUCCEEDED, FAILED, CANCELLED, PAUSED)
FINAL = frozenset(STATES) - TASK_MOVES.keys()
LIVE = frozenset(TASK_MOVES)
UNDER_WAY = LIVE - {
    AGGREGATING
}  # deadlines and departures end these: what is being concluded has its work done

LOW, NORMAL, HIGH = "low", "normal", "high"
PRIORITIES = (HIGH, NORMAL, LOW)  # in the order in which they are served


class IllegalMove(ValueError):
    """A move that TASK_MOVES does not list: a fault of the caller, never of the user."""


def starts_of(finish: str) -> list[str]:
    """The states from which a task may go to `finish`."""
    return [start for start, ends in TASK_MOVES.items() if finish in ends]


def check_move(start: str, finish: str) -> None:
    """Raise IllegalMove unless a task may go from `start` to `finish`."""
    if finish not in TASK_MOVES.get(start, ()):
        raise IllegalMove(f"{start} -> {finish}")
