-- Shared by every script of the queue, behind _leases.lua: checks. The subtasks of a part are
-- computed once more for another owner, to compare.
--
-- A check *lacks* its payloads at first, if the part was there before it (in :lacking), then it *waits*
-- (in :checks), an active lease has it, its answers are *ready* to be compared (in
-- :ready), or it was given up, because too many leases of it came to nothing. Whoever compares the
-- answers settles the check, or lets it wait for one more owner. Subtasks, shares and the creator's
-- charge know nothing of it.
local CHECK = {
  tries = 3,  -- leases that may come to nothing
  leases = 20,  -- leases at all: one that is given back again and again must end
}

local function contains(list, what)
  for _, one in ipairs(list or {}) do
    if one == what then return true end
  end
  return false
end

-- The state of a check: {lease = its active lease or '', answered = owners whose answers are whole,
-- failed = owners whose leases came to nothing, returned = owners who gave it back (absent if nobody
-- did), leases = how many there were, drawn = the owner who is asked first ('' if that is no matter),
-- reserved_until = ms since the epoch until nobody else is asked, canary = true of one, pieces = what
-- came, each like a part, owed = subtasks that are to be computed for it still}. The bytes of the pieces
-- are in :answers. nil if there is no such check.
local function read_check(task, number)
  local packed = redis.call('HGET', key('t', task, 'check_state'), number)
  return packed and cmsgpack.unpack(packed) or nil
end

local function new_check() return {lease = '', answered = {}, failed = {}, pieces = {}} end

local function note_check(task, number, check)
  redis.call('HSET', key('t', task, 'check_state'), number, cmsgpack.pack(check))
end

-- For the check n subtasks are to be computed still; of a canary less than none, when pieces of its
-- answer have come. People are shown the sum as work of the task, or they could tell by the counts that
-- a lease repeats what is done.
local function owe_answer(task, check, n)
  local more = n - (check.owed or 0)
  if more ~= 0 then redis.call('HINCRBY', key('t', task), 'owed', more) end
  check.owed = n
end

local function piece_name(number, place) return number .. ':' .. place end

-- Put the task into the index of those that have checks to lease, or take it out.
local function list_checks(task, t)
  local index = key('checking', t.kind)
  local wanted = t.state == 'open' and t.broken ~= '1'
  if wanted and redis.call('EXISTS', key('t', task, 'checks')) == 1 then
    redis.call('ZADD', index, t.seq, task)
  else
    redis.call('ZREM', index, task)
  end
end

local function is_given_up(check)
  return #check.failed >= CHECK.tries or (check.leases or 0) >= CHECK.leases
end

local function is_ready(task, number)
  return redis.call('SISMEMBER', key('t', task, 'ready'), number) == 1
end

