-- Go on with a paused task.
-- args: task idle_ms online_ms
-- returns {connections to wake}
local name = key('t', a.task)
local t = hash(name)
if not t.state then return {} end
redis.call('HSET', name, 'state', 'open')
t.state = 'open'
record(a.task, 'resumed', '', '', 0, 0)
relist(a.task, t)
return t.decided ~= '1' and t.broken ~= '1' and wake(t.kind, waiting(a.task)) or {}
