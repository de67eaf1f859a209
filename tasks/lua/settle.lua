-- What came of comparing the answers to a check. Each check is settled once, and none when the task's
-- result is being delivered, see seal.lua.
--
-- KEYS[1]: string, the group's base key
-- ARGV[1]: map of
--   task      string, its id
--   number    integer, of the part that was checked
--   answered  integer, how many answers were compared: with another number now, nothing changes
--   how       string: 'again' (let one more owner compute it), 'confirmed' (another owner agreed with
--             what stands), 'same_owner' (only another machine of the same owner did), 'undecided'
--             (they differ, and nobody is left to ask), 'unchecked', or of a canary 'canary' (it is
--             over) or 'doubted' (its answer differs from what was taken for known)
--   lease     string, id of the check's lease whose answer stands in place of the part; '': the part
--             stands
--   checkers  list of strings, ids of the owners who answered
--   wrong     list of strings, ids of owners who were found wrong: all parts of theirs are taken out,
--             and their subtasks are to be done anew
--   message   string, for people: what is wrong
--   why       string, its start for the log (Lua would cut within a character)
--   losses_max, memory_ms, idle_ms, online_ms, aside_ms, barred_ms, reserved_ms  see _common.lua
-- Returns a map:
--   settled   boolean: this call did it
--   caught    list of strings, ids: those in `wrong` who had not been found wrong in this task before
--   subtasks  integer, how many are to be done anew
--   parts     integer, how many were taken out
--   lacking   boolean: its payloads are to be made anew before somebody else can be asked
--   wake      list of strings, connections to wake
local t = hash(key('t', a.task))
local check = read_check(a.task, a.number)
local caught, redone, parts, lacking = {}, 0, 0, false
local function answer(settled, woken)
  return cmsgpack.pack({
    settled = settled, subtasks = redone, parts = parts, wake = woken, caught = caught,
    lacking = lacking,
  })
end
if not t.state or t.sealed == '1' then return answer(false, {}) end
if not check or #check.answered ~= a.answered then return answer(false, {}) end
local packed = redis.call('LINDEX', key('t', a.task, 'parts'), a.number)
if not packed then return answer(false, {}) end  -- of a task that has failed for want of room

redis.call('HSET', key('t', a.task), 'checks_at', now)

-- All that the owners who were wrong did for the task is to be done anew.
local function punish()
  for _, owner in ipairs(a.wrong) do
    if redis.call('SADD', key('t', a.task, 'wrong'), owner) == 1 then caught[#caught + 1] = owner end
    strike(owner, t, STRIKES.bad_partial)
  end
  if #a.wrong == 0 then return end
  for place, packed in ipairs(redis.call('LRANGE', key('t', a.task, 'parts'), 0, -1)) do
    if contains(a.wrong, read_part(packed).owner) then
      local n = redo_part(a.task, t, place - 1, a.message)
      if n > 0 then redone, parts = redone + n, parts + 1 end
    end
  end
end

if a.how == 'again' then
  if redis.call('SREM', key('t', a.task, 'ready'), a.number) == 0 then return answer(false, {}) end
  lacking = ask_another(a.task, t, a.number, check)
  punish()
  if redone > 0 then doubt_decision(a.task) end
  return answer(true, wake(t.kind, SOME))
end

local part = read_part(packed)

-- What was taken for known is checked anew, and whoever differs has given the first answer.
local function doubt_part()
  local n = #part.subtasks
  if redis.call('SREM', key('t', a.task, 'confirmed'), a.number) == 1 then
    redis.call('HINCRBY', key('t', a.task), 'checked', -n)
  end
  local kept = {}
  for i, payload in ipairs(get_many(key('t', a.task, 'canary_payloads'), part.subtasks)) do
    if payload then kept[#kept + 1], kept[#kept + 2] = part.subtasks[i], payload end
  end
  if #kept == 2 * n then set_many(key('t', a.task, 'kept'), kept) end
  forget_canary(a.task, a.number, part.subtasks)
  check.canary = nil
  note_check(a.task, a.number, check)
end

if a.how == 'doubted' then
  if redis.call('SREM', key('t', a.task, 'ready'), a.number) == 0 then return answer(false, {}) end
  doubt_part()
  lacking = ask_another(a.task, t, a.number, check)
  return answer(true, wake(t.kind, SOME))
end

if a.how == 'canary' then
  end_check(a.task, t, a.number, part.subtasks)
  punish()
  if redone > 0 then doubt_decision(a.task) end
  return answer(true, {})
end

local function note_confirmed(number, n)
  if a.how ~= 'confirmed' then return end
  redis.call('SADD', key('t', a.task, 'confirmed'), number)
  redis.call('HINCRBY', key('t', a.task), 'checked', n)
end

-- The pieces of the answer become parts of the task, like any result of that worker.
local function put_in_place()
  if take_part_out(a.task, t, a.number, a.why) > 0 then parts = parts + 1 end
  for place, piece in ipairs(check.pieces) do
    if piece[PART_LEASE] == a.lease then
      local bytes = redis.call('HGET', key('t', a.task, 'answers'), piece_name(a.number, place))
      redis.call('RPUSH', key('t', a.task, 'partials'), bytes)
      local number = redis.call('RPUSH', key('t', a.task, 'parts'), cmsgpack.pack(piece)) - 1
      local n, worker = #read_part(cmsgpack.pack(piece)).subtasks, piece[PART_WORKER]
      redis.call('HINCRBY', key('t', a.task, 'holds'), piece[PART_OWNER] .. ':done', n)
      redis.call('HINCRBY', key('t', a.task, 'work'), worker .. ':subtasks', n)
      note_confirmed(number, n)
    end
  end
end

if a.how == 'same_owner' then
  redis.call('SADD', key('t', a.task, 'own_check'), a.number)
  redis.call('HINCRBY', key('t', a.task), 'same_owner', #part.subtasks)
elseif a.how ~= 'confirmed' and #a.wrong == 0 then
  redis.call('HINCRBY', key('t', a.task), a.how, 1)
end
for _, owner in ipairs(a.checkers) do redis.call('SADD', key('t', a.task, 'checkers'), owner) end
if a.lease ~= '' then
  put_in_place()
else
  note_confirmed(a.number, #part.subtasks)
  if a.how == 'confirmed' then
    record(a.task, 'confirmed', part.worker, part.lease, #part.subtasks, 0)
    keep_canary(a.task, a.number, part.subtasks, {part.owner, unpack(check.answered)})
  end
end
end_check(a.task, t, a.number, part.subtasks, a.lease)

punish()
if redone > 0 or a.lease ~= '' then doubt_decision(a.task) end
return answer(true, {})
