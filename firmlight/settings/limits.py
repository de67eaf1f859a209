"""Leases and tasks: how work is shared out, and how large it may be."""

from firmlight.settings.read import env, number, whole

# Leases (tasks/queue.py)

HEARTBEAT_SECONDS = number("HEARTBEAT_SECONDS", 5, 0.05)
LEASE_SECONDS = number("LEASE_SECONDS", 20, 0.1)
LEASE_TARGET_SECONDS = number("LEASE_TARGET_SECONDS", 2, 0.01)  # how much work one lease should be
LEASE_SECONDS_MIN = number("LEASE_SECONDS_MIN", 0.1)  # less is not worth a round trip
LEASE_SUBTASKS_MAX = whole("LEASE_SUBTASKS_MAX", 5000, 1)
LEASE_BYTES_MAX = whole(
    "LEASE_BYTES_MAX", 4 * 2**20, 1
)  # at least one subtask goes, whatever its size
LEASE_MEMORY_SECONDS = whole(
    "LEASE_MEMORY_SECONDS", 24 * 3600, 60
)  # how long a lost lease's result is still taken
MAX_ATTEMPTS = whole("MAX_ATTEMPTS", 3, 1)
MAX_LOSSES = whole("MAX_LOSSES", 10, 1)
RETRY_ELSEWHERE_SECONDS_MAX = number(
    "RETRY_ELSEWHERE_SECONDS_MAX", 300
)  # then who failed or lost it may take it again
SUSPEND_AFTER_SUBMITTERS = whole(
    "SUSPEND_AFTER_SUBMITTERS", 3, 1
)  # a worker failed on tasks of so many, in a row
BAD_PARTIALS_MAX = whole(
    "BAD_PARTIALS_MAX", 3, 1
)  # of one member's workers, then all of them are suspended …
BAD_PARTIALS_HOURS = number("BAD_PARTIALS_HOURS", 24, 0.001)  # … if so many came within
COPIES_SHARE_MAX = number(
    "COPIES_SHARE_MAX", 0.1
)  # of a task's subtasks, run a second time at its tail; 0: none
IDLE_ASK_SECONDS = number("IDLE_ASK_SECONDS", 30, 0.1)
MEMBERSHIP_CHECK_SECONDS = number("MEMBERSHIP_CHECK_SECONDS", 30, 0.1)
SWEEP_SECONDS = number(
    "SWEEP_SECONDS", 1, 0.1
)  # how soon an overdue lease or a passed deadline is noticed
RECONCILE_SECONDS = number("RECONCILE_SECONDS", 10, 0.1)  # how soon a lost job is asked for again
SWEEP_LEASES_MAX = whole("SWEEP_LEASES_MAX", 1000, 1)  # expired leases requeued by one script call
AGGREGATING_SECONDS_MAX = number("AGGREGATING_SECONDS_MAX", 60, 0.1)
SPLIT_QUIET_SECONDS_MAX = number("SPLIT_QUIET_SECONDS_MAX", 30, 0.1)  # then the sweep splits again
HELLO_SECONDS_MAX = number("HELLO_SECONDS_MAX", 10, 0.1)
WORKER_CONNECTS_PER_MINUTE_MAX = whole("WORKER_CONNECTS_PER_MINUTE_MAX", 60, 1)  # of one token
CLIENT_VERSION_MIN = env.str("CLIENT_VERSION_MIN", "0.1.0")  # older workers are told to update
CLIENT_UPDATE_COMMAND = env.str(
    "CLIENT_UPDATE_COMMAND", ""
)  # "": pip install of the wheel that the server hands out

# Tasks

