-- Of which kind a lease is, active or lost, that was granted to this worker.
--
-- KEYS[1]: string, the group's base key
-- ARGV[1]: map of
--   lease     string, its id
--   worker    string, its id
-- Returns a map:
--   kind      string, "NAME@version"; "" if there is no such lease
local owner_and_task = redis.call('HMGET', key('l', a.lease), 'worker', 'task')
if owner_and_task[1] ~= a.worker then return cmsgpack.pack({kind = ''}) end
return cmsgpack.pack({kind = redis.call('HGET', key('t', owner_and_task[2]), 'kind') or ''})
