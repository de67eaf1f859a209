-- Put a line about the task as a whole into its history.
--
-- KEYS[1]: string, the group's base key
-- ARGV[1]: map of
--   task      string, its id
--   what      string: 'delivered' (its result is, while its checks go on) or 'withdrawn' (so it was)
-- Returns a map:
--   noted     boolean: the task has state
local has_state = redis.call('EXISTS', key('t', a.task)) == 1
if has_state then record(a.task, a.what, '', '', 0, 0) end
return cmsgpack.pack({noted = has_state})
