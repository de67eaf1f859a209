-- Open subtasks that neither wait nor are in an active lease wait again, and a task that has
-- something to lease is listed. Every other script sees to that; this one repairs what a fault
-- left, for a task that would wait forever.
--
-- KEYS[1]: string, the group's base key
-- ARGV[1]: map of
--   task      string, its id
--   idle_ms, online_ms  see _common.lua
-- Returns a map:
--   found     integer, how many subtasks wait again
--   wake      list of strings, connections to wake
local t = hash(key('t', a.task))
if not t.state then return cmsgpack.pack({found = 0, wake = {}}) end
local found = {}
local active = redis.call('ZCOUNT', key('t', a.task, 'leases'), '-inf', '(+inf')
if waiting(a.task) == 0 and active == 0 then
  found = redis.call('HKEYS', key('t', a.task, 'payloads'))
  each_chunk(found, function(...) redis.call('RPUSH', key('t', a.task, 'again'), ...) end)
  redis.call('HSET', key('t', a.task), 'leased', 0)
end
local listed = redis.call('ZSCORE', key('q', t.kind, t.prio, t.creator), a.task)
relist(a.task, t)
local unlisted = not listed and redis.call('ZSCORE', key('q', t.kind, t.prio, t.creator), a.task)
return cmsgpack.pack({found = #found, wake = unlisted and wake(t.kind, waiting(a.task)) or {}})
