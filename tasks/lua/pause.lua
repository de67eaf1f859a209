-- Lease nothing more of a task, and take back what is leased: no loss, no failure. What its workers
-- send all the same still counts.
--
-- KEYS[1]: string, the group's base key
-- ARGV[1]: map of
--   task      string, its id
--   losses_max, memory_ms, idle_ms, online_ms  see _common.lua
-- Returns a map:
--   held      list of {connection, lease}, strings: the leases that were active
local name = key('t', a.task)
local t, active = hash(name), {}
if not t.state then return cmsgpack.pack({held = {}}) end
redis.call('HSET', name, 'state', 'paused')
t.state = 'paused'
record(a.task, 'paused', '', '', 0, 0)
relist(a.task, t)
for _, rec in ipairs(check_leases(a.task)) do
  active[#active + 1] = {rec.conn, rec.id}
  give_back(rec, t, rec.list, 'released')
end
list_checks(a.task, t)
for _, id in ipairs(redis.call('ZRANGE', key('t', a.task, 'leases'), 0, -1)) do
  local rec = lease_of(id)
  if rec and rec.active == '1' then
    active[#active + 1] = {rec.conn, id}
    give_back(rec, t, rec.list, 'released')
    retire(rec)
  end
end
return cmsgpack.pack({held = active})
