-- An attempt to submit a task has failed: drop the task's input, unless another attempt with the same
-- key may need it. One that has made the task's row stays among the attempts.
--
-- KEYS[1]: string, the group's base key
-- ARGV[1]: map of
--   task      string, its id
--   attempt   string, its id
-- Returns a map:
--   dropped   boolean: no other attempt was there, and the input is gone
redis.call('SREM', blob(a.task, 'submissions'), a.attempt)
local dropped = redis.call('SCARD', blob(a.task, 'submissions')) == 0
if dropped then redis.call('UNLINK', blob(a.task, 'input')) end
return cmsgpack.pack({dropped = dropped})
