-- Make the state of a task, if it has none.
--
-- KEYS[1]: string, the group's base key
-- ARGV[1]: map of
--   task        string, its id
--   kind        string, "NAME@version"
--   creator     string, id of the user that submitted it
--   prio        integer: 0 high, 1 normal, 2 low
--   max_ms      integer, ms that a subtask may take
--   partial_ok  boolean: the task succeeds without those subtasks that fail
--   seq         number, order of arrival, in any unit
--   verify      string: 'none', 'sample', 'auto' or 'all', what others are to recompute
-- Returns a map:
--   split       integer, how many subtasks are split already
--   ended       boolean: that is all
local name = key('t', a.task)
if redis.call('HSETNX', name, 'state', 'open') == 1 then
  redis.call('HSET', name, 'kind', a.kind, 'creator', a.creator, 'prio', a.prio, 'seq', a.seq,
    'split', 0, 'ended', '0', 'split_at', now, 'leased', 0, 'done', 0, 'failed', 0, 'seconds', 0,
    'max_ms', a.max_ms, 'partial_ok', flag(a.partial_ok), 'decided', '0', 'broken', '0',
    'copied', 0, 'verify', a.verify)
  redis.call('SADD', key('tasks'), a.task)
  redis.call('SADD', key('kinds'), a.kind)
end
local at = redis.call('HMGET', name, 'split', 'ended')
return cmsgpack.pack({split = tonumber(at[1]), ended = at[2] == '1'})
