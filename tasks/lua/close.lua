-- The task is over: drop its state and everything it had leased. Its result, if any, stays until it
-- expires.
--
-- KEYS[1]: string, the group's base key
-- ARGV[1]: map of
--   task      string, its id
-- Returns a map:
--   held      list of {connection, lease}, strings: the leases that were active
--   checks    integer, how many of its checks were not settled
local name = key('t', a.task)
-- First, because a full Redis lets a script that has begun to write go on, and refuses one that
-- begins with what needs memory.
redis.call('DEL', key('t', a.task, 'asked'))
local t, active, refund = hash(name), {}, 0
local unsettled = redis.call('HLEN', key('t', a.task, 'check_state'))
for _, rec in ipairs(check_leases(a.task)) do
  active[#active + 1] = {rec.conn, rec.id}
  forget_lease(rec)
end
for _, id in ipairs(redis.call('ZRANGE', key('t', a.task, 'leases'), 0, -1)) do
  local rec = lease_of(id)
  if rec then
    if rec.active == '1' then
      active[#active + 1] = {rec.conn, id}
      refund = refund + tonumber(rec.charge) * #rec.list
    end
    forget_lease(rec)
  end
end
if t.state then
  charge(t.creator, -refund)
  forget_partials(a.task, t.creator)
  unlist(a.task, t)
  redis.call('ZREM', key('tail', t.kind), a.task)
  redis.call('ZREM', key('checking', t.kind), a.task)
end
local PARTS = {
  'payloads', 'wait', 'again', 'held', 'blame', 'unfit', 'failures', 'missing', 'partials', 'parts',
  'out', 'redo', 'work', 'holds', 'leases', 'log', 'asked', 'kept', 'checks', 'check_state',
  'check_leases', 'lacking', 'own_check', 'canaries', 'canary_payloads', 'canaries_out', 'answers',
  'ready', 'confirmed', 'checkers', 'wrong', 'comparing',
}
for _, part in ipairs(PARTS) do
  redis.call('UNLINK', key('t', a.task, part))
end
redis.call('UNLINK', name, blob(a.task, 'input'), blob(a.task, 'submissions'))
redis.call('ZREM', key('due'), a.task)
redis.call('SREM', key('tasks'), a.task)
return cmsgpack.pack({held = active, checks = unsettled})
