-- A worker's heartbeat in one group: it is here, and the leases it names live on, for at most subtasks x time limit.
-- A lost lease is not brought back, but its work may still win as long as one of its subtasks is open.
-- args: worker conn kinds (list) slots leases (list) lease_ms online_ms
-- returns {leases of which nothing is wanted any more}
local unwanted = {}
for _, kind in ipairs(a.kinds) do
  redis.call('ZADD', key('workers', kind), now, a.worker)
  redis.call('ZREMRANGEBYSCORE', key('workers', kind), '-inf', now - a.online_ms)
  for n = 1, a.slots do redis.call('ZADD', key('slots', kind), now, a.conn .. ' ' .. n) end
  redis.call('ZREMRANGEBYSCORE', key('slots', kind), '-inf', now - a.online_ms)
end
for _, id in ipairs(a.leases) do
  local rec = lease_of(id)
  local wanted = false
  if rec and rec.worker == a.worker then
    for _, open in ipairs(open_flags(rec.task, rec.list)) do wanted = wanted or open end
    if rec.active == '1' then
      redis.call('ZADD', key('leases'), 'XX', math.min(now + a.lease_ms, tonumber(rec['until'])), id)
    end
  end
  if not wanted then unwanted[#unwanted + 1] = id end
end
return unwanted
