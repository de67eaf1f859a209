-- Where a task stands, for people and for the sweep.
-- args: task
-- returns {} if there is no state, else {state, split, ended, quiet_ms (since the last batch), open, leased, done, failed,
--   seconds, complete, {work: field, value, …}, logged (number of the log's last entry)}
local name = key('t', a.task)
local t = hash(name)
if not t.state then return {} end
return {t.state, tonumber(t.split), t.ended, now - tonumber(t.split_at), redis.call('HLEN', key('t', a.task, 'payloads')),
  tonumber(t.leased), tonumber(t.done), tonumber(t.failed), t.seconds, is_complete(a.task, t) and '1' or '0',
  redis.call('HGETALL', key('t', a.task, 'work')), tonumber(t.logged or '0')}
