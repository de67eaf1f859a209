"""All reads of tasks and workers, by noun. Import its modules, not their names.

`visibility` says what a user may see, `standing` how far a task is, `contributions` who did what
for it, `history` what happened to it, `parts` which result came from
whom, `presence` which workers are here, and `statistics` counts
over many tasks.
"""
