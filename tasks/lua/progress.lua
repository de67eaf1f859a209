-- Where a task stands, for people and for the sweep.
--
-- KEYS[1]: string, the group's base key
-- ARGV[1]: map of
--   task      string, its id
-- Returns nil if the task has no state, else a map:
--   state     string: 'open' or 'paused'
--   split, open, leased, done, failed  integers, subtasks
--   redo      integer, of the open ones: those whose payloads are to be made anew
--   ended     boolean: the split has ended
--   quiet_ms  integer, ms since the last batch of the split
--   seconds   number, s computed so far
--   complete  boolean: nothing more can change the task's outcome
--   work      map, see `work_of` in _leases.lua; absent if nobody did anything
--   logged    integer, number of the log's last entry
--   ready     integer, checks whose answers are to be compared
--   lacking   integer, checks whose payloads are to be made anew
--   owed      integer, subtasks that are to be computed for checks still, see _checks.lua
--   checking  integer, subtasks that active leases of checks have
local name = key('t', a.task)
local t = hash(name)
if not t.state then return cmsgpack.pack(nil) end
local checking = 0
for _, rec in ipairs(check_leases(a.task)) do checking = checking + #rec.list end
return cmsgpack.pack({
  state = t.state,
  split = tonumber(t.split), ended = t.ended == '1', quiet_ms = now - tonumber(t.split_at),
  open = open_count(a.task), redo = redis.call('SCARD', key('t', a.task, 'redo')), leased = tonumber(t.leased),
  done = tonumber(t.done), failed = tonumber(t.failed), seconds = tonumber(t.seconds),
  complete = is_complete(a.task, t), work = work_of(a.task), logged = tonumber(t.logged or '0'),
  ready = redis.call('SCARD', key('t', a.task, 'ready')),
  lacking = redis.call('SCARD', key('t', a.task, 'lacking')),
  owed = tonumber(t.owed or '0'), checking = checking,
})
