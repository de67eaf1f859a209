-- An owner was found wrong: the latest of what they did for this task that nobody has checked is to be
-- checked. The payloads are gone; `keep_payloads` puts them back, and then the checks wait.
--
-- KEYS[1]: string, the group's base key
-- ARGV[1]: map of
--   task   string, its id
--   owner  string, id
--   most   integer, parts at most
-- Returns a map:
--   parts  integer, how many are to be checked now that were not before
--   ended  boolean: the split has ended, so that the payloads can be made anew
local t = hash(key('t', a.task))
local found, by_worker = 0, {}
local function answer() return cmsgpack.pack({parts = found, ended = t.ended == '1'}) end
if not t.state or t.sealed == '1' or t.broken == '1' or (t.verify or 'none') == 'none' then return answer() end

local parts = key('t', a.task, 'parts')
local left = tonumber(redis.call('HGET', key('t', a.task, 'holds'), a.owner .. ':done') or '0')
local behind = redis.call('LLEN', parts)
while behind > 0 and left > 0 and found < a.most do
  local first = math.max(behind - CHUNK, 0)
  local packed = redis.call('LRANGE', parts, first, behind - 1)
  for i = #packed, 1, -1 do
    local number = first + i - 1
    local is_theirs = cmsgpack.unpack(packed[i])[PART_OWNER] == a.owner
    if is_theirs and found < a.most and stands_unchecked(a.task, number) then
      local part = read_part(packed[i])
      begin_check_without_payloads(a.task, number, #part.subtasks)
      found, by_worker[part.worker] = found + 1, (by_worker[part.worker] or 0) + #part.subtasks
    end
    if is_theirs and redis.call('SISMEMBER', key('t', a.task, 'out'), number) == 0 then
      left = left - #read_part(packed[i]).subtasks
    end
  end
  behind = first
end
for worker, n in pairs(by_worker) do record(a.task, 'rechecked', worker, '', n, 0) end
if found > 0 then redis.call('HDEL', key('t', a.task), 'complete_at') end
return answer()
