"""All reads of tasks and workers, by noun. Import the modules: `from tasks.selectors import standing`.

`visibility` says what a user may see, `standing` how far a task is, `contributions` who did what for
it, `history` what happened to it, `presence` which workers are here, and `statistics` counts over
many tasks.
"""
