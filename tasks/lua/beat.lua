-- A worker's heartbeat in one group: it is here, and the leases it names live on, for at most subtasks x time limit.
-- A lost lease is not brought back, but its work may still win as long as one of its subtasks is open.
-- args: worker owner conn kinds (list) slots leases (list) lease_ms online_ms
-- returns {leases of which nothing is wanted any more}
local unwanted, slots = {}, {}
for n = 1, a.slots do slots[#slots + 1], slots[#slots + 2] = now, a.conn .. ' ' .. n end
for _, kind in ipairs(a.kinds) do
  redis.call('ZADD', key('workers', kind), now, a.worker .. ' ' .. a.conn .. ' ' .. a.owner)
  redis.call('ZREMRANGEBYSCORE', key('workers', kind), '-inf', now - a.online_ms)
  each_chunk(slots, function(...) redis.call('ZADD', key('slots', kind), ...) end)
  redis.call('ZREMRANGEBYSCORE', key('slots', kind), '-inf', now - a.online_ms)
end
for _, id in ipairs(a.leases) do
  local rec = lease_of(id)
  local mine = rec and rec.worker == a.worker
  if mine and rec.active == '1' then renew(rec) end
  if not (mine and wanted(rec)) then unwanted[#unwanted + 1] = id end
end
return unwanted
