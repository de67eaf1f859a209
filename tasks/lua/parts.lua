-- What each accepted result of a task was: the latest parts, and those taken out before them.
--
-- KEYS[1]: string, the group's base key
-- ARGV[1]: map of
--   task      string, its id
--   most      integer, of each of both
--   ended     boolean: not those of leases that are active: what comes for a check is not among them, and
--             whoever has answered a piece of one could tell
-- Returns a list. First a map:
--   rows      list of {number, state}: an integer, 0-based, and a string: 'counts', 'confirmed' or
--             'taken_out'; in the order in which they came
-- behind it, for each of them, the part: see `pack_part` in _leases.lua
local parts, out = key('t', a.task, 'parts'), {}
local from = math.max(redis.call('LLEN', parts) - a.most, 0)
for _, number in ipairs(redis.call('SMEMBERS', key('t', a.task, 'out'))) do
  out[#out + 1] = tonumber(number)
end
table.sort(out)

local rows, raws, is_out = {}, {}, {}
local function is_under_way(packed)
  return redis.call('HGET', key('l', cmsgpack.unpack(packed)[PART_LEASE]), 'active') == '1'
end

local function add(number, packed)
  if not packed then return end  -- of a task that has failed for want of room
  if a.ended and is_under_way(packed) then return end
  local state = is_out[number] and 'taken_out'
  if not state then
    local confirmed = redis.call('SISMEMBER', key('t', a.task, 'confirmed'), number) == 1
    state = confirmed and 'confirmed' or 'counts'
  end
  rows[#rows + 1], raws[#raws + 1] = {number, state}, packed
end

for i = math.max(#out - a.most, 0) + 1, #out do
  is_out[out[i]] = true
  if out[i] < from then add(out[i], redis.call('LINDEX', parts, out[i])) end
end
for i, packed in ipairs(redis.call('LRANGE', parts, from, -1)) do add(from + i - 1, packed) end
local reply = {cmsgpack.pack({rows = rows})}
for _, raw in ipairs(raws) do reply[#reply + 1] = raw end
return reply
