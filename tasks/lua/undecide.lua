-- A worker said that its partial settles the task, and the kind says it does not: wait for the rest.
-- args: task idle_ms
-- returns {connections to wake}
local name = key('t', a.task)
local t = hash(name)
if not t.state then return {} end
redis.call('HSET', name, 'decided', '0')
t.decided = '0'
relist(a.task, t)
return t.broken ~= '1' and wake(t.kind, waiting(a.task)) or {}
