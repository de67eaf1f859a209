"""Leases and tasks: how work is distributed, and how large it may be."""

from firmlight.settings.read import env, number, whole

# Leases (tasks/queue/)

HEARTBEAT_SECONDS = number("HEARTBEAT_SECONDS", 5, 0.05)
LEASE_SECONDS = number("LEASE_SECONDS", 20, 0.1)
LEASE_TARGET_SECONDS = number("LEASE_TARGET_SECONDS", 2, 0.01)  # how much work one lease should be
LEASE_SECONDS_MIN = number("LEASE_SECONDS_MIN", 0.1)  # less is not worth a round trip
LEASE_SUBTASKS_MAX = whole("LEASE_SUBTASKS_MAX", 5000, 1)
# Of one lease; it always has at least one subtask, whatever the size of that.
LEASE_BYTES_MAX = whole("LEASE_BYTES_MAX", 4 * 2**20, 1)
# How long the result of a lost lease is still accepted.
LEASE_MEMORY_SECONDS = whole("LEASE_MEMORY_SECONDS", 24 * 3600, 60)
# At how many owners a subtask may fail or be lost; where all have tried it, how often.
MAX_ATTEMPTS = whole("MAX_ATTEMPTS", 3, 1)
MAX_LOSSES = whole("MAX_LOSSES", 10, 1)
# After that, a worker or an owner that failed or lost a subtask may get it again.
RETRY_ELSEWHERE_SECONDS_MAX = number("RETRY_ELSEWHERE_SECONDS_MAX", 300)
# How long an owner gets nothing of a submitter's tasks, while others are online, after their
# workers failed more of them than they did; doubled each time, up to RETRY_ELSEWHERE_SECONDS_MAX.
SET_ASIDE_SECONDS = number("SET_ASIDE_SECONDS", 1)
# A worker that fails on tasks of so many submitters in a row is suspended; an owner whose workers
# do so together, with all of them.
SUSPEND_AFTER_SUBMITTERS = whole("SUSPEND_AFTER_SUBMITTERS", 3, 1)
# After so many from one member's workers, all of these workers are suspended …
BAD_PARTIALS_MAX = whole("BAD_PARTIALS_MAX", 3, 1)
BAD_PARTIALS_HOURS = number("BAD_PARTIALS_HOURS", 24, 0.001)  # … if they came within
# Results in a row that others confirmed; from then on only some of an owner's are checked.
STANDING_TRUSTED = whole("STANDING_TRUSTED", 10)
# How long the owner and the group's leaders are not notified again of wrong results of a kind.
STANDING_NOTICE_SECONDS = number("STANDING_NOTICE_SECONDS", 3600)
# Of one lease on one connection, larger than PARTIAL_BYTES_MAX; one more counts as malformed.
RESULTS_TOO_LARGE_MAX = whole("RESULTS_TOO_LARGE_MAX", 20, 1)
# Of a task's subtasks: how many may run a second time at its end; 0 for none.
COPIES_SHARE_MAX = number("COPIES_SHARE_MAX", 0.1)
# How long a holder of whose speed nothing is known has, until its subtasks may run a second time.
COPY_UNKNOWN_SECONDS = number("COPY_UNKNOWN_SECONDS", 10)
# Of a task's subtasks: what others recompute of it, if it asks for a sample.
VERIFY_SAMPLE_SHARE = number("VERIFY_SAMPLE_SHARE", 0.05)
# Of all leases: how many may repeat subtasks whose partial is known; 0 for none.
CANARY_SHARE_MAX = number("CANARY_SHARE_MAX", 0.01)
# Of one task: how many of an owner's latest results are checked after another one was wrong.
RECHECK_RESULTS_MAX = whole("RECHECK_RESULTS_MAX", 100)
# How long a check is kept for the owner who was drawn to answer it.
CHECK_RESERVED_SECONDS = number("CHECK_RESERVED_SECONDS", 2)
# How long a conclusion waits for checks that are under way.
VERIFY_WAIT_SECONDS = number("VERIFY_WAIT_SECONDS", 10)
# How long one that demands checks waits for members who are online and take none.
VERIFY_ALL_WAIT_SECONDS = number("VERIFY_ALL_WAIT_SECONDS", 3600)
# What took less computing in all is delivered before its checks are over; 0: nothing is.
CALL_SECONDS = number("CALL_SECONDS", 1)
# How long checks go on after the delivery, and of how many tasks of a group at the same time.
VERIFY_PENDING_SECONDS = number("VERIFY_PENDING_SECONDS", 300)
VERIFY_PENDING_TASKS_MAX = whole("VERIFY_PENDING_TASKS_MAX", 1000)
IDLE_ASK_SECONDS = number("IDLE_ASK_SECONDS", 30, 0.1)
MEMBERSHIP_CHECK_SECONDS = number("MEMBERSHIP_CHECK_SECONDS", 30, 0.1)
# How soon an overdue lease or a passed deadline is noticed.
SWEEP_SECONDS = number("SWEEP_SECONDS", 1, 0.1)
RECONCILE_SECONDS = number("RECONCILE_SECONDS", 10, 0.1)  # how soon a lost job is asked for again
SWEEP_LEASES_MAX = whole("SWEEP_LEASES_MAX", 1000, 1)  # expired leases requeued by one script call
AGGREGATING_SECONDS_MAX = number("AGGREGATING_SECONDS_MAX", 60, 0.1)
SPLIT_QUIET_SECONDS_MAX = number("SPLIT_QUIET_SECONDS_MAX", 30, 0.1)  # then the sweep splits again
HELLO_SECONDS_MAX = number("HELLO_SECONDS_MAX", 10, 0.1)
WORKER_CONNECTS_PER_MINUTE_MAX = whole("WORKER_CONNECTS_PER_MINUTE_MAX", 60, 1)  # of one token
# Of all workers of one user; results and failures that are accepted do not count as frames. An
# honest worker sends some 20 others a minute, so there is enough for WORKER_SOCKETS_PER_USER_MAX of
# them, and no network that we know carries so many bytes of results.
WORKER_FRAMES_PER_MINUTE_MAX = whole("WORKER_FRAMES_PER_MINUTE_MAX", 6000, 60)
WORKER_BYTES_PER_MINUTE_MAX = whole("WORKER_BYTES_PER_MINUTE_MAX", 2 * 2**30, 2**20)
WORKER_SOCKETS_PER_USER_MAX = whole("WORKER_SOCKETS_PER_USER_MAX", 256, 1)  # of one web process
CONSENT_BYTES_MAX = whole("CONSENT_BYTES_MAX", 16 * 2**10)  # rules of one worker, as JSON
# Names that one user's workers have had within WORKER_NAME_DAYS.
WORKERS_PER_USER_MAX = whole("WORKERS_PER_USER_MAX", 300, 1)
WORKER_NAME_DAYS = number("WORKER_NAME_DAYS", 1, 0.001)
# Workers that were not seen for so long and appear in no statistics are deleted.
WORKER_UNSEEN_DAYS = number("WORKER_UNSEEN_DAYS", 30, 1)
CLIENT_VERSION_MIN = env.str("CLIENT_VERSION_MIN", "0.1.0")  # older workers get a notice to update
# "": pip install of the wheel that the server hands out.
CLIENT_UPDATE_COMMAND = env.str("CLIENT_UPDATE_COMMAND", "")

