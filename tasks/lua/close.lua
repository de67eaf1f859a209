-- The task is over: drop its state and everything it had leased. Its result, if any, stays until it expires.
-- args: task
-- returns {{conn, lease} that were active}
local name = key('t', a.task)
local t, active = hash(name), {}
if t.state then unlist(a.task, {kind = t.kind, prio = t.prio, creator = t.creator}) end
for _, id in ipairs(redis.call('SMEMBERS', key('t', a.task, 'leases'))) do
  local rec = lease_of(id)
  if rec then
    if rec.active == '1' then
      active[#active + 1] = {rec.conn, id}
      if t.creator then charge(t.creator, -tonumber(rec.charge) * #rec.list) end
    end
    forget_lease(rec)
  end
end
for _, part in ipairs({'payloads', 'wait', 'again', 'held', 'blame', 'partials', 'work', 'leases', 'input', 'asked'}) do
  redis.call('UNLINK', key('t', a.task, part))
end
redis.call('UNLINK', name)
redis.call('SREM', key('tasks'), a.task)
return active
