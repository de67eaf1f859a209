-- The result that was made of a task's parts is to be delivered. Unless some of them were taken out
-- since they were read, none is from now on: what is found wrong later comes too late.
--
-- KEYS[1]: string, the group's base key
-- ARGV[1]: map of
--   task       string, its id
--   taken_out  integer, subtasks whose results had been taken out when the parts were read
-- Returns a map:
--   sealed     boolean: these parts stand; also of a task without state, which has ended
local name = key('t', a.task)
local t = hash(name)
local stand = tonumber(t.taken_out or '0') == a.taken_out
if t.state and stand then redis.call('HSET', name, 'sealed', '1') end
return cmsgpack.pack({sealed = not t.state or stand})
