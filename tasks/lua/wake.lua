-- A connection was woken but is busy: name another one for the work that still waits.
-- args: kinds (list) idle_ms memory_ms losses_max
-- returns {connections to wake}: at most one
for _, kind in ipairs(a.kinds) do
  for prio = 0, 2 do
    if redis.call('EXISTS', key('ready', kind, prio)) == 1 then
      local conns = wake(kind, 1)
      if #conns > 0 then return conns end
    end
  end
end
return {}
