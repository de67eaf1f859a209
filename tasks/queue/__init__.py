"""The queue: subtasks, leases and partials of a group's tasks in Redis. Only here and in `lua/` a
key has a name.

Every call prepares one atomic script (`scripts.Call`): `.now()` runs it from blocking code, `await`
from the event loop. One call concerns one group, whose keys are one cluster slot. `lua/_common.lua`
lists the keys.
"""

from core.beat import answer, note_tick, tick_age_seconds, was_answered
from tasks.blobs import (
    count_connect,
    drop_group,
    drop_input,
    drop_result,
    failures,
    forget_group,
    get_failed_input,
    get_input,
    get_result,
    groups,
    keep_failed_input,
    keep_input,
    leases_of,
    log,
    may_ask,
    online_workers,
    put_input,
    put_result,
    take_failed_input,
    tasks_with_state,
)
from tasks.offences import count_bad_partial, lift_suspension, note_suspension, suspension_of
from tasks.queue.answers import Granted, Leased, Opened, Pushed, Reaped, Settled
from tasks.queue.connections import KEPT, LOST, RELEASED, adopt, beat, leave, wake_another
from tasks.queue.depth import depth, leases_open
from tasks.queue.keys import group_of, new_lease_id, online_seconds
from tasks.queue.leasing import complete, fail, kind_of, lease, reject, release
from tasks.queue.lifecycle import close, mend, outcome, pause, progress, reap, resume, undecide
from tasks.queue.presence import at_work, note_resting, present, resting
from tasks.queue.progress import Blame, Outcome, Progress, Work
from tasks.queue.scripts import Call, run_all, run_all_later
from tasks.queue.splitting import open_task, push
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
