-- A worker said that its partial settles the task, and the kind says it does not: wait for the rest.
-- args: task
-- returns 1
redis.call('HSET', key('t', a.task), 'decided', '0')
return 1
