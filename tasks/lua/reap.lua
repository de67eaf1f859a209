-- Requeue up to `most` leases whose deadline has passed.
-- args: most losses_max memory_ms idle_ms
-- returns {how many leases were looked at, {connections to wake}, {tasks to conclude}}
local before = redis.call('ZCARD', key('leases'))
local kinds, complete = reap(a.most)
return {before - redis.call('ZCARD', key('leases')), wake_all(kinds), complete}
