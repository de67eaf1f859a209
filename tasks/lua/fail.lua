-- One subtask failed on its worker: it raised, crashed, ran out of time or was too large. That is
-- an attempt; after attempts_max of them it fails permanently, and with it the task, unless partial
-- results are allowed. What an owner's workers fail again is an attempt only when each owner online
-- that takes the task has failed it. Of a check it is no attempt: somebody else is asked.
--
-- KEYS[1]: string, the group's base key
-- ARGV[1]: map of
--   lease         string, its id
--   worker        string, the sender's id
--   subtask       integer, index within the task
--   error         string, name of the error
--   error_start   string, the name's start for the log (Lua would cut within a character)
--   message, traceback  strings
--   seconds       number, s that the worker says it computed
--   attempts_max  integer
--   memory_ms, idle_ms, online_ms  see _common.lua
-- Returns a map, if counted:
--   task          string, its id
--   complete      boolean: nothing more can change the task's outcome
--   wake          list of strings, connections to wake
--   unwanted      list of {connection, lease}, strings: leases that may stop
-- or, if refused:
--   reason        string: 'unknown_lease', 'not_a_member', 'task_closed', 'not_in_lease' or
--                'done_by_another'
local rec = lease_of(a.lease)
if not rec or rec.worker ~= a.worker then return refused('unknown_lease') end
if rec.revoked then return refused('not_a_member') end
local task = rec.task
local t = hash(key('t', task))
if not t.state then return refused('task_closed') end
local owed = false
for _, subtask in ipairs(rec.list) do owed = owed or subtask == a.subtask end
if not owed then return refused('not_in_lease') end
if rec.check then
  strike(rec.owner, t, STRIKES.failure)
  record(task, 'failed', a.worker, a.lease, 1, 0, a.subtask .. ' ' .. a.error_start)
  give_check_back(rec, t, true)
  return cmsgpack.pack({
    task = task, complete = false, wake = wake(t.kind, SOME), unwanted = {{rec.conn, rec.id}},
  })
end
if redis.call('HEXISTS', key('t', task, 'payloads'), a.subtask) == 0 then
  owe_less(rec, {[a.subtask] = true})
  return refused('done_by_another')
end

local ids = holders(task, a.subtask, rec)
local others = without(ids, rec.id)
local work, blame = key('t', task, 'work'), key('t', task, 'blame')
redis.call('HINCRBY', work, a.worker .. ':failures', 1)
redis.call('HSETNX', work, a.worker .. ':first', now)
redis.call('HSET', work, a.worker .. ':last', now)
local blamed = read_blame(redis.call('HGET', blame, a.subtask))
blame_failure(rec, t, blamed)
strike(rec.owner, t, STRIKES.failure)
redis.call('HSET', blame, a.subtask, cmsgpack.pack(blamed))
local final = blamed.attempts >= a.attempts_max
local seconds = believed(rec, a.seconds)
charge(t.creator, math.min(seconds, usual_seconds(t)) - (rec.active == '1' and tonumber(rec.charge) or 0))
-- what it did before this one comes later, in a result of its own, and took time too
owe_less(rec, {[a.subtask] = true}, tonumber(rec.since) + math.floor(seconds * 1000))
if #ids > 0 and (final or #others == 0) then unlease(task, 1) end
local happened = final and 'failed_for_good' or 'failed'
record(task, happened, a.worker, a.lease, 1, #rec.list, a.subtask .. ' ' .. a.error_start)

local what = failure(a.subtask, a.worker, a.error, a.message, a.traceback)
local conns, unwanted = {}, {}
if final then
  fail_permanently(task, t, a.subtask, what)
  local rest = {}
  for _, id in ipairs(others) do rest[id] = {[a.subtask] = true} end
  unwanted = settle_others(t, rest)
  relist(task, t)
else
  redis.call('HSET', key('t', task), 'error', cmsgpack.pack(what))
  note_failure(task, what, false)
  redis.call('HSET', key('t', task, 'held'), a.subtask, table.concat(others, ' '))
  -- of a lease taken back by a pause it waits with others meanwhile, and must not go to whoever
  -- comes
  local waits = #ids == 0 and redis.call('LREM', key('t', task, 'wait'), 1, a.subtask) > 0
  if waits or #ids > 0 and #others == 0 then
    redis.call('RPUSH', key('t', task, 'again'), a.subtask)
    relist(task, t)
    -- one that may take it must be woken; the one that failed it is likely among the idle
    conns = wake(t.kind, SOME)
  end
end
return cmsgpack.pack({
  task = task, complete = is_complete(task, t), wake = conns, unwanted = unwanted,
})
