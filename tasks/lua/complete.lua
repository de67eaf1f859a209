-- Accept the combined partial of some subtasks of one lease, or refuse it whole. Accepted if the
-- lease was granted to this worker, all subtasks belong to it and all are still open, even when its
-- deadline has passed meanwhile. What comes for a check is no result: it is kept to be compared. So is
-- the second copy of a result that another owner's worker has sent before.
--
-- KEYS[1]: string, the group's base key
-- ARGV[1]: map of
--   lease     string, its id
--   worker    string, the sender's id
--   subtasks  list of integers, indices within the task
--   seconds   number, s that the worker says it computed
--   decided   boolean: the partial settles the whole task, the worker says
--   proves    boolean: the kind can tell whether that is so; otherwise it counts only when the split
--             has ended
--   digest    bytes, SHA-256 of the partial in hexadecimal
--   partials_percent  number, of maxmemory: what the partials of all tasks of its creator here may
--             take; with more the largest of them fails. Half of it for those of one owner's workers,
--             while others are there
--   streak_max  integer, creators
--   chance    number, from 0 to below 1: the draw whether the part is checked, see `is_drawn`
--   sample_share  number, the share of results that is checked if a sample is asked for
--   patience_s  number, s after which a holder of whom nothing is known counts as late
--   trusted   integer, agreements in a row after which not all of an owner's results are checked
--   memory_ms, idle_ms, online_ms, aside_ms, barred_ms, reserved_ms  see _common.lua
-- ARGV[2]: bytes, the partial
-- Returns a map, if accepted:
--   task      string, its id
--   complete  boolean: nothing more can change the task's outcome
--   unwanted  list of {connection, lease}, strings: leases that may stop
--   failing   list of {worker, owner, all}: two strings and a boolean: workers that are not to be
--             trusted with more, with all others of their owner
--   wake      list of strings, connections to wake
--   drawn     boolean: another owner is to compute it again; absent if it was for a check itself
--   is_check  boolean: it was for a check, so nothing was done that counts; absent if not
--   compare   boolean: it makes an answer whole, and no other waits to be compared, so nobody has
--             been asked to do so; absent if not
-- or, if refused:
--   reason    string: 'unknown_lease', 'not_a_member', 'task_closed', 'not_in_lease',
--            'done_by_another' or 'too_large'
--   open      list of integers, those of the subtasks that are still open
local LOOK_BYTES = 2 ^ 20  -- finding out how much memory there is takes a moment: once in so many

-- Whether `before` and `n` more bytes are more than this share of what partials may take.
local function is_too_much(before, n, share)
  if math.floor(before / LOOK_BYTES) == math.floor((before + n) / LOOK_BYTES) then return false end
  local memory = tonumber(string.match(redis.call('INFO', 'memory'), '%smaxmemory:(%d+)'))
  return memory > 0 and before + n > share * memory * a.partials_percent / 100
end

-- Whether this owner's partials would take so much of the creator's room that nothing is left for
-- those of others.
local function takes_all_room(t, owner, n)
  if owner == t.creator then return false end
  local before = tonumber(redis.call('HGET', key('partial_bytes'), t.creator .. ' ' .. owner) or '0')
  return is_too_much(before, n, 0.5) and somebody_better(owner, t.kind, t.creator)
end

-- The task of this creator whose partials take the most.
local function largest_of(creator)
  local found, most = nil, -1
  for _, task in ipairs(redis.call('SMEMBERS', key('tasks'))) do
    local known = redis.call('HMGET', key('t', task), 'creator', 'partial_bytes')
    local bytes = tonumber(known[2] or '0')
    if known[1] == creator and bytes > most then found, most = task, bytes end
  end
  return found
end

