-- A worker came back on a new connection and names leases it still works on: they move to that
-- connection.
--
-- KEYS[1]: string, the group's base key
-- ARGV[1]: map of
--   worker    string, its id
--   conn      string, name of the new connection
--   leases    list of strings, ids
--   lease_ms  integer, ms that a renewed lease lives on
-- Returns a map:
--   kept      list of strings, those of the leases of which something is still wanted
local kept = {}
for _, id in ipairs(a.leases) do
  local rec = lease_of(id)
  if rec and rec.worker == a.worker and wanted(rec) then
    if rec.active == '1' then
      redis.call('SREM', key('c', rec.conn), id)
      redis.call('SADD', key('c', a.conn), id)
      renew(rec)
    end
    redis.call('HSET', key('l', id), 'conn', a.conn)
    kept[#kept + 1] = id
  end
end
return cmsgpack.pack({kept = kept})
