-- Bring what a release before formats were numbered has noted of a task to the form that it has now.
-- What has that form already stays as it is, so a second run changes nothing.
--
-- KEYS[1]: string, the group's base key
-- ARGV[1]: map of
--   task      string, its id
--   losses_max, memory_ms, idle_ms, online_ms, aside_ms, barred_ms, reserved_ms  see _common.lua
-- Returns a map:
--   leases    integer, how many leases whose owner is not known were given back
--   parts     integer, how many accepted partials of which nothing is known
local WORK = {n = 'subtasks', s = 'seconds', f = 'failures', c = 'copies', w = 'wasted'}
local name = key('t', a.task)
local t = hash(name)
if not t.state then return cmsgpack.pack({leases = 0, parts = 0}) end

local work = key('t', a.task, 'work')
for field, value in pairs(hash(work)) do
  local worker, short = string.match(field, '^(.*):(%a)$')
  if WORK[short] then
    redis.call('HSET', work, worker .. ':' .. WORK[short], value)
    redis.call('HDEL', work, field)
  end
end

-- Who failed or lost a subtask was noted in other fields. It may be tried as often as if nobody had.
local blame = key('t', a.task, 'blame')
for _, field in ipairs(redis.call('HKEYS', blame)) do
  if string.find(field, ':', 1, true) then redis.call('HDEL', blame, field) end
end

-- A failure was a list.
local function converted(packed)
  local row = cmsgpack.unpack(packed)
  if row.subtask then return packed end
  local what = failure(row[1], row[2], row[3], row[4], row[5])
  what.at, what.final = row[6] or now, row[7] or false
  return cmsgpack.pack(what)
end

local failures = key('t', a.task, 'failures')
for i, packed in ipairs(redis.call('LRANGE', failures, 0, -1)) do
  redis.call('LSET', failures, i - 1, converted(packed))
end
if t.error then redis.call('HSET', name, 'error', converted(t.error)) end

redis.call('HSETNX', name, 'copied', 0)
if not t.median and tonumber(t.done) > 0 then
  redis.call('HSET', name, 'median', tonumber(t.seconds) / tonumber(t.done))
end

-- What comes of a lease counts for its owner. Of one whose owner is not known nothing can be taken,
-- so its subtasks wait for somebody else, or for the same again.
local given_back = 0
for _, id in ipairs(redis.call('ZRANGE', key('t', a.task, 'leases'), 0, -1)) do
  local rec = lease_of(id)
  if rec and rec.owner == '' then
    if rec.active == '1' then give_back(rec, t, rec.list, 'released') end
    rec.active = '0'  -- nobody's share is less by it
    forget_lease(rec)
    given_back = given_back + 1
  end
end

-- Whose a partial is was not noted, nor of which subtasks: it counts, and nobody checks it.
local partials, parts = key('t', a.task, 'partials'), key('t', a.task, 'parts')
local nobody = {owner = '', worker = '', id = ''}
local known, bytes = redis.call('LLEN', parts), 0
local unknown = redis.call('LLEN', partials) - known
for first = known, known + unknown - 1, CHUNK do
  for _, partial in ipairs(redis.call('LRANGE', partials, first, first + CHUNK - 1)) do
    redis.call('RPUSH', parts, pack_part(nobody, {}, ''))
    bytes = bytes + #partial
  end
end
if unknown > 0 then
  redis.call('HINCRBY', name, 'partial_bytes', bytes)
  redis.call('HINCRBY', key('t', a.task, 'holds'), nobody.owner .. ':bytes', bytes)
  redis.call('HINCRBY', key('partial_bytes'), t.creator, bytes)
  redis.call('HINCRBY', key('partial_bytes'), t.creator .. ' ' .. nobody.owner, bytes)
end
return cmsgpack.pack({leases = given_back, parts = unknown})
