-- Lease a run of subtasks of one task to one slot of a worker, or note that the connection waits
-- for work.
--
-- Which task: priority band, then the worker's owner's own tasks, then the creator served least,
-- then first come.
-- How many: min(speed x target, max(waiting / (2 x slots online), speed x least)), at least 1. The
-- first lease of a worker on a task, a subtask that was lost and one that failed go alone.
-- Where several owners want work, a lease is at most twice as large as what its worker has completed
-- in one piece; and what an owner holds of a task is at most waiting / such owners, or as much as
-- they have done of it; at least 1.
-- Where nothing waits, subtasks that this slot would have done before their holder are leased a
-- second time; those of a holder that is late without limit, and before anything of their band that
-- waits: or a task would not end as long as others come.
-- Before all that, a check: the subtasks of a part of another owner once more, or, where only one owner
-- is online, of another machine of theirs; see _checks.lua. The
-- worker cannot tell it from other leases, and its creator is charged nothing.
-- Sometimes, where the caller says so, what is leased is no work but a canary, see _checks.lua: it is no
-- larger than what this worker would get.
-- Nothing is leased to an owner who has left the group. One whose workers do harm is set aside for a
-- while, and then gets one subtask of a task at a time until that is made up for, see _aside.lua.
-- The same lease asked for twice (the first answer got lost on its way) is answered with the same
-- subtasks, or none.
--
-- KEYS[1]: string, the group's base key
-- ARGV[1]: map of
--   lease          string, the new lease's id, made by the caller
--   worker, owner  strings, ids
--   conn           string, name of the worker's connection
--   kinds          list of strings, "NAME@version"
--   target_s, least_s  numbers, s that a lease should last, and should last at least
--   subtasks_max   integer, subtasks of a lease
--   bytes_max      integer, bytes of a lease's payloads
--   lease_ms       integer, ms until its deadline
--   copies_share   number, share of a task's subtasks that may be leased a second time before their
--                  holder is late; 0: none is ever
--   patience_s     number, s after which a holder of whom nothing is known counts as late
--   canary         boolean: lease a canary, if there is one
--   longest_ms     integer, ms a subtask may take at most; 0: any
--   losses_max, memory_ms, idle_ms, online_ms, aside_ms, barred_ms, reserved_ms  see _common.lua
-- Returns a list. First a map:
--   granted        absent if nothing was leased, else a map:
--     lease, task  strings, ids
--     kind         string, "NAME@version"
--     max_ms       integer, ms that a subtask may take
--     subtasks     list of integers, indices within the task
--   wake           list of strings, connections to wake
--   complete       list of strings, tasks to conclude
--   ask_again_ms   integer, ms until it is worth asking again, for a second copy or for what is kept
--                  for other owners; 0: no matter when
--   requeued       integer, subtasks of lost leases that wait again
-- behind it, as they are: the payloads (bytes) of the subtasks granted
local LOOK = {
  tasks = 8,  -- or creators, where the first cannot be leased to this worker
  barred = 64,  -- subtasks that this worker has failed; the next call goes on behind them
  checks = 16,  -- of a task
  late = 16,  -- leases of a task, the oldest, for a second copy
}
local AGAIN_MS = {
  copy = 100,  -- a second copy is looked for not sooner than this
  late = 100,  -- what is held by late workers, in the whole group, while other work waits
  share = 1000,  -- what is kept for other owners
}
local MARGIN = 1.25  -- a second copy must be expected to be faster by this factor
local HOLDERS_MAX = 4  -- of one subtask

local function grant_of(task, kind, max_ms, subtasks)
  return {lease = a.lease, task = task, kind = kind, max_ms = tonumber(max_ms), subtasks = subtasks}
end

