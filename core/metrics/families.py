"""Every metric by name, with its help text.

Labels take values from our own short lists, never a name, an id, an address or a user's text.
"""

from __future__ import annotations

from dataclasses import dataclass

QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)  # seconds
SLOW = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300)


@dataclass(frozen=True)
class Family:
    says: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()  # of a histogram, ascending


COUNTERS = {
    "tasks_submitted": Family("Tasks accepted."),
    "tasks_ended": Family("Tasks that ended, by their final status.", ("status",)),
    "leases": Family("Leases granted."),
    "subtasks_leased": Family("Subtasks leased, second copies included."),
    "subtasks_completed": Family("Subtasks whose result was accepted."),
    "subtasks_failed": Family("Failed attempts at subtasks, as workers report them."),
    "checks_drawn": Family("Results that another owner is to compute again."),
    "checks_settled": Family("Checks that are over, by what came of them.", ("outcome",)),
    "results_withdrawn": Family("Delivered results that turned out to be wrong."),
    "subtasks_recomputed": Family("Subtasks computed once more by another owner, to compare."),
    "parts_taken_out": Family("Results that were taken out of their task again."),
    "subtasks_taken_out": Family("Subtasks of these results."),
    "owners_sanctioned": Family("Owners found wrong in a task, once for each task."),
    "subtasks_requeued": Family("Subtasks that wait again because their lease was lost."),
    "subtasks_refused": Family(
        "Subtasks of results, failures and releases that were refused.", ("reason",)
    ),
    "sockets_opened": Family("Connections accepted.", ("socket",)),
}
HISTOGRAMS = {
    "lease_seconds": Family(
        "From a slot's request for work until the lease is sent.", buckets=QUICK
    ),
    "http_seconds": Family("Answers to requests of pages and API.", ("method", "status"), QUICK),
    "job_seconds": Family("Celery jobs and how they ended.", ("job", "outcome"), SLOW),
}
OF_PROCESSES = {"sockets": Family("Connections open now.", ("socket",))}
GAUGES = {
    "tasks": Family("Tasks that have not ended, by status.", ("status",)),
    "tasks_left_out": Family(
        "Tasks under way whose subtasks firmlight_subtasks leaves out, because they are too many."
    ),
    "subtasks": Family("Subtasks of tasks under way that are split and not done.", ("state",)),
    "leases_open": Family("Leases that are held now."),
    "workers": Family("Workers that have sent a heartbeat lately."),
    "worker_slots": Family("Slots of these workers, all together."),
    "jobs_waiting": Family("Celery jobs that no process has taken yet.", ("queue",)),
    "beat_age_seconds": Family("Seconds since the last sweep."),
    "processes": Family("Processes that count here, by their role.", ("role",)),
    "build_info": Family("1, with the server's version.", ("version",)),
}