-- Draw the owner who is asked first. If it were whoever asks first, those who ask most often would
-- check each other. The microseconds of the clock decide, which nobody can foresee.
local function draw_checker(task, t, number, check)
  local packed = redis.call('LINDEX', key('t', task, 'parts'), number)
  local computed_by = packed and cmsgpack.unpack(packed)[PART_OWNER]  -- none: it failed for want of room
  local there, owners, fresh = takers(task, t), {}, {}
  for owner in pairs(there.workers) do
    local has_tried = contains(check.answered, owner) or contains(check.failed, owner)
    if owner ~= computed_by and not has_tried then
      owners[#owners + 1] = owner
      if not contains(check.returned, owner) then fresh[#fresh + 1] = owner end
    end
  end
  check.drawn, check.reserved_until = '', 0
  if #owners > 1 and a.reserved_ms > 0 then
    local from = #fresh > 0 and fresh or owners
    check.drawn = from[1 + redis.call('TIME')[2] % #from]
    check.reserved_until = now + a.reserved_ms
    wake_first[t.kind] = wake_first[t.kind] or {}
    for _, conn in ipairs(there.conns[check.drawn]) do table.insert(wake_first[t.kind], conn) end
  end
end

-- Whether the check is kept for another owner for some more ms: how many.
local function reserved_ms(check, owner)
  if (check.drawn or '') == '' or check.drawn == owner then return 0 end
  return math.max(check.reserved_until - now, 0)
end

local function let_check_wait(task, t, number, check)
  draw_checker(task, t, number, check)
  note_check(task, number, check)
  redis.call('RPUSH', key('t', task, 'checks'), number)
  list_checks(task, t)
end

-- The part of this number is to be checked: its payloads, which are still there, are kept.
local function begin_check(task, t, number, subtasks)
  local kept = {}
  for i, payload in ipairs(get_many(key('t', task, 'payloads'), subtasks)) do
    kept[#kept + 1], kept[#kept + 2] = subtasks[i], payload
  end
  set_many(key('t', task, 'kept'), kept)
  local check = new_check()
  owe_answer(task, check, #subtasks)
  let_check_wait(task, t, number, check)
end

-- That a machine of the same owner confirmed the part of this number, of n subtasks, is worth nothing.
local function forget_own_check(task, number, n)
  if redis.call('SREM', key('t', task, 'own_check'), number) == 1 then
    redis.call('HINCRBY', key('t', task), 'same_owner', -n)
  end
end

-- The part of this number, of n subtasks, is to be checked, and its payloads are gone: they are made
-- anew first.
local function begin_check_without_payloads(task, number, n)
  forget_own_check(task, number, n)
  local check = new_check()
  owe_answer(task, check, n)
  note_check(task, number, check)
  redis.call('SADD', key('t', task, 'lacking'), number)
end

-- Whether the part of this number counts, and was neither checked nor is going to be.
local function stands_unchecked(task, number)
  return redis.call('HEXISTS', key('t', task, 'check_state'), number) == 0
    and redis.call('SISMEMBER', key('t', task, 'confirmed'), number) == 0
    and redis.call('SISMEMBER', key('t', task, 'out'), number) == 0
end

-- Canaries: parts that another owner confirmed, so that what they must say is known. Their payloads are
-- kept (in :canary_payloads), and now and then such a part is leased once more to an owner who has not
-- computed it. That is a check whose answer says something of whoever gives it, not of the part.
local CANARY = {kept = 4, bytes = 65536}  -- of a task; of the payloads of one

-- The part of this number is confirmed; `owners` have computed it.
local function keep_canary(task, number, subtasks, owners)
  if redis.call('HLEN', key('t', task, 'canaries')) >= CANARY.kept then return end
  local flat, bytes = {}, 0
  for _, subtask in ipairs(subtasks) do
    bytes = bytes + redis.call('HSTRLEN', key('t', task, 'kept'), subtask)
    if bytes > CANARY.bytes then return end
  end
  for i, payload in ipairs(get_many(key('t', task, 'kept'), subtasks)) do
    if not payload then return end
    flat[#flat + 1], flat[#flat + 2] = subtasks[i], payload
  end
  set_many(key('t', task, 'canary_payloads'), flat)
  redis.call('HSET', key('t', task, 'canaries'), number, cmsgpack.pack(owners))
end

local function forget_canary(task, number, subtasks)
  if redis.call('HDEL', key('t', task, 'canaries'), number) == 0 then return end
  del_many(key('t', task, 'canary_payloads'), subtasks)
end

local end_check

local function size_of_part(task, number)
  local packed = redis.call('LINDEX', key('t', task, 'parts'), number)
  return packed and #read_part(packed).subtasks or 0  -- none of a task that failed for want of room
end

-- The lease of a check is over without an answer: the check waits for somebody else. The owner of one
-- that failed (`has_failed`) is asked again only if nobody else is there. Returns how many checks
-- wait again.
give_check_back = function(rec, t, has_failed)
  local subtasks = rec.list
  forget_lease(rec)
  rec.list = {}
  if rec.canary then
    end_check(rec.task, t, rec.check, subtasks)
    return 0
  end
  local check = read_check(rec.task, rec.check)
  if not check then return 0 end
  check.lease = ''
  if has_failed then
    check.failed[#check.failed + 1] = rec.owner
  elseif not contains(check.returned, rec.owner) then
    check.returned = check.returned or {}
    table.insert(check.returned, rec.owner)
  end
  local goes_on = not is_given_up(check) and not is_ready(rec.task, rec.check)
  owe_answer(rec.task, check, goes_on and size_of_part(rec.task, rec.check) or 0)
  if not goes_on then
    note_check(rec.task, rec.check, check)
    return 0
  end
  let_check_wait(rec.task, t, rec.check, check)
  return 1
end

-- The active leases of a task's checks, as records.
local function check_leases(task)
  local found = {}
  for _, id in ipairs(redis.call('SMEMBERS', key('t', task, 'check_leases'))) do
    local rec = lease_of(id)
    if rec then found[#found + 1] = rec end
  end
  return found
end

-- Whether an owner who is online could answer the check of a part of `owner`; `but_for`: owners that
-- do not count.
local function somebody_to_ask(task, t, owner, but_for)
  for other in pairs(takers(task, t).workers) do
    if other ~= owner and not contains(but_for, other) then return true end
  end
  return false
end

-- Whether another machine of the part's owner may check it: where nobody but this owner is online. That
-- finds faults, not lies; so who demands that everything is checked gets it of their own machines only.
local function may_check_oneself(task, t, part, check)
  if contains(check.answered, part.owner) or contains(check.failed, part.owner) then return false end
  if t.verify == 'all' and part.owner ~= t.creator then return false end
  return not somebody_to_ask(task, t, part.owner, {})
end

-- Whether somebody online could take the check of this part.
local function somebody_may_check(task, t, part, check)
  if somebody_to_ask(task, t, part.owner, check.answered) then return true end
  local workers = takers(task, t).workers[part.owner] or {}
  local has_another = #workers > 1 or #workers == 1 and workers[1] ~= part.worker
  return has_another and may_check_oneself(task, t, part, check)
end

-- Whether this worker may be leased the check of this part.
local function may_answer(task, t, part, check, owner, worker)
  if owner == part.owner then
    return worker ~= part.worker and may_check_oneself(task, t, part, check)
  end
  if contains(check.answered, owner) then return false end
  if not contains(check.failed, owner) then return true end
  local asked = {}
  for _, list in ipairs({check.answered, check.failed}) do
    for _, other in ipairs(list) do asked[#asked + 1] = other end
  end
  return not somebody_to_ask(task, t, part.owner, asked)
end

-- The active lease of a second copy goes on as that of the check of this part.
local function let_copy_check(rec, t, number)
  hold_less(rec, #rec.list)
  rec.check = number
  redis.call('HSET', key('l', rec.id), 'check', number, 'charge', 0, 'copy', '0')
  redis.call('ZREM', key('t', rec.task, 'leases'), rec.id)
  redis.call('SADD', key('t', rec.task, 'check_leases'), rec.id)
  redis.call('LREM', key('t', rec.task, 'checks'), -1, number)
  list_checks(rec.task, t)
  local check = read_check(rec.task, number)
  check.lease = rec.id
  note_check(rec.task, number, check)
end

-- What the holder of a second copy sends, although another one was faster, can be compared with the
-- part of this number: its check, made if there is none; else nil.
local function check_of_copy(task, t, rec, number, subtasks)
  local packed = redis.call('LINDEX', key('t', task, 'parts'), number)
  if not packed or t.broken == '1' then return nil end
  local part = read_part(packed)
  local check = read_check(task, number)
  if check and (check.canary or contains(check.answered, rec.owner)) then return nil end
  if not check and not stands_unchecked(task, number) then return nil end
  if #subtasks ~= #part.subtasks then return nil end
  if check then return check end
  forget_own_check(task, number, #part.subtasks)
  check = new_check()
  owe_answer(task, check, #part.subtasks)
  return check
end

-- A check has an answer that differs: it waits for one more owner. Returns whether its payloads are
-- to be made anew first.
local function ask_another(task, t, number, check)
  if check.lease ~= '' or is_given_up(check) then return false end
  local subtasks = read_part(redis.call('LINDEX', key('t', task, 'parts'), number)).subtasks
  owe_answer(task, check, #subtasks)
  local has_payloads = redis.call('HEXISTS', key('t', task, 'kept'), subtasks[1]) == 1
  if has_payloads and redis.call('SISMEMBER', key('t', task, 'lacking'), number) == 0 then
    let_check_wait(task, t, number, check)
    return false
  end
  note_check(task, number, check)
  redis.call('SADD', key('t', task, 'lacking'), number)
  return true
end

-- The check of the part, if there is one, is over: nothing of it is left. What is still computed
-- for it is not wanted; the next heartbeat says so. `but_for`: the lease whose pieces go on counting.
end_check = function(task, t, number, subtasks, but_for)
  local check = read_check(task, number)
  if not check then return end
  local rec = check.lease ~= '' and lease_of(check.lease)
  if rec then forget_lease(rec) end
  owe_answer(task, check, 0)
  redis.call('LREM', key('t', task, 'checks'), 0, number)
  redis.call('SREM', key('t', task, 'ready'), number)
  redis.call('SREM', key('t', task, 'lacking'), number)
  redis.call('SREM', key('t', task, 'canaries_out'), number)
  redis.call('HDEL', key('t', task, 'check_state'), number)
  for place, piece in ipairs(check.pieces) do
    local name = piece_name(number, place)
    local bytes = redis.call('HSTRLEN', key('t', task, 'answers'), name)
    redis.call('HDEL', key('t', task, 'answers'), name)
    if piece[PART_LEASE] ~= but_for then
      forget_bytes(task, t.creator, piece[PART_OWNER], bytes)
    end
  end
  del_many(key('t', task, 'kept'), subtasks)
  list_checks(task, t)
end

-- A part counts no more; `why` is for the log. Returns how many subtasks it had; 0 if it was out
-- already.
local function take_part_out(task, t, number, why)
  local packed = redis.call('LINDEX', key('t', task, 'parts'), number)
  if not packed or redis.call('SADD', key('t', task, 'out'), number) == 0 then return 0 end
  local part = read_part(packed)
  local bytes = #redis.call('LINDEX', key('t', task, 'partials'), number)
  redis.call('LSET', key('t', task, 'partials'), number, '')
  forget_bytes(task, t.creator, part.owner, bytes)
  local n = #part.subtasks
  redis.call('HINCRBY', key('t', task, 'holds'), part.owner .. ':done', -n)
  redis.call('HINCRBY', key('t', task, 'work'), part.worker .. ':subtasks', -n)
  redis.call('HINCRBY', key('t', task, 'work'), part.worker .. ':failures', 1)
  redis.call('HINCRBY', key('t', task, 'work'), part.worker .. ':taken_out', n)
  forget_own_check(task, number, n)
  forget_canary(task, number, part.subtasks)
  if redis.call('SREM', key('t', task, 'confirmed'), number) == 1 then
    redis.call('HINCRBY', key('t', task), 'checked', -n)
  end
  redis.call('HINCRBY', key('t', task), 'taken_out', n)
  redis.call('HDEL', key('t', task), 'complete_at')
  record(task, 'taken_out', part.worker, part.lease, n, 0, number .. ' ' .. why)
  return n, part
end

-- A part is wrong: it counts no more, and its subtasks are to be done anew. Returns how many.
local function redo_part(task, t, number, message)
  local n, part = take_part_out(task, t, number, a.why)
  if n == 0 then return 0 end
  end_check(task, t, number, part.subtasks)
  redis.call('HINCRBY', key('t', task), 'done', -n)
  each_chunk(part.subtasks, function(...) redis.call('SADD', key('t', task, 'redo'), ...) end)
  strike(part.owner, t, STRIKES.bad_partial)
  note_failure(task, failure(part.subtasks[1], part.worker, 'bad_partial', message, ''), false)
  return n
end

-- Nothing is known of the decision of a task one of whose parts was wrong.
local function doubt_decision(task)
  redis.call('HSET', key('t', task), 'decided', '0')
  relist(task, hash(key('t', task)))
end