# Tasks

SPLIT_BATCH_FIRST = whole("SPLIT_BATCH_FIRST", 64, 1)  # workers start on this one
SPLIT_BATCH_SUBTASKS_MAX = whole("SPLIT_BATCH_SUBTASKS_MAX", 2000, 1)
SPLIT_BATCH_BYTES_MAX = whole("SPLIT_BATCH_BYTES_MAX", 4 * 2**20, 1)
# Neither ended nor cancelled; a submission beyond that is refused, and may come later.
TASKS_LIVE_PER_USER_MAX = whole("TASKS_LIVE_PER_USER_MAX", 2000, 1)
TASKS_LIVE_PER_GROUP_MAX = whole("TASKS_LIVE_PER_GROUP_MAX", 10_000, 1)
TASKS_PER_DAY_MAX = whole("TASKS_PER_DAY_MAX", 50_000, 1)  # submitted by one user
TASK_SUBTASKS_MAX = whole("TASK_SUBTASKS_MAX", 1_000_000, 1)
PAYLOAD_BYTES_MAX = whole("PAYLOAD_BYTES_MAX", 8 * 2**20, 1)
PARTIAL_BYTES_MAX = whole("PARTIAL_BYTES_MAX", 8 * 2**20, 1)
# A larger partial is checked in a child process.
PARTIAL_INLINE_BYTES_MAX = whole("PARTIAL_INLINE_BYTES_MAX", 256 * 2**10)
RESULT_BYTES_MAX = whole("RESULT_BYTES_MAX", 256 * 2**20, 1)
# Of inputs and results in files, of one member and of one group; more uploads are refused.
MEMBER_BYTES_MAX = whole("MEMBER_BYTES_MAX", 4 * 2**30)
GROUP_BYTES_MAX = whole("GROUP_BYTES_MAX", 16 * 2**30)
# Of Redis' maxmemory: what new work may fill. The rest is for results and everything else.
ROOM_PERCENT_MAX = number("ROOM_PERCENT_MAX", 70, 1)
# Of this room: what the unfinished tasks of one member, and of one group, may take.
MEMBER_ROOM_PERCENT_MAX = number("MEMBER_ROOM_PERCENT_MAX", 50, 1)
GROUP_ROOM_PERCENT_MAX = number("GROUP_ROOM_PERCENT_MAX", 75, 1)
# Of a member's share of this room: what one task reserves for partials that are yet to come.
PARTIALS_RESERVED_PERCENT_MAX = number("PARTIALS_RESERVED_PERCENT_MAX", 10, 0)
# Of Redis' maxmemory: the partials of all tasks of one member in one group; beyond that they fail.
PARTIALS_PERCENT_MAX = number("PARTIALS_PERCENT_MAX", 15, 1)
# A page does not show a larger result, only offers it for download.
RESULT_SHOWN_BYTES_MAX = whole("RESULT_SHOWN_BYTES_MAX", 64 * 2**20)
RESULT_TTL_HOURS = number("RESULT_TTL_HOURS", 24, 0.001)
INPUT_TTL_HOURS = number("INPUT_TTL_HOURS", 7 * 24, 0.001)
# How long a failed task can be submitted again.
FAILED_INPUT_HOURS = number("FAILED_INPUT_HOURS", 24, 0.001)
UPLOAD_BYTES_MAX = whole("UPLOAD_BYTES_MAX", 100 * 2**20, 1)
JSON_BODY_BYTES_MAX = whole("JSON_BODY_BYTES_MAX", 16 * 2**20, 1024)
JSON_LEVELS_MAX = whole("JSON_LEVELS_MAX", 250, 10)
# Of one submitter; further tasks are split when no other submitter's tasks wait.
SPLIT_BACKLOG_MAX = whole("SPLIT_BACKLOG_MAX", 3)
FAILURES_SHOWN_MAX = whole("FAILURES_SHOWN_MAX", 10)  # of a task, the latest
TRACEBACK_SHOWN_CHARS_MAX = whole("TRACEBACK_SHOWN_CHARS_MAX", 1500)  # its end
# For counting the subtasks before a task is submitted.
PREVIEW_SECONDS_MAX = number("PREVIEW_SECONDS_MAX", 1, 0.01)
RETENTION_DAYS = number("RETENTION_DAYS", 365, 8)  # of contributions; pages look back a week
PURGE_ROWS_MAX = whole("PURGE_ROWS_MAX", 1000, 1)  # deleted in one batch
# For one kind of rows; the next run deletes the rest.
PURGE_SECONDS_MAX = number("PURGE_SECONDS_MAX", 20, 0.1)
HISTORY_EVENTS_MAX = whole("HISTORY_EVENTS_MAX", 200)  # of an ended task; the latest are kept
HISTORY_BARS_MAX = whole("HISTORY_BARS_MAX", 400, 1)  # bars of its timeline, approximately
# Its latest results, with whose they are, and as many of those that were taken out before.
HISTORY_PARTS_MAX = whole("HISTORY_PARTS_MAX", 200, 1)
LIVE_UPDATES_PER_SECOND = number("LIVE_UPDATES_PER_SECOND", 5, 0.1)
# Of a core for each watched task or group; beyond that, updates are less frequent.
LIVE_CPU_SHARE_MAX = number("LIVE_CPU_SHARE_MAX", 0.005, 0.0001)
# A result up to this size is sent with the last update.
LIVE_RESULT_BYTES_MAX = whole("LIVE_RESULT_BYTES_MAX", 64 * 2**10)
# New notifications in one message; the newest are sent.
LIVE_NOTIFICATIONS_MAX = whole("LIVE_NOTIFICATIONS_MAX", 10, 1)
LIVE_SUBSCRIPTIONS_MAX = whole("LIVE_SUBSCRIPTIONS_MAX", 200, 1)
LIVE_SOCKETS_PER_USER_MAX = whole("LIVE_SOCKETS_PER_USER_MAX", 100, 1)  # of one web process
LIVE_CONNECTS_PER_MINUTE_MAX = whole("LIVE_CONNECTS_PER_MINUTE_MAX", 600, 1)  # of one user
# Of all connections of one user. Whoever submits as many tasks as SUBMIT_PER_MINUTE_MAX allows
# sends two for each.
LIVE_FRAMES_PER_MINUTE_MAX = whole("LIVE_FRAMES_PER_MINUTE_MAX", 6000, 60)
LIVE_BYTES_PER_MINUTE_MAX = whole("LIVE_BYTES_PER_MINUTE_MAX", 2 * 2**20, 2**16)

