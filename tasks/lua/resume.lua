-- Go on with a paused task.
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
redis.call('HSET', name, 'state', 'open')
t.state = 'open'
record(a.task, 'resumed', '', '', 0, 0)
relist(a.task, t)
list_checks(a.task, t)
local wanted = t.decided ~= '1' and t.broken ~= '1'
local n = (wanted and waiting(a.task) or 0) + redis.call('LLEN', key('t', a.task, 'checks'))
return cmsgpack.pack({wake = wake(t.kind, n)})
