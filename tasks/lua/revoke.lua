-- An owner is no member of the group any more: what their workers hold of a task waits again, as it
-- was, and nothing that they still send of it counts. No failure, no loss.
--
-- KEYS[1]: string, the group's base key
-- ARGV[1]: map of
--   task      string, its id
--   owner     string, id of the former member
--   losses_max, memory_ms, idle_ms, online_ms  see _common.lua
-- Returns a map:
--   held      list of {connection, lease}, strings: the leases that were active
--   wake      list of strings, connections to wake
local t, active, back = hash(key('t', a.task)), {}, 0
if not t.state then return cmsgpack.pack({held = {}, wake = {}}) end
for _, id in ipairs(redis.call('ZRANGE', key('t', a.task, 'leases'), 0, -1)) do
  if redis.call('HGET', key('l', id), 'owner') == a.owner then
    local rec = lease_of(id)
    if rec.active == '1' then
      active[#active + 1] = {rec.conn, id}
      back = back + give_back(rec, t, rec.list, 'released')
      retire(rec)
    end
    redis.call('HSET', key('l', id), 'revoked', '1')
  end
end
for _, rec in ipairs(check_leases(a.task)) do
  if rec.owner == a.owner then
    active[#active + 1] = {rec.conn, rec.id}
    back = back + give_back(rec, t, rec.list, 'released')
  end
end
return cmsgpack.pack({held = active, wake = wake(t.kind, back)})
