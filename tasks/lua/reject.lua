-- A worker sent what is no partial of its lease's kind: malformed or out of bounds ('bad_partial'),
-- or of another version of the kind ('kind_changed'). Nothing of that lease is wanted of it any
-- more: what it still owes waits again, as it was. That is no attempt and no loss of a subtask.
-- After 'bad_partial' the task's failures name the worker, and its owner is set aside from the
-- creator's tasks, see _aside.lua.
--
-- KEYS[1]: string, the group's base key
-- ARGV[1]: map of
--   lease          string, its id
--   worker, owner  strings, ids
--   why            string: 'bad_partial' or 'kind_changed'
--   message        string, for people
--   losses_max, memory_ms, idle_ms, online_ms  see _common.lua
-- Returns a map, if the lease was taken away:
--   task           string, its id
--   wake           list of strings, connections to wake
--   requeued       integer, subtasks that wait again
-- or, if refused:
--   reason         string: 'unknown_lease', 'not_a_member' or 'task_closed'
local rec = lease_of(a.lease)
if not rec or rec.worker ~= a.worker then return refused('unknown_lease') end
if rec.revoked then return refused('not_a_member') end
local task = rec.task
local t = hash(key('t', task))
if not t.state then
  forget_lease(rec)
  return refused('task_closed')
end

if a.why == 'bad_partial' then
  local work = key('t', task, 'work')
  redis.call('HINCRBY', work, a.worker .. ':failures', 1)
  redis.call('HSETNX', work, a.worker .. ':first', now)
  redis.call('HSET', work, a.worker .. ':last', now)
  strike(a.owner, t, STRIKES.bad_partial)
  note_failure(task, failure(rec.list[1], a.worker, a.why, a.message, ''), false)
end

-- of a lease that was lost or paused all waits already
local back = rec.active == '1' and give_back(rec, t, rec.list, a.why) or 0
if rec.active ~= '1' then record(task, a.why, a.worker, a.lease, 0, 0) end
forget_lease(rec)
return cmsgpack.pack({task = task, wake = wake_all({[t.kind] = back}), requeued = back})
