-- A worker's heartbeat in one group: it is online, and the leases it names live on, for at most
-- subtasks x time limit. A lost lease is not brought back, but its work may still win as long as
-- one of its subtasks is open.
--
-- KEYS[1]: string, the group's base key
-- ARGV[1]: map of
--   worker, owner  strings, ids
--   conn           string, name of its connection
--   kinds          list of strings, "NAME@version"
--   slots          integer, how many leases it computes at the same time
--   resting        string, why it takes nothing of this group now; "": it does, or nothing is shown
--   leases         list of strings, ids
--   lease_ms       integer, ms that a renewed lease lives on
--   online_ms      see _common.lua
-- Returns a map:
--   unwanted       list of strings, those of the leases of which nothing is wanted any more
local unwanted = {}
for _, kind in ipairs(a.kinds) do
  redis.call('ZADD', key('workers', kind), now, a.worker .. ' ' .. a.conn .. ' ' .. a.owner)
  redis.call('ZREMRANGEBYSCORE', key('workers', kind), '-inf', now - a.online_ms)
  redis.call('ZADD', key('slots', kind), now, a.conn)
  note_slots(kind, a.conn, a.slots)
  slots_online(kind)
end
if a.resting ~= '' then
  redis.call('HSET', key('resting'), a.worker, (now + a.online_ms) .. ' ' .. a.resting)
  redis.call('PEXPIRE', key('resting'), a.online_ms)
end
for _, id in ipairs(a.leases) do
  local rec = lease_of(id)
  local mine = rec and rec.worker == a.worker
  if mine and rec.active == '1' then renew(rec) end
  if not (mine and wanted(rec)) then unwanted[#unwanted + 1] = id end
end
return cmsgpack.pack({unwanted = unwanted})
