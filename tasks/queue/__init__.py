"""The queue: subtasks, leases and partials of a group's tasks in Redis.

Only this package and `lua/` name the keys of a group; `lua/_common.lua` lists them. Import its
modules: `from tasks.queue import leasing, lifecycle`.

Every call prepares one atomic script (`scripts.Call`): `.now()` runs it from blocking code, `await`
from the event loop. One call concerns one group, whose keys are one cluster slot.
"""