-- Fail a task because the partials of its creator take too much memory, and free its own. If it is
-- not the task of this lease, the sweep finds it and concludes it.
local function break_for_room(t, mine)
  local task = largest_of(t.creator)
  local what = "The partial results of its submitter's tasks in this group take " .. mine
    .. ' bytes, and the server has no room for more. Submit less at a time.'
  forget_partials(task, t.creator)
  redis.call('HSET', key('t', task), 'broken', '1', 'error',
    cmsgpack.pack(failure(a.subtasks[1], a.worker, 'NoRoom', what, '')))
  redis.call('DEL', key('t', task, 'partials'), key('t', task, 'parts'))
  local broken = hash(key('t', task))
  relist(task, broken)
  list_checks(task, broken)
end

-- What is kept of this owner takes so many bytes more of the creator's room.
local function count_bytes(task, t, owner, n)
  redis.call('HINCRBY', key('t', task), 'partial_bytes', n)
  redis.call('HINCRBY', key('t', task, 'holds'), owner .. ':bytes', n)
  redis.call('HINCRBY', key('partial_bytes'), t.creator .. ' ' .. owner, n)
  local mine = redis.call('HINCRBY', key('partial_bytes'), t.creator, n)
  if is_too_much(mine - n, n, 1) then
    break_for_room(t, mine)
    t.broken = redis.call('HGET', key('t', task), 'broken')
  end
end

