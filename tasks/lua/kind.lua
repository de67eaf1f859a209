-- Of which kind a lease is, active or lost, that was granted to this worker.
-- args: lease worker
-- returns "NAME@version", "" if there is no such lease
local owner_and_task = redis.call('HMGET', key('l', a.lease), 'worker', 'task')
if owner_and_task[1] ~= a.worker then return '' end
return redis.call('HGET', key('t', owner_and_task[2]), 'kind') or ''