# Child processes that run code of kinds (tasks/kind_processes); each server process has its own

KIND_PROCESSES_MAX = whole("KIND_PROCESSES_MAX", 4, 1)  # of one server process
KIND_MEMORY_MIB = whole("KIND_MEMORY_MIB", 1024, 256)  # of each
KIND_CALLS_MAX = whole("KIND_CALLS_MAX", 10_000, 1)  # then a fresh process replaces it
KIND_IDLE_SECONDS = number(
    "KIND_IDLE_SECONDS", 60, 0.1
)  # processes idle for so long end, except for one
# For a free process; after that callers get 503.
KIND_WAIT_SECONDS_MAX = number("KIND_WAIT_SECONDS_MAX", 5, 0.01)
LOAD_SECONDS_MAX = number("LOAD_SECONDS_MAX", 20, 0.1)  # to read an input, file or params
LOAD_PROCESSOR_SECONDS_MAX = number("LOAD_PROCESSOR_SECONDS_MAX", 15, 0.1)
SPLIT_SECONDS_MAX = number("SPLIT_SECONDS_MAX", 120, 0.1)  # spent waiting for payloads
SPLIT_PROCESSOR_SECONDS_MAX = number("SPLIT_PROCESSOR_SECONDS_MAX", 60, 0.1)
# Of a split that crashed or took too long.
SPLIT_ATTEMPTS_MAX = whole("SPLIT_ATTEMPTS_MAX", 3, 1)
# For checking a partial larger than PARTIAL_INLINE_BYTES_MAX.
PARTIAL_SECONDS_MAX = number("PARTIAL_SECONDS_MAX", 5, 0.1)
# For combining and finishing a task's partials.
CONCLUDE_SECONDS_MAX = number("CONCLUDE_SECONDS_MAX", 60, 0.1)
CONCLUDE_PROCESSOR_SECONDS_MAX = number("CONCLUDE_PROCESSOR_SECONDS_MAX", 45, 0.1)
# For the first attempt; the next one is a long job.
CONCLUDE_QUICK_SECONDS = number("CONCLUDE_QUICK_SECONDS", 5, 0.1)
CONCLUDE_ATTEMPTS_MAX = whole("CONCLUDE_ATTEMPTS_MAX", 3, 1)
