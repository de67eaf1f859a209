"""All reads of tasks and workers, by noun. Import its modules, not their names.

`visibility` says what a user may see, `task_progress` how far a task is, `contributions` who did
what for it, `history` what happened to it, `parts` which result came from whom, `trust` how far
owners are believed, `presence` which workers are here, and `statistics` counts over many tasks.
"""
