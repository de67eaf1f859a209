-- Note that some of what a task has reserved is in Redis now.
--
-- KEYS[1]: string, the base key of the reservations, see reserve.lua
-- ARGV[1]: map of
--   task    string, its id
--   bytes   integer
-- Returns a map:
--   left    integer, bytes that are still reserved for it
local packed = redis.call('HGET', key('tasks'), a.task)
if not packed then return cmsgpack.pack({left = 0}) end
local record = cmsgpack.unpack(packed)
local spent = math.min(a.bytes, record[2])
record[2] = record[2] - spent
redis.call('HSET', key('tasks'), a.task, cmsgpack.pack(record))
redis.call('HINCRBY', key('sums'), 'left', -spent)
return cmsgpack.pack({left = record[2]})