SPLIT_BATCH_FIRST = whole("SPLIT_BATCH_FIRST", 64, 1)  # workers start on this one
SPLIT_BATCH_SUBTASKS_MAX = whole("SPLIT_BATCH_SUBTASKS_MAX", 2000, 1)
SPLIT_BATCH_BYTES_MAX = whole("SPLIT_BATCH_BYTES_MAX", 4 * 2**20, 1)
TASK_SUBTASKS_MAX = whole("TASK_SUBTASKS_MAX", 1_000_000, 1)
PAYLOAD_BYTES_MAX = whole("PAYLOAD_BYTES_MAX", 8 * 2**20, 1)
PARTIAL_BYTES_MAX = whole("PARTIAL_BYTES_MAX", 8 * 2**20, 1)
PARTIAL_INLINE_BYTES_MAX = whole(
    "PARTIAL_INLINE_BYTES_MAX", 256 * 2**10
)  # a larger one is checked in a child process
RESULT_BYTES_MAX = whole("RESULT_BYTES_MAX", 256 * 2**20, 1)
RESULT_SHOWN_BYTES_MAX = whole(
    "RESULT_SHOWN_BYTES_MAX", 64 * 2**20
)  # a larger one is not drawn, only downloaded
RESULT_TTL_HOURS = number("RESULT_TTL_HOURS", 24, 0.001)
INPUT_TTL_HOURS = number("INPUT_TTL_HOURS", 7 * 24, 0.001)
FAILED_INPUT_HOURS = number(
    "FAILED_INPUT_HOURS", 24, 0.001
)  # so long a failed task can be submitted again
UPLOAD_BYTES_MAX = whole("UPLOAD_BYTES_MAX", 100 * 2**20, 1)
JSON_BODY_BYTES_MAX = whole("JSON_BODY_BYTES_MAX", 16 * 2**20, 1024)
JSON_LEVELS_MAX = whole("JSON_LEVELS_MAX", 250, 10)
SPLIT_BACKLOG_MAX = whole(
    "SPLIT_BACKLOG_MAX", 3
)  # a submitter's further tasks are split when others' are not waiting
FAILURES_SHOWN_MAX = whole("FAILURES_SHOWN_MAX", 10)  # of a task, the latest
TRACEBACK_SHOWN_CHARS_MAX = whole("TRACEBACK_SHOWN_CHARS_MAX", 1500)  # its end
PREVIEW_SECONDS_MAX = number(
    "PREVIEW_SECONDS_MAX", 1, 0.01
)  # spent on counting subtasks before a task is submitted
RETENTION_DAYS = number("RETENTION_DAYS", 365, 8)  # who did what for a task; pages look back a week
PURGE_ROWS_MAX = whole("PURGE_ROWS_MAX", 1000, 1)  # deleted at once
PURGE_SECONDS_MAX = number(
    "PURGE_SECONDS_MAX", 20, 0.1
)  # of one sort of rows; the rest comes the next time
HISTORY_EVENTS_MAX = whole("HISTORY_EVENTS_MAX", 200)  # of a task that is over, the latest are kept
HISTORY_BARS_MAX = whole("HISTORY_BARS_MAX", 400, 1)  # its timeline's; about
LIVE_UPDATES_PER_SECOND = number("LIVE_UPDATES_PER_SECOND", 5, 0.1)
LIVE_CPU_SHARE_MAX = number(
    "LIVE_CPU_SHARE_MAX", 0.005, 0.0001
)  # of a core, for each watched thing; then less often
LIVE_RESULT_BYTES_MAX = whole(
    "LIVE_RESULT_BYTES_MAX", 64 * 2**10
)  # a result as small comes with the last news
LIVE_NOTIFICATIONS_MAX = whole(
    "LIVE_NOTIFICATIONS_MAX", 10, 1
)  # new ones told in one message, the newest
LIVE_SUBSCRIPTIONS_MAX = whole("LIVE_SUBSCRIPTIONS_MAX", 200, 1)

# Processes that run code of kinds on the server (tasks/kind_processes); each server process has its
# own

KIND_PROCESSES_MAX = whole("KIND_PROCESSES_MAX", 4, 1)  # of one server process
KIND_MEMORY_MIB = whole("KIND_MEMORY_MIB", 1024, 256)  # of each
KIND_CALLS_MAX = whole("KIND_CALLS_MAX", 10_000, 1)  # then a fresh process takes over
KIND_IDLE_SECONDS = number("KIND_IDLE_SECONDS", 60, 0.1)  # unneeded for so long, all but one end
KIND_WAIT_SECONDS_MAX = number(
    "KIND_WAIT_SECONDS_MAX", 5, 0.01
)  # for a free one; then callers hear 503
LOAD_SECONDS_MAX = number("LOAD_SECONDS_MAX", 20, 0.1)  # to read an input, file or params
LOAD_PROCESSOR_SECONDS_MAX = number("LOAD_PROCESSOR_SECONDS_MAX", 15, 0.1)
SPLIT_SECONDS_MAX = number("SPLIT_SECONDS_MAX", 120, 0.1)  # spent waiting for payloads
SPLIT_PROCESSOR_SECONDS_MAX = number("SPLIT_PROCESSOR_SECONDS_MAX", 60, 0.1)
SPLIT_ATTEMPTS_MAX = whole(
    "SPLIT_ATTEMPTS_MAX", 3, 1
)  # a split that crashed or took too long is tried again
PARTIAL_SECONDS_MAX = number(
    "PARTIAL_SECONDS_MAX", 5, 0.1
)  # to check one larger than PARTIAL_INLINE_BYTES_MAX
CONCLUDE_SECONDS_MAX = number(
    "CONCLUDE_SECONDS_MAX", 60, 0.1
)  # to combine and finish a task's partials
CONCLUDE_PROCESSOR_SECONDS_MAX = number("CONCLUDE_PROCESSOR_SECONDS_MAX", 45, 0.1)
CONCLUDE_QUICK_SECONDS = number(
    "CONCLUDE_QUICK_SECONDS", 5, 0.1
)  # of the first attempt; the next is a long job
CONCLUDE_ATTEMPTS_MAX = whole("CONCLUDE_ATTEMPTS_MAX", 3, 1)
