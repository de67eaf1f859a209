-- What a task has come to, read in one go: nothing can be accepted between the question and the partials.
-- args: task
-- returns {} if there is no state, else {complete, decided, broken, split, done, failed, error, {partials},
--   {work: field, value, …}, {the first thousand subtasks that failed for good}}
local name = key('t', a.task)
local t = hash(name)
if not t.state then return {} end
local complete = is_complete(a.task, t)
local partials = complete and redis.call('LRANGE', key('t', a.task, 'partials'), 0, -1) or {}
return {complete and '1' or '0', t.decided, t.broken, tonumber(t.split), tonumber(t.done), tonumber(t.failed), t.error or '', partials,
  redis.call('HGETALL', key('t', a.task, 'work')), redis.call('LRANGE', key('t', a.task, 'missing'), 0, 999)}
