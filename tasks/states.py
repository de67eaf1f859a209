"""The states of a task and its legal moves, and the states of a contribution. Pure."""

QUEUED, RUNNING, AGGREGATING = "queued", "running", "aggregating"
SUCCEEDED, FAILED, CANCELLED, PAUSED = "succeeded", "failed", "cancelled", "paused"

TASK_MOVES = {  # a state not listed here is final; see also WITHDRAWAL
    QUEUED: {RUNNING, PAUSED, FAILED, CANCELLED},
    RUNNING: {AGGREGATING, PAUSED, FAILED, CANCELLED},
    PAUSED: {RUNNING, FAILED, CANCELLED},
    AGGREGATING: {SUCCEEDED, RUNNING, FAILED, CANCELLED},  # RUNNING again: not complete after all
}
# The one way out of a final state: a result that was delivered before its checks were over turned
# out to be wrong. Only `TaskQuerySet.withdraw` takes it.
WITHDRAWAL = (SUCCEEDED, RUNNING)
STATES = (QUEUED, RUNNING, AGGREGATING, SUCCEEDED, FAILED, CANCELLED, PAUSED)
FINAL = frozenset(STATES) - TASK_MOVES.keys()
LIVE = frozenset(TASK_MOVES)
# Deadlines and departures end these: a task that is being concluded has its work done.
UNDER_WAY = LIVE - {AGGREGATING}

LOW, NORMAL, HIGH = "low", "normal", "high"
PRIORITIES = (HIGH, NORMAL, LOW)  # in the order in which they are served

# Of a contribution; FAILED is one of them too. `contribution_state` says what each means.
WORKING, DONE, LOST, RELEASED = "working", "done", "lost", "released"
CONTRIBUTION_STATES = (WORKING, DONE, FAILED, LOST, RELEASED)


class IllegalMove(ValueError):
    """A move that TASK_MOVES does not list: a fault of the caller, never of the user."""


def starts_of(finish: str) -> list[str]:
    """The states from which a task may go to `finish`."""
    return [start for start, ends in TASK_MOVES.items() if finish in ends]


def check_move(start: str, finish: str) -> None:
    """Raise IllegalMove unless a task may go from `start` to `finish`."""
    if finish not in TASK_MOVES.get(start, ()):
        raise IllegalMove(f"{start} -> {finish}")


def contribution_state(
    *, subtasks: int, checks: int, failures: int, lost: int, vanished: bool, is_over: bool
) -> str:
    """What a worker is to a task, by what it did for it.

    WORKING: the task lives, and the worker may do more for it.
    LOST: the worker vanished with subtasks and did not come back, whatever it did before; or all
    that it did was to lose some.
    DONE: the task is over, and some results of the worker count, or checked others.
    FAILED: the task is over, no result of the worker counts, and it failed on subtasks.
    RELEASED: the task is over, and the worker was not needed: it gave its subtasks back, they were
    cancelled, or others were faster.

    `lost` counts the subtasks that it held when its lease ended without a result. `is_over`: no
    more work is wanted for the task.
    """
    if vanished:
        return LOST
    if not is_over:
        return WORKING
    if subtasks or checks:
        return DONE
    if failures:
        return FAILED
    return LOST if lost else RELEASED
