-- The parts that are to be checked and lack their payloads.
--
-- KEYS[1]: string, the group's base key
-- ARGV[1]: map of
--   task   string, its id
-- Returns a map:
--   parts  list of {number, runs}: an integer, and the part's subtasks, see `runs_of` in _leases.lua
local rows = {}
for _, number in ipairs(redis.call('SMEMBERS', key('t', a.task, 'lacking'))) do
  local packed = redis.call('LINDEX', key('t', a.task, 'parts'), number)
  if packed then rows[#rows + 1] = {tonumber(number), cmsgpack.unpack(packed)[PART_RUNS]} end
end
return cmsgpack.pack({parts = rows})
