"""The queue: subtasks, leases and partials of a group's tasks in Redis. Only here and in `lua/` a
key has a name.

Every call prepares one atomic script (`scripts.Call`): `.now()` runs it from blocking code, `await`
from the event loop. One call concerns one group, whose keys are one cluster slot. `lua/_common.lua`
lists the keys.
"""

from core.beat import note_tick, tick_age_seconds
from core.job_echo import answer, was_answered
from core.throttling import count_connect
from tasks.blobs import (
    drop_input,
    drop_result,
    get_failed_input,
    get_input,
    get_result,
    keep_failed_input,
    keep_input,
    put_input,
    put_result,
    take_failed_input,
)
from tasks.offences import count_bad_partial, lift_suspension, note_suspension, suspension_of
from tasks.queue.answers import Granted, Leased, Opened, Pushed, Reaped, Settled
from tasks.queue.connections import (
    KEPT,
    LOST,
    RELEASED,
    adopt,
    beat,
    leases_of,
    leave,
    wake_another,
)
from tasks.queue.depth import leases_open
from tasks.queue.depth import waiting_and_leased as depth
from tasks.queue.history import failures, log
from tasks.queue.keys import group_of, new_lease_id, online_seconds
from tasks.queue.leasing import complete, fail, kind_of, lease, reject, release
from tasks.queue.lifecycle import close, pause, resume, undecide
from tasks.queue.presence import at_work, note_resting, online_workers, present, resting
from tasks.queue.progress import Blame, Outcome, Progress, Work
from tasks.queue.progress import outcome_of as outcome
from tasks.queue.progress import progress_of as progress
from tasks.queue.scripts import Call, run_all, run_all_later
from tasks.queue.splitting import open_task, push
from tasks.queue.sweeping import (
    drop_group,
    forget_group,
    groups,
    may_ask,
    mend,
    reap,
    tasks_with_state,
)
from tasks.queue.throughput import add_done, done_in

__all__ = [
    "KEPT",
    "LOST",
    "RELEASED",
    "Blame",
    "Call",
    "Granted",
    "Leased",
    "Opened",
    "Outcome",
    "Progress",
    "Pushed",
    "Reaped",
    "Settled",
    "Work",
    "add_done",
    "adopt",
    "answer",
    "at_work",
    "beat",
    "close",
    "complete",
    "count_bad_partial",
    "count_connect",
    "depth",
    "done_in",
    "drop_group",
    "drop_input",
    "drop_result",
    "fail",
    "failures",
    "forget_group",
    "get_failed_input",
    "get_input",
    "get_result",
    "group_of",
    "groups",
    "keep_failed_input",
    "keep_input",
    "kind_of",
    "lease",
    "leases_of",
    "leases_open",
    "leave",
    "lift_suspension",
    "log",
    "may_ask",
    "mend",
    "new_lease_id",
    "note_resting",
    "note_suspension",
    "note_tick",
    "online_seconds",
    "online_workers",
    "open_task",
    "outcome",
    "pause",
    "present",
    "progress",
    "push",
    "put_input",
    "put_result",
    "reap",
    "reject",
    "release",
    "resting",
    "resume",
    "run_all",
    "run_all_later",
    "suspension_of",
    "take_failed_input",
    "tasks_with_state",
    "tick_age_seconds",
    "undecide",
    "wake_another",
    "was_answered",
]
