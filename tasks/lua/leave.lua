-- A connection is gone. Its leases are requeued at once (a loss), or given back as they were (it said goodbye), or,
-- when it is the server that stops, left alone: the worker comes back for them.
-- args: conn worker kinds (list) slots how ('lost' | 'released' | 'kept') losses_max memory_ms idle_ms
-- returns {{connections to wake}, {tasks to conclude}}
for _, kind in ipairs(a.kinds) do
  redis.call('ZREM', key('idle', kind), a.conn)
  for n = 1, a.slots do redis.call('ZREM', key('slots', kind), a.conn .. ' ' .. n) end
end
if a.how == 'kept' then return {{}, {}} end
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
      forget_lease(rec)
    end
    kinds[t.kind] = (kinds[t.kind] or 0) + back
    if is_complete(rec.task, t) then complete[#complete + 1] = rec.task end
  end
end
redis.call('DEL', key('c', a.conn))
for _, kind in ipairs(a.kinds) do redis.call('ZREM', key('workers', kind), a.worker) end  -- another connection's beat puts it back
return {wake_all(kinds), complete}
