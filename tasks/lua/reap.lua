-- Requeue up to `most` leases whose deadline has passed, fewer if they are long.
-- args: most losses_max memory_ms idle_ms
-- returns {how many leases, {connections to wake}, {tasks to conclude}, '1' if more are overdue, subtasks requeued}
local kinds, complete, leases = reap(a.most)
local more = redis.call('ZCOUNT', key('leases'), '-inf', now) > 0 and '1' or '0'
return {leases, wake_all(kinds), complete, more, requeued}
