-- Where the checks of a task stand.
--
-- KEYS[1]: string, the group's base key
-- ARGV[1]: map of
--   task       string, its id
--   online_ms  see _common.lua
-- Returns nil if the task has no state, else a map:
--   complete_ms  integer, ms since it was first seen here that the task is complete; -1 if it is not
--   quiet_ms   integer, of those ms: since an answer came or a check was settled last; -1 as well
--   verify     string: what others recompute, see open.lua; 'none' for a task from before that
--   open       integer, checks that are not settled; of canaries only those that are ready
--   waiting    integer, of those: nobody has them, or they lack their payloads
--   held       integer, of those: an active lease has them
--   ready      integer, of those: their answers are to be compared
--   others     boolean: somebody online could take one of those that wait
--   disputed   boolean: one of those that wait has an answer, which differs
--   checked    integer, subtasks that other owners confirmed
--   same_owner  integer, subtasks that only another machine of the same owner confirmed
--   taken_out  integer, subtasks whose results were taken out again
--   undecided, unchecked  integers, checks whose answers differ, with nobody left to ask, and those
--              that were given up
--   checkers, wrong  integers, owners who answered checks that are settled, and who were found wrong
local name = key('t', a.task)
local t = hash(name)
if not t.state then return cmsgpack.pack(nil) end

local others, is_disputed = false, false
local lacking = redis.call('SMEMBERS', key('t', a.task, 'lacking'))
local numbers = redis.call('LRANGE', key('t', a.task, 'checks'), 0, CHUNK - 1)
for _, number in ipairs(lacking) do numbers[#numbers + 1] = number end
for _, number in ipairs(numbers) do
  if t.broken == '1' or others and is_disputed then break end
  local part = read_part(redis.call('LINDEX', key('t', a.task, 'parts'), number))
  local check = read_check(a.task, number)
  others = others or somebody_may_check(a.task, t, part, check)
  is_disputed = is_disputed or #check.answered > 0
end

local complete_ms, quiet_ms = -1, -1
if is_complete(a.task, t) then
  redis.call('HSETNX', name, 'complete_at', now)
  complete_ms = now - tonumber(redis.call('HGET', name, 'complete_at'))
  quiet_ms = math.min(complete_ms, now - tonumber(t.checks_at or '0'))
end
local canaries = redis.call('SCARD', key('t', a.task, 'canaries_out'))  -- nobody waits for them
return cmsgpack.pack({
  complete_ms = complete_ms, quiet_ms = quiet_ms, verify = t.verify or 'none',
  waiting = redis.call('LLEN', key('t', a.task, 'checks')) + #lacking,
  open = redis.call('HLEN', key('t', a.task, 'check_state')) - canaries,
  held = redis.call('SCARD', key('t', a.task, 'check_leases')) - canaries,
  ready = redis.call('SCARD', key('t', a.task, 'ready')),
  others = others, disputed = is_disputed,
  checked = tonumber(t.checked or '0'), same_owner = tonumber(t.same_owner or '0'),
  taken_out = tonumber(t.taken_out or '0'),
  undecided = tonumber(t.undecided or '0'), unchecked = tonumber(t.unchecked or '0'),
  checkers = redis.call('SCARD', key('t', a.task, 'checkers')),
  wrong = redis.call('SCARD', key('t', a.task, 'wrong')),
})
