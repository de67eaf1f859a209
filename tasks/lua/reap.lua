-- Requeue leases whose deadline has passed, and find the tasks that have waited long enough for checks.
--
-- KEYS[1]: string, the group's base key
-- ARGV[1]: map of
--   most      integer, leases requeued at most; fewer if they have very many subtasks
--   losses_max, memory_ms, idle_ms, online_ms  see _common.lua
-- Returns a map:
--   leases    integer, how many were requeued
--   wake      list of strings, connections to wake
--   complete  list of strings, tasks to conclude
--   more      boolean: others are overdue still
--   requeued  integer, subtasks that wait again
local kinds, complete, leases = reap(a.most)
for _, task in ipairs(redis.call('ZRANGEBYSCORE', key('due'), '-inf', now, 'LIMIT', 0, a.most)) do
  redis.call('ZREM', key('due'), task)
  if is_complete(task, hash(key('t', task))) then complete[#complete + 1] = task end
end
local more = redis.call('ZCOUNT', key('leases'), '-inf', now) > 0
return cmsgpack.pack({
  leases = leases, wake = wake_all(kinds), complete = complete, more = more, requeued = requeued,
})