-- The map, and behind it the payloads of what it grants. `granted` may be nil. `payloads`: in which hash
-- of the task they are.
local function reply(granted, woken, complete, ask_again_ms, payloads)
  local list = {cmsgpack.pack({
    granted = granted, wake = woken, complete = complete, ask_again_ms = ask_again_ms,
    requeued = requeued,
  })}
  if granted then
    local name = key('t', granted.task, payloads)
    for _, payload in ipairs(get_many(name, granted.subtasks)) do list[#list + 1] = payload end
  end
  return list
end

-- An id that was granted before is answered with what it was granted, or with nothing if that was
-- lost meanwhile: it must never stand for other subtasks, or the end of its first task would take
-- them along.
local known = lease_of(a.lease)
if known and known.active == '1' then
  local t = redis.call('HMGET', key('t', known.task), 'kind', 'max_ms')
  local payloads = known.canary and 'canary_payloads' or known.check and 'kept' or 'payloads'
  return reply(grant_of(known.task, t[1], t[2], known.list), {}, {}, 0, payloads)
elseif known then
  return reply(nil, {}, {}, 0)
end

if redis.call('EXISTS', key('left', a.owner)) == 1 then return reply(nil, {}, {}, 0) end

local reaped, complete = reap(2)

-- A subtask is not given again to a worker that failed or lost it, nor to its owner when two of
-- their workers did, while one that takes the task is online and did better: another owner who
-- failed it less often, or lost it less often; or another worker of this owner. Unless that one has
-- had no time for it for long.
local function barred(task, t, subtask)
  local packed = redis.call('HGET', key('t', task, 'blame'), subtask)
  if not packed then return false end
  local blame = read_blame(packed)
  local own = record_of(blame, a.owner, a.worker)
  local is_blamed = own.is_marked or own.workers > 1
  if not is_blamed or own.at < now - a.barred_ms then return false end
  local there = takers(task, t)
  if there.n > #blame.by then return true end  -- one of them has not tried it
  for owner, workers in pairs(there.workers) do
    local theirs = record_of(blame, owner)
    local has_failed_less = theirs.failed < own.failed
    if has_failed_less or theirs.failed == own.failed and theirs.lost < own.lost then return true end
    if owner == a.owner and own.workers == 1 then
      for _, worker in ipairs(workers) do
        if worker ~= a.worker then return true end
      end
    end
  end
  return false
end

-- One subtask that was lost or failed. Those done meanwhile fall away; those barred go to the end.
local function take_again(task, t)
  local again, payloads = key('t', task, 'again'), key('t', task, 'payloads')
  local passed, found = {}, nil
  while not found and #passed < LOOK.barred do
    local subtask = redis.call('LPOP', again)
    if not subtask then break end
    if redis.call('HEXISTS', payloads, subtask) == 1 then
      if barred(task, t, subtask) then passed[#passed + 1] = subtask else found = subtask end
    end
  end
  each_chunk(passed, function(...) redis.call('RPUSH', again, ...) end)
  return {found and tonumber(found)}
end

local again_ms = math.huge  -- until it is worth asking again

-- This owner gets nothing of the task now, because it is kept for others.
local function leave_to_others(t)
  redis.call('ZREM', key('wants', t.kind), a.owner)
  again_ms = math.min(again_ms, AGAIN_MS.share)
end

local function is_set_aside(t)
  if not is_aside(a.owner, t.creator) then return false end
  if not somebody_better(a.owner, t.kind, t.creator) then return false end
  leave_to_others(t)
  return true
end

-- Nothing is kept for an owner who is not trusted.
local function note_want(kind)
  if not is_doubtful(a.owner) then redis.call('ZADD', key('wants', kind), now, a.owner) end
end

-- How many owners want work of the kind, this one among them.
local wanting = {}
local function owners_wanting(kind)
  if not wanting[kind] then
    note_want(kind)
    local found = redis.call('ZCOUNT', key('wants', kind), now - a.idle_ms, '+inf')
    local is_among_them = redis.call('ZSCORE', key('wants', kind), a.owner)
    wanting[kind] = is_among_them and found or found + 1
  end
  return wanting[kind]
end

-- How many subtasks of the task this owner may be leased now. One that has its share wants nothing:
-- what is left is not kept from others for its sake.
local function allowance(task, t)
  local owners = owners_wanting(t.kind)
  if owners == 1 then return math.huge end
  local known = redis.call('HMGET', key('t', task, 'holds'), a.owner, a.owner .. ':done')
  local share = math.max(math.ceil(waiting(task) / owners), tonumber(known[2] or '0'), 1)
  if is_on_probation(a.owner, t.creator) then share = 1 end
  local left = share - tonumber(known[1] or '0')
  if left < 1 then leave_to_others(t) end
  return left
end

local function size(task, t)
  local known = redis.call(
    'HMGET', key('t', task, 'work'), a.worker .. ':speed', a.worker .. ':largest'
  )
  local speed, largest = tonumber(known[1] or '0'), tonumber(known[2] or '0')
  if speed == 0 then return 1 end
  local slots = math.max(1, slots_online(t.kind))
  local fair = math.max(waiting(task) / (2 * slots), speed * a.least_s)
  local most = math.min(math.floor(speed * a.target_s), math.ceil(fair), a.subtasks_max)
  if owners_wanting(t.kind) > 1 then most = math.min(most, 2 * largest) end
  return math.max(1, most)
end

-- Up to n subtasks from the front of :wait, as many as fit into bytes_max; those done meanwhile
-- fall away. Only lengths are read: a payload may have megabytes.
local function take_run(task, n)
  local wait, payloads = key('t', task, 'wait'), key('t', task, 'payloads')
  local taken, bytes, look = {}, 0, n
  while true do
    local run, passed = redis.call('LRANGE', wait, 0, look - 1), 0
    for _, subtask in ipairs(run) do
      local length = redis.call('HSTRLEN', payloads, subtask)
      if length > 0 and (#taken == n or #taken > 0 and bytes + length > a.bytes_max) then break end
      if length > 0 then taken[#taken + 1], bytes = tonumber(subtask), bytes + length end
      passed = passed + 1
    end
    redis.call('LTRIM', wait, passed, -1)
    if passed < look or #taken == n then return taken end
    look = CHUNK
  end
end

-- Whoever had one of these before must be able to tell that this lease has it now.
local function note_holder(task, taken, was_given_back)
  local held = key('t', task, 'held')
  if was_given_back then return redis.call('HSET', held, taken[1], a.lease) end
  if redis.call('HLEN', held) == 0 then return end
  for i, known in ipairs(get_many(held, taken)) do
    if known then redis.call('HSET', held, taken[i], a.lease) end
  end
end

-- The record of this lease; `each`: seconds that its creator is charged for a subtask.
local function note_lease(task, t, taken, each, ...)
  local most = #taken * tonumber(t.max_ms) + a.lease_ms
  redis.call('HSET', key('l', a.lease), 'worker', a.worker, 'owner', a.owner, 'conn', a.conn,
    'task', task, 'granted', now, 'since', now, 'until', now + most, 'active', '1',
    'charge', each, 'subtasks', cmsgpack.pack(taken), ...)
  redis.call('ZADD', key('leases'), now + a.lease_ms, a.lease)
  redis.call('SADD', key('c', a.conn), a.lease)
  redis.call('HSETNX', key('t', task, 'work'), a.worker .. ':first', now)
end

-- Lease these subtasks. `t` is the task's state; `how`: 'leased', 'again' or 'copied'. Returns what
-- was granted.
local function grant(task, t, taken, how)
  local each = usual_seconds(t)
  note_lease(task, t, taken, each, 'copy', flag(how == 'copied'))
  redis.call('ZADD', key('t', task, 'leases'), now, a.lease)
  redis.call('HINCRBY', key('t', task, 'holds'), a.owner, #taken)
  if t.unfit == '1' then redis.call('SREM', key('t', task, 'unfit'), a.worker) end
  charge(t.creator, each * #taken)
  record(task, how, a.worker, a.lease, #taken, #taken, taken[1])
  return grant_of(task, t.kind, t.max_ms, taken)
end

-- Whether its owner does not agree to subtasks that may take as long, or is not trusted with the
-- task. A worker that may not take what waits, or has its share, is not woken for it.
local found_not_for_it = false
local function is_not_for_it(task, t)
  local is_too_long = a.longest_ms > 0 and tonumber(t.max_ms) > a.longest_ms
  if is_too_long then
    redis.call('SADD', key('t', task, 'unfit'), a.worker)
    if t.unfit ~= '1' then redis.call('HSET', key('t', task), 'unfit', '1') end
  end
  local not_for_it = is_too_long or is_set_aside(t)
  found_not_for_it = found_not_for_it or not_for_it
  return not_for_it
end

local payloads = 'payloads'  -- the hash of those of what is leased

-- Lease a part of which is known what it must say, of up to n subtasks; nil if there is none that this
-- owner has not seen. Where everything is checked there is no need.
local function lease_canary(task, t, n)
  if t.verify == 'all' then return nil end
  for number, packed in pairs(hash(key('t', task, 'canaries'))) do
    local owners = cmsgpack.unpack(packed)
    local is_out = redis.call('HEXISTS', key('t', task, 'check_state'), number) == 1
    local subtasks = read_part(redis.call('LINDEX', key('t', task, 'parts'), number)).subtasks
    if not is_out and #subtasks <= n and not contains(owners, a.owner) then
      owners[#owners + 1] = a.owner
      redis.call('HSET', key('t', task, 'canaries'), number, cmsgpack.pack(owners))
      note_check(task, number, {
        lease = a.lease, answered = {}, failed = {}, leases = 1, pieces = {}, canary = true,
      })
      note_lease(task, t, subtasks, 0, 'check', number, 'canary', '1')
      redis.call('SADD', key('t', task, 'check_leases'), a.lease)
      redis.call('SADD', key('t', task, 'canaries_out'), number)
      record(task, 'leased', a.worker, a.lease, #subtasks, #subtasks, subtasks[1])
      payloads = 'canary_payloads'
      return grant_of(task, t.kind, t.max_ms, subtasks)
    end
  end
end

local function try_task(task)
  local t = hash(key('t', task))
  if not t.state or is_not_for_it(task, t) then return nil end
  local most = allowance(task, t)
  if most < 1 then
    found_not_for_it = true
    return nil
  end
  local canary = a.canary and lease_canary(task, t, math.min(size(task, t), most))
  if canary then return canary end
  local taken = take_again(task, t)
  local was_given_back = #taken > 0
  if not was_given_back then taken = take_run(task, math.min(size(task, t), most)) end
  relist(task, t)  -- before it is charged: an estimate must not become the floor
  if #taken == 0 then return nil end
  redis.call('HINCRBY', key('t', task), 'leased', #taken)
  note_holder(task, taken, was_given_back)
  return grant(task, t, taken, was_given_back and 'again' or 'leased')
end

local function try_creator(kind, prio, creator)
  for _, task in ipairs(redis.call('ZRANGE', key('q', kind, prio, creator), 0, LOOK.tasks - 1)) do
    local granted = try_task(task)
    if granted then return granted end
  end
end

-- {kind, creator, served, seq of their first task} of a priority band, in order. The owner's own
-- come before all others, whatever they were served.
local function candidates(prio)
  local row = {}
  local function add(kind, creator, served)
    local first = redis.call('ZRANGE', key('q', kind, prio, creator), 0, 0, 'WITHSCORES')
    if first[2] then row[#row + 1] = {kind, creator, served, tonumber(first[2])} end
  end
  for _, kind in ipairs(a.kinds) do
    add(kind, a.owner, -math.huge)
    local found = redis.call('ZRANGE', key('ready', kind, prio), 0, LOOK.tasks - 1, 'WITHSCORES')
    for i = 1, #found, 2 do
      if found[i] ~= a.owner then add(kind, found[i], tonumber(found[i + 1])) end
    end
  end
  table.sort(row, function(x, y)
    if x[3] ~= y[3] then return x[3] < y[3] end
    return x[4] < y[4]
  end)
  return row
end

-- Second copies

-- Whether this worker may copy what the lease has: where other owners want work, it is theirs to
-- copy, so that a member's second name does not take the place of an honest copy.
local function may_copy(t, rec)
  if rec.worker == a.worker then return false end
  return rec.owner ~= a.owner or owners_wanting(t.kind) == 1
end

-- Whether all that have the subtask beside `rec` are late, so that one more may have it.
local function are_others_late(task, t, subtask, rec)
  local ids = holders(task, subtask, rec)
  if #ids >= HOLDERS_MAX then return false end
  for _, id in ipairs(without(ids, rec.id)) do
    local other = lease_of(id)
    local is_hopeless = other and may_copy(t, other) and is_late(task, t, other, a.patience_s)
    if not is_hopeless then return false end
  end
  return true
end

-- The subtasks of `rec` that may be copied to this worker, the last first: a holder begins with the
-- first.
local function copyable(task, t, rec)
  local found = {}
  for i = #rec.list, 1, -1 do
    local subtask = rec.list[i]
    if are_others_late(task, t, subtask, rec) and not barred(task, t, subtask) then
      found[#found + 1] = subtask
    end
  end
  return found
end

-- How many subtasks this slot would have done when the holder, beginning at the other end, has done
-- the others.
local function share_of(each, rec, left)
  local n = math.floor(left / (left / #rec.list + each))
  return n > 0 and n or (each * MARGIN < left and 1 or 0)
end

-- The lease of the task that will last longest, if its end can be brought forward: its record and
-- how many subtasks. `only_late`: of those whose holder is late.
local function latest(task, t, each, only_late)
  local found, most, count = nil, 0, 0
  for _, id in ipairs(redis.call('ZRANGE', key('t', task, 'leases'), 0, LOOK.late - 1)) do
    local rec = lease_of(id)
    local may = rec and rec.active == '1' and may_copy(t, rec)
    if may and not (only_late and not is_late(task, t, rec, a.patience_s)) then
      local left, late_in = seconds_left(task, t, rec, a.patience_s)
      if left and left > most and share_of(each, rec, left) > 0 and #copyable(task, t, rec) > 0 then
        found, most, count = rec, left, share_of(each, rec, left)
      elseif late_in and late_in > 0 then
        again_ms = math.min(again_ms, late_in * 1000)
      end
    end
  end
  return found, count
end

-- Note that this lease too has these subtasks, one of whose holders is `rec`.
local function note_copy(task, rec, taken, is_spare)
  for _, subtask in ipairs(taken) do
    local ids = holders(task, subtask, rec)
    ids[#ids + 1] = a.lease
    redis.call('HSET', key('t', task, 'held'), subtask, table.concat(ids, ' '))
  end
  redis.call('HINCRBY', key('t', task), 'copied', #taken)
  if is_spare then redis.call('HINCRBY', key('t', task), 'spare', #taken) end
end

-- `only_late`: nothing of a holder that is in time.
local function try_copy(task, t, only_late)
  if is_not_for_it(task, t) or a.copies_share == 0 then return nil end
  local most = math.max(1, math.floor(tonumber(t.split or 0) * a.copies_share))
  local budget = only_late and 0 or most - tonumber(t.spare or 0)
  local each = seconds_each(task, t, a.worker)
  local rec, count = latest(task, t, each or 0, budget < 1)
  if not rec then return nil end
  if not each then count = 1 end  -- nothing is known of anybody yet
  -- one that takes leases and does nothing must not keep the rest of a task
  local is_spare = not is_late(task, t, rec, a.patience_s)
  if is_spare then count = math.min(count, budget) end
  local taken = {}
  for _, subtask in ipairs(copyable(task, t, rec)) do
    if #taken < count then taken[#taken + 1] = subtask end
  end
  note_copy(task, rec, taken, is_spare)
  return grant(task, t, taken, 'copied')
end

-- The tasks of which all is leased, of the worker's kinds, as {id, state}; those of one band only if
-- `prio` is given.
local function tail_tasks(prio)
  local found = {}
  for _, kind in ipairs(a.kinds) do
    for _, task in ipairs(redis.call('ZRANGE', key('tail', kind), 0, LOOK.tasks - 1)) do
      local t = hash(key('t', task))
      local is_of_band = not prio or tonumber(t.prio) == prio
      if t.state and is_of_band then found[#found + 1] = {task, t} end
    end
  end
  return found
end

local function copy(prio)
  for _, row in ipairs(tail_tasks(prio)) do
    local granted = try_copy(row[1], row[2], prio ~= nil)
    if granted then return granted end
  end
end

-- Whether it is time to look for late holders although other work waits.
local is_time
local function is_time_for_late()
  if is_time == nil then
    is_time = redis.call('SET', key('late_looked'), 1, 'NX', 'PX', AGAIN_MS.late) and true or false
  end
  return is_time
end

local function choose()
  for prio = 0, 2 do
    local granted = is_time_for_late() and copy(prio)
    if granted then return granted end
    for _, row in ipairs(candidates(prio)) do
      local granted = try_creator(row[1], prio, row[2])
      if granted then return granted end
    end
  end
end

-- Checks

-- The first check of the task that this worker may answer: {number, its state, its subtasks}.
local function find_check(task, t)
  for _, number in ipairs(redis.call('LRANGE', key('t', task, 'checks'), 0, LOOK.checks - 1)) do
    local check = read_check(task, number)
    local part = read_part(redis.call('LINDEX', key('t', task, 'parts'), number))
    if may_answer(task, t, part, check, a.owner, a.worker) then
      local left_ms = reserved_ms(check, a.owner)
      if left_ms == 0 then return number, check, part.subtasks end
      again_ms = math.min(again_ms, left_ms)
    end
  end
end

local function try_check(task)
  local t = hash(key('t', task))
  if not t.state or is_not_for_it(task, t) then return nil end
  local number, check, subtasks = find_check(task, t)
  if not number then return nil end
  redis.call('LREM', key('t', task, 'checks'), 1, number)
  list_checks(task, t)
  check.lease, check.leases = a.lease, (check.leases or 0) + 1
  note_check(task, number, check)
  note_lease(task, t, subtasks, 0, 'check', number)
  redis.call('SADD', key('t', task, 'check_leases'), a.lease)
  record(task, 'leased', a.worker, a.lease, #subtasks, #subtasks, subtasks[1])
  return grant_of(task, t.kind, t.max_ms, subtasks)
end

local function check()
  local indexes = {}
  for i, kind in ipairs(a.kinds) do indexes[i] = key('checking', kind) end
  if #indexes == 0 or redis.call('EXISTS', unpack(indexes)) == 0 then return nil end  -- mostly
  for _, index in ipairs(indexes) do
    for _, task in ipairs(redis.call('ZRANGE', index, 0, LOOK.tasks - 1)) do
      local granted = try_check(task)
      if granted then return granted end
    end
  end
end

-- Lease what there is for this worker; note that it waits if there is nothing.
local function serve()
  local granted, instead = check(), {}
  if granted then payloads = 'kept' else granted = choose() or copy() end
  local waits = not granted and not found_not_for_it
  for _, kind in ipairs(a.kinds) do
    if waits then
      redis.call('ZADD', key('idle', kind), now, a.conn)
      note_want(kind)
      redis.call('ZREMRANGEBYSCORE', key('wants', kind), '-inf', now - a.idle_ms)
    else
      redis.call('ZREM', key('idle', kind), a.conn)
    end
    if not granted and not waits and has_work(kind) then
      for _, conn in ipairs(wake(kind, 1)) do instead[#instead + 1] = conn end
    end
  end
  local woken = wake_all(reaped)
  for _, conn in ipairs(instead) do woken[#woken + 1] = conn end
  local ask_again = again_ms < math.huge and math.max(math.ceil(again_ms), AGAIN_MS.copy) or 0
  return reply(granted, woken, complete, ask_again, payloads)
end

return serve()
