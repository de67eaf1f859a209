-- Give back what tasks have reserved. One that has reserved nothing changes nothing.
--
-- KEYS[1]: string, the base key of the reservations, see reserve.lua
-- ARGV[1]: map of
--   tasks   list of strings, ids
-- Returns a map:
--   found   integer, how many of them had reserved something
local function less(field, bytes)
  if redis.call('HINCRBY', key('sums'), field, -bytes) <= 0 then
    redis.call('HDEL', key('sums'), field)
  end
end

local found = 0
for _, task in ipairs(a.tasks) do
  local packed = redis.call('HGET', key('tasks'), task)
  if packed then
    local record = cmsgpack.unpack(packed)
    found = found + 1
    -- First, because a full Redis refuses a script that begins with what may need memory.
    redis.call('HDEL', key('tasks'), task)
    redis.call('ZREM', key('kept'), task)
    less('left', record[2])
    less('o:' .. record[3], record[1])
    less('g:' .. record[4], record[1])
  end
end
return cmsgpack.pack({found = found})
