-- A task has ended: give back what it had reserved, except for what Redis keeps of it for a while.
--
-- KEYS[1]: string, the base key of the reservations, see reserve.lua
-- ARGV[1]: map of
--   task      string, its id
--   owner     string, id of the user that submitted it
--   group     string, its id
--   need      integer, bytes that are kept
--   keep_ms   integer, for so long
-- Returns a map:
--   found     integer, 1 if it had reserved something, otherwise 0
local function add(field, bytes)
  if redis.call('HINCRBY', key('sums'), field, bytes) <= 0 then
    redis.call('HDEL', key('sums'), field)
  end
end

local packed = redis.call('HGET', key('tasks'), a.task)
-- First, because a full Redis refuses a script that begins with what may need memory.
redis.call('HDEL', key('tasks'), a.task)
if packed then
  local record = cmsgpack.unpack(packed)
  add('left', -record[2])
  add('o:' .. record[3], -record[1])
  add('g:' .. record[4], -record[1])
end
add('o:' .. a.owner, a.need)
add('g:' .. a.group, a.need)
redis.call('HSET', key('tasks'), a.task, cmsgpack.pack({a.need, 0, a.owner, a.group, now}))
redis.call('ZADD', key('kept'), now + a.keep_ms, a.task)
return cmsgpack.pack({found = packed and 1 or 0})
