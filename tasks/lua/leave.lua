-- A connection is gone. Its leases are requeued immediately (a loss), or given back as they were
-- (the worker said goodbye), or, when it is the server that stops, left alone: the worker comes
-- back for them.
--
-- KEYS[1]: string, the group's base key
-- ARGV[1]: map of
--   worker, owner  strings, ids
--   conn           string, name of the connection
--   kinds          list of strings, "NAME@version"
--   how            string: 'lost', 'released' or 'kept'
--   losses_max, memory_ms, idle_ms, online_ms  see _common.lua
-- Returns a map:
--   wake           list of strings, connections to wake
--   complete       list of strings, tasks to conclude
--   requeued       integer, subtasks of lost leases that wait again
for _, kind in ipairs(a.kinds) do
  redis.call('ZREM', key('idle', kind), a.conn)
  -- another connection of the owner notes them again when it next looks for work
  redis.call('ZREM', key('wants', kind), a.owner)
  redis.call('ZREM', key('workers', kind), a.worker .. ' ' .. a.conn .. ' ' .. a.owner)
  drop_slots(kind, a.conn)
end
if a.how == 'kept' then return cmsgpack.pack({wake = {}, complete = {}, requeued = 0}) end
local kinds, complete = {}, {}
for _, id in ipairs(redis.call('SMEMBERS', key('c', a.conn))) do
  local rec = lease_of(id)
  local t = rec and hash(key('t', rec.task))
  if t and t.state then
    local back
    if a.how == 'lost' then
      back = lose_lease(rec, t)
    else
      back = give_back(rec, t, rec.list, 'released')
      strike(rec.owner, t, STRIKES.release)
      forget_lease(rec)
    end
    kinds[t.kind] = (kinds[t.kind] or 0) + back
    if is_complete(rec.task, t) then complete[#complete + 1] = rec.task end
  end
end
redis.call('DEL', key('c', a.conn))
-- an idle worker that failed a subtask may take it now, if this was the last other one
for _, kind in ipairs(a.kinds) do
  if has_work(kind) then kinds[kind] = math.max(kinds[kind] or 0, SOME) end
end
return cmsgpack.pack({wake = wake_all(kinds), complete = complete, requeued = requeued})
