-- A worker said that its partial settles the task, and the kind says it does not: wait for the
-- rest.
--
-- KEYS[1]: string, the group's base key
-- ARGV[1]: map of
--   task      string, its id
--   idle_ms, online_ms  see _common.lua
-- Returns a map:
--   wake      list of strings, connections to wake
local name = key('t', a.task)
local t = hash(name)
if not t.state then return cmsgpack.pack({wake = {}}) end
redis.call('HSET', name, 'decided', '0')
redis.call('HDEL', name, 'complete_at')
t.decided = '0'
relist(a.task, t)
return cmsgpack.pack({wake = t.broken ~= '1' and wake(t.kind, waiting(a.task)) or {}})
