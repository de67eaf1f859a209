-- A complete task waits for its checks: the sweep asks for its conclusion again after a while.
--
-- KEYS[1]: string, the group's base key
-- ARGV[1]: map of
--   task      string, its id
--   after_ms  integer, ms
-- Returns a map:
--   noted     boolean; not if the task has no state
local has_state = redis.call('EXISTS', key('t', a.task)) == 1
if has_state then redis.call('ZADD', key('due'), now + a.after_ms, a.task) end
return cmsgpack.pack({noted = has_state})
