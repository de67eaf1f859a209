-- Make the state of a task, if it has none.
-- args: task kind creator prio (0 high, 1 normal, 2 low) max_ms (per subtask) partial_ok ('1' or '0') seq (order of arrival)
-- returns {split, ended}: how many subtasks are split already (integer), '1' if that is all
local name = key('t', a.task)
if redis.call('HSETNX', name, 'state', 'open') == 1 then
  redis.call('HSET', name, 'kind', a.kind, 'creator', a.creator, 'prio', a.prio, 'seq', a.seq, 'split', 0, 'ended', '0',
    'split_at', now, 'leased', 0, 'done', 0, 'failed', 0, 'seconds', 0, 'max_ms', a.max_ms, 'partial_ok', a.partial_ok,
    'decided', '0', 'broken', '0', 'copied', 0)
  redis.call('SADD', key('tasks'), a.task)
  redis.call('SADD', key('kinds'), a.kind)
end
local at = redis.call('HMGET', name, 'split', 'ended')
return {tonumber(at[1]), at[2]}
