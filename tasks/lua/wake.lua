-- A connection was woken but is busy: name another one for the work that still waits.
-- args: kinds (list) idle_ms memory_ms losses_max
-- returns {connections to wake}: at most one
for _, kind in ipairs(a.kinds) do
  local conns = has_work(kind) and wake(kind, 1) or {}
  if #conns > 0 then return conns end
end
return {}
