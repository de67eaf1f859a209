-- Accept the combined partial of some subtasks of one lease, or refuse it whole. Accepted if the lease was granted to
-- this worker, all subtasks belong to it and all are still open, even when its deadline has passed meanwhile.
-- args: lease worker subtasks (list) seconds (computed) decided ('1' | '0') memory_ms losses_max idle_ms
-- ARGV[2]: the partial, MessagePack
-- returns {'accepted', task, complete ('1' | '0'), {{conn, lease} no longer wanted}}
--      or {'refused', reason, {subtasks still open}}
local rec = lease_of(a.lease)
if not rec or rec.worker ~= a.worker then return {'refused', 'unknown_lease', {}} end
local task = rec.task
local t = hash(key('t', task))
if not t.state then
  forget_lease(rec)
  return {'refused', 'task_closed', {}}
end

local owed = {}
for _, subtask in ipairs(rec.list) do owed[subtask] = true end
local reason, open = nil, {}
local flags = open_flags(task, a.subtasks)
for i, subtask in ipairs(a.subtasks) do
  if not owed[subtask] then reason = 'not_in_lease'  -- twice in the message, or never leased, or settled before
  elseif flags[i] then open[#open + 1] = subtask
  else reason = reason or 'done_by_another' end
  owed[subtask] = nil
end
if reason then return {'refused', reason, open} end

local held = redis.call('HLEN', key('t', task, 'held')) > 0
local gone, unleased, unwanted, others = {}, 0, {}, {}
for _, subtask in ipairs(a.subtasks) do
  gone[subtask] = true
  if held then
    local ids = holders(task, subtask, rec)
    if #ids > 0 then unleased = unleased + 1 end
    for _, id in ipairs(without(ids, rec.id)) do
      others[id] = others[id] or {}
      others[id][subtask] = true
    end
  end
end
if not held then unleased = rec.active == '1' and #a.subtasks or 0 end

del_many(key('t', task, 'payloads'), a.subtasks)
if held then del_many(key('t', task, 'held'), a.subtasks) end
redis.call('RPUSH', key('t', task, 'partials'), ARGV[2])
redis.call('HINCRBY', key('t', task), 'leased', -unleased)
redis.call('HINCRBY', key('t', task), 'done', #a.subtasks)

for id, settled in pairs(others) do
  local other = lease_of(id)
  if other then
    owe_less(other, settled)
    if #other.list == 0 then unwanted[#unwanted + 1] = {other.conn, id} end
  end
end

-- A worker's word on its seconds is believed up to what the clock allows.
local elapsed = math.max(now - tonumber(rec.since), 1) / 1000
local seconds = math.min(a.seconds, elapsed)
redis.call('HINCRBYFLOAT', key('t', task), 'seconds', seconds)
charge(t.creator, seconds - (rec.active == '1' and tonumber(rec.charge) * #a.subtasks or 0))

local work = key('t', task, 'work')
local before = tonumber(redis.call('HGET', work, a.worker .. ':speed') or '0')
local speed = #a.subtasks / elapsed
redis.call('HINCRBY', work, a.worker .. ':n', #a.subtasks)
redis.call('HINCRBYFLOAT', work, a.worker .. ':s', seconds)
redis.call('HSET', work, a.worker .. ':last', now, a.worker .. ':speed', before == 0 and speed or (before + speed) / 2)

owe_less(rec, gone)
if a.decided == '1' then
  redis.call('HSET', key('t', task), 'decided', '1')
  t.decided = '1'
end
return {'accepted', task, is_complete(task, t) and '1' or '0', unwanted}