-- Returns the number of the part.
local function keep_partial(task, t, rec, partial)
  redis.call('RPUSH', key('t', task, 'partials'), partial)
  local part = pack_part(rec, a.subtasks, a.digest)
  local number = redis.call('RPUSH', key('t', task, 'parts'), part) - 1
  count_bytes(task, t, rec.owner, #partial)
  return number
end

-- Whether another owner is to compute the part again: `check_probability` in tasks/standing.py.
local function is_drawn(t, owner)
  if t.verify == 'all' then return true end
  if t.verify == 'sample' then return a.chance < a.sample_share end
  if t.verify ~= 'auto' then return false end
  local agreements = tonumber(redis.call('HGET', key('standing', t.kind), owner) or '0')
  return agreements < a.trusted or a.chance < 1 / (1 + agreements)
end

-- Keep a piece of the answer to the check of the part `number`. The answer is whole when nothing is
-- owed any more.
local function keep_answer(task, t, rec, number, check, partial)
  local gone = {}
  for _, subtask in ipairs(a.subtasks) do gone[subtask] = true end
  local place = #check.pieces + 1
  check.pieces[place] = {rec.owner, rec.worker, rec.id, now, a.digest, runs_of(a.subtasks)}
  redis.call('HSET', key('t', task, 'answers'), piece_name(number, place), partial)
  redis.call('DEL', key('streak', a.worker), key('failing', rec.owner))
  make_up(rec.owner, t, #a.subtasks)
  owe_less(rec, gone, now)
  owe_answer(task, check, (check.owed or 0) - #a.subtasks)
  record(task, 'checked', a.worker, a.lease, #a.subtasks, #rec.list)
  local work = key('t', task, 'work')
  redis.call('HSETNX', work, a.worker .. ':first', rec.granted)
  redis.call('HSET', work, a.worker .. ':last', now)
  redis.call('HINCRBY', work, a.worker .. ':checks', #a.subtasks)
  local is_first = false
  if #rec.list == 0 then
    if check.lease == rec.id then check.lease = '' end
    check.answered[#check.answered + 1] = rec.owner
    redis.call('SADD', key('t', task, 'ready'), number)
    redis.call('SREM', key('t', task, 'canaries_out'), number)
    redis.call('HSET', key('t', task), 'checks_at', now)
    is_first = redis.call('SCARD', key('t', task, 'ready')) == 1
  end
  note_check(task, number, check)
  count_bytes(task, t, rec.owner, #partial)
  return cmsgpack.pack({
    task = task, complete = false, unwanted = {}, failing = {}, wake = {}, is_check = true,
    compare = is_first,
  })
end

-- A worker failed on a task of this creator what another one has done: the subtask is not to blame.
-- Returns {worker, owner, all} if that happened on tasks of streak_max creators, and the worker
-- completed nothing in between; `all` workers of the owner if two of them did so together. It is
-- counted once: a worker that is let back starts anew.
local function note_failing(worker, owner, creator)
  local streak, failing, workers, n = key('streak', worker), key('failing', owner), {}, 0
  redis.call('SADD', streak, creator)
  redis.call('PEXPIRE', streak, a.memory_ms)
  redis.call('HSET', failing, creator, worker)
  redis.call('PEXPIRE', failing, a.memory_ms)
  for _, other in ipairs(redis.call('HVALS', failing)) do
    if not workers[other] then workers[other], n = true, n + 1 end
  end
  if n > 1 and redis.call('HLEN', failing) >= a.streak_max then
    redis.call('DEL', failing)
    return {worker, owner, true}
  elseif redis.call('SCARD', streak) >= a.streak_max then
    redis.call('DEL', streak)
    return {worker, owner, false}
  end
end

-- Those that failed what this lease's worker has done now. A creator's own worker is no evidence:
-- whoever submits a task that fails could accuse others with it.
local function failing(task, t, rec)
  local found, seen = {}, {}
  local blame = key('t', task, 'blame')
  if rec.owner == t.creator or redis.call('EXISTS', blame) == 0 then return found end
  for _, packed in ipairs(get_many(blame, a.subtasks)) do
    for _, mark in ipairs(read_blame(packed).by) do
      local worker = mark[MARK.worker]
      if mark[MARK.failed] > 0 and worker ~= a.worker and not seen[worker] then
        seen[worker] = true
        found[#found + 1] = note_failing(worker, mark[MARK.owner], t.creator)
      end
    end
  end
  return found
end

local rec = lease_of(a.lease)
if not rec or rec.worker ~= a.worker then return refused('unknown_lease') end
if rec.revoked then return refused('not_a_member') end
local task = rec.task
local t = hash(key('t', task))
if not t.state then
  forget_lease(rec)
  return refused('task_closed')
end

local owed = {}
for _, subtask in ipairs(rec.list) do owed[subtask] = true end
local reason, named, open = nil, {}, {}
for _, subtask in ipairs(a.subtasks) do
  if owed[subtask] then named[#named + 1] = subtask
  else reason = 'not_in_lease' end  -- twice in the message, or never leased, or settled before
  owed[subtask] = nil
end
-- a check's lease owes what is done, and all of it is wanted
local flags = not rec.check and open_flags(task, named)
for i, subtask in ipairs(named) do
  if not flags or flags[i] then open[#open + 1] = subtask end
end
if #open < #named then
  reason = reason or 'done_by_another'
  add_work(task, a.worker, 'wasted', believed(rec, a.seconds) * (#named - #open) / #named)
end
local copied = rec.part and #named == #a.subtasks and #open == 0 and tonumber(rec.part)
local check = copied and check_of_copy(task, t, rec, copied, a.subtasks)
if not check and (reason or #open == 0) then return refused(reason or 'not_in_lease', open) end
if takes_all_room(t, rec.owner, #ARGV[2]) then return refused('too_large', open) end
if check then
  redis.call('LREM', key('t', task, 'checks'), 0, copied)
  list_checks(task, t)
  return keep_answer(task, t, rec, copied, check, ARGV[2])
end
if rec.check then
  return keep_answer(task, t, rec, rec.check, read_check(task, rec.check), ARGV[2])
end

local held = redis.call('HLEN', key('t', task, 'held')) > 0
local gone, unleased, others = {}, 0, {}
for _, subtask in ipairs(a.subtasks) do
  gone[subtask] = true
  if held then
    local ids = holders(task, subtask, rec)
    if #ids > 0 then unleased = unleased + 1 end
    for _, id in ipairs(without(ids, rec.id)) do
      others[id] = others[id] or {}
      others[id][subtask] = true
    end
  end
end
if not held then unleased = rec.active == '1' and #a.subtasks or 0 end

-- Of a task that has failed nothing is combined, so nothing is kept.
local number = t.broken ~= '1' and keep_partial(task, t, rec, ARGV[2])
local woken = {}
local drawn = number and t.broken ~= '1' and is_drawn(t, rec.owner) or false
if drawn then
  begin_check(task, t, number, a.subtasks)
  woken = wake(t.kind, SOME)
end
del_many(key('t', task, 'payloads'), a.subtasks)
if held then del_many(key('t', task, 'held'), a.subtasks) end
unlease(task, unleased)

-- What a second copy spared: the time that the slowest of those who had the same would still have
-- needed.
if rec.copy == '1' then
  local saved = 0
  for id in pairs(others) do saved = math.max(saved, seconds_left(task, t, lease_of(id)) or 0) end
  add_work(task, a.worker, 'copies', #a.subtasks)
  add_work(task, a.worker, 'saved', saved)
end
-- The second copy of all of this, by another owner's worker, may be its check: it goes on if there is
-- to be one anyway, and its holder is not late.
local function keep_copy(other, was_late)
  local has_all = #other.list == #a.subtasks
  for _, subtask in ipairs(other.list) do has_all = has_all and gone[subtask] end
  local is_wanted = number and t.broken ~= '1' and (t.verify or 'none') ~= 'none'
  if not is_wanted or not has_all or other.owner == rec.owner then return nil end
  if drawn and not (was_late or is_late(task, t, other, a.patience_s)) then
    let_copy_check(other, t, number)
    return 'goes_on'
  end
  retire(other)
  redis.call('HSET', key('l', other.id), 'part', number)
  return 'remembered'
end
local unwanted = settle_others(t, others, keep_copy)
local accused = failing(task, t, rec)
redis.call('DEL', key('streak', a.worker), key('failing', rec.owner))
make_up(rec.owner, t, #a.subtasks)

local seconds = believed(rec, a.seconds)
note_pace(t, seconds / #a.subtasks)
redis.call('HSET', key('t', task), 'done', tonumber(t.done) + #a.subtasks,
  'seconds', tonumber(t.seconds) + seconds, 'paces', t.paces, 'median', t.median)
local estimated = rec.active == '1' and tonumber(rec.charge) or 0
charge(t.creator, (usual_seconds(t) - estimated) * #a.subtasks)

local work = key('t', task, 'work')
local known = redis.call('HMGET', work, a.worker .. ':speed', a.worker .. ':largest')
local before = tonumber(known[1] or '0')
local speed = #a.subtasks / elapsed(rec)
local largest = math.max(tonumber(known[2] or '0'), #a.subtasks)
redis.call('HINCRBY', key('t', task, 'holds'), rec.owner .. ':done', #a.subtasks)
redis.call('HINCRBY', work, a.worker .. ':subtasks', #a.subtasks)
redis.call('HINCRBYFLOAT', work, a.worker .. ':seconds', seconds)
local mean = before == 0 and speed or (before + speed) / 2
redis.call('HSET', work, a.worker .. ':last', now, a.worker .. ':speed', mean,
  a.worker .. ':largest', largest)
redis.call('HDEL', work, a.worker .. ':lost_at')  -- it is back

owe_less(rec, gone, now)
record(task, 'done', a.worker, a.lease, #a.subtasks, #rec.list)
if a.decided and (a.proves or t.ended == '1') then
  record(task, 'decided', a.worker, a.lease, 0, #rec.list)
  redis.call('HSET', key('t', task), 'decided', '1')
  t.decided = '1'
  relist(task, t)
end
return cmsgpack.pack({
  task = task, complete = is_complete(task, t), unwanted = unwanted, failing = accused, wake = woken,
  drawn = drawn,
})
