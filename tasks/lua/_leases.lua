-- Shared by every script of the queue, behind _aside.lua: leases, and what becomes of their
-- subtasks.

local function lease_of(id)
  local rec = hash(key('l', id))
  if not rec.task then return nil end
  rec.id, rec.list, rec.owner = id, cmsgpack.unpack(rec.subtasks), rec.owner or ''
  return rec
end

local give_check_back  -- in _checks.lua

-- The holder's owner holds n subtasks of an active lease less.
local function hold_less(rec, n)
  if rec.active ~= '1' or n == 0 or rec.check then return end
  redis.call('HINCRBY', key('t', rec.task, 'holds'), rec.owner, -n)
end

local function forget_lease(rec)
  hold_less(rec, #rec.list)
  redis.call('DEL', key('l', rec.id))
  redis.call('ZREM', key('leases'), rec.id)
  redis.call('SREM', key('c', rec.conn), rec.id)
  redis.call('ZREM', key('t', rec.task, 'leases'), rec.id)
  if rec.check then redis.call('SREM', key('t', rec.task, 'check_leases'), rec.id) end
end

-- Whether its holder should go on. An active lease owes open subtasks only; of a lost one each may
-- have been done.
local function wanted(rec)
  if rec.revoked then return false end
  if rec.active == '1' then return true end
  for _, subtask in ipairs(rec.list) do
    if redis.call('HEXISTS', key('t', rec.task, 'payloads'), subtask) == 1 then return true end
  end
  return false
end

-- A lease lives on for lease_ms, but never longer than all of its subtasks may take.
local function renew(rec)
  local deadline = math.min(now + a.lease_ms, tonumber(rec['until']))
  redis.call('ZADD', key('leases'), 'XX', deadline, rec.id)
end

-- Seconds since the holder began with what it sends now.
local function elapsed(rec) return math.max(now - tonumber(rec.since), 1) / 1000 end

-- A worker's word on its seconds is believed up to what the clock allows (and NaN, less than
-- nothing, not at all).
local function believed(rec, seconds)
  if seconds < elapsed(rec) then return math.max(seconds, 0) end
  return seconds >= elapsed(rec) and elapsed(rec) or 0
end

-- The holder no longer owes `gone` (a set); what it still owes it computes since `since`. A lease
-- that owes nothing is settled.
local function owe_less(rec, gone, since)
  local rest = {}
  for _, subtask in ipairs(rec.list) do
    if not gone[subtask] then rest[#rest + 1] = subtask end
  end
  hold_less(rec, #rec.list - #rest)
  rec.list = rest
  if #rest == 0 then return forget_lease(rec) end
  redis.call('HSET', key('l', rec.id), 'subtasks', cmsgpack.pack(rest), 'since', since or rec.since)
end

local function words(text)
  local list = {}
  for word in string.gmatch(text, '%S+') do list[#list + 1] = word end
  return list
end

-- The active leases that have this subtask, as a list; `rec` is one that has it by its own word.
local function holders(task, subtask, rec)
  local held = redis.call('HGET', key('t', task, 'held'), subtask)
  if not held then return rec.active == '1' and {rec.id} or {} end
  return words(held)
end

local function without(ids, id)
  local rest = {}
  for _, other in ipairs(ids) do
    if other ~= id then rest[#rest + 1] = other end
  end
  return rest
end

-- n subtasks fewer are leased (Lua's -0 is no integer to Redis, so nothing is written for 0).
local function unlease(task, n)
  if n > 0 then redis.call('HINCRBY', key('t', task), 'leased', -n) end
end

-- An error of a subtask (`Blame` in progress.py). Whether it is `final`, so that the subtask is not
-- tried again, is not known yet.
local function failure(subtask, worker, error, message, traceback)
  return {
    subtask = subtask, worker = worker, error = error, message = message, traceback = traceback,
    at = now, final = false,
  }
end

-- `what`: a failure, see above
local function note_failure(task, what, final)
  local list = key('t', task, 'failures')
  what.final = final
  redis.call('RPUSH', list, cmsgpack.pack(what))
  redis.call('LTRIM', list, -FAILURES_KEPT, -1)
end

local function fail_permanently(task, t, subtask, what)
  redis.call('HDEL', key('t', task, 'payloads'), subtask)
  redis.call('HDEL', key('t', task, 'held'), subtask)
  redis.call('RPUSH', key('t', task, 'missing'), subtask)
  redis.call('HINCRBY', key('t', task), 'failed', 1)
  redis.call('HSET', key('t', task), 'error', cmsgpack.pack(what))
  note_failure(task, what, true)
  if t.partial_ok ~= '1' then
    redis.call('HSET', key('t', task), 'broken', '1')
    redis.call('ZREM', key('checking', t.kind), task)
    t.broken = '1'
  end
end

local function add_work(task, worker, what, amount)
  redis.call('HINCRBYFLOAT', key('t', task, 'work'), worker .. ':' .. what, amount)
end

-- What each worker did for the task (`Work` in progress.py): {worker -> {subtasks, seconds, …}};
-- nil if nobody did anything, because an empty table would be packed as a list.
local function work_of(task)
  local work = {}
  for name, value in pairs(hash(key('t', task, 'work'))) do
    local worker, what = string.match(name, '^(.*):([%a_]+)$')
    work[worker] = work[worker] or {}
    work[worker][what] = tonumber(value)
  end
  return next(work) and work or nil
end

-- Seconds that a subtask of the task takes, as far as is known: what its creator is charged for one.
local function usual_seconds(t) return tonumber(t.median or FIRST_ESTIMATE) end

-- A result's seconds per subtask are noted. The median of the latest PACES_KEPT results is what
-- counts, so what one worker claims moves it only as far as those beside it.
local function note_pace(t, seconds)
  local paces = t.paces and cmsgpack.unpack(t.paces) or {}
  paces[#paces + 1] = seconds
  if #paces > PACES_KEPT then table.remove(paces, 1) end
  t.paces = cmsgpack.pack(paces)
  table.sort(paces)
  t.median = paces[math.ceil(#paces / 2)]
end

-- Seconds that one subtask of the task takes a slot of this worker, as far as is known: its own
-- speed, else the median of all; nil before anything is done.
local function seconds_each(task, t, worker)
  local speed = tonumber(redis.call('HGET', key('t', task, 'work'), worker .. ':speed') or '0')
  if speed > 0 then return 1 / speed end
  return t.median and math.max(usual_seconds(t), 0.001) or nil
end

-- Seconds until the holder will have done all that it owes, and seconds until it counts as late;
-- nil if nothing is known. Who is late (it took twice as long as it should; where nothing is known,
-- `patience` seconds) is taken to need as long again; in between nothing is expected.
local function seconds_left(task, t, rec, patience)
  local each, spent = seconds_each(task, t, rec.worker), elapsed(rec)
  if not each then
    if not patience then return nil end
    if spent < patience then return nil, patience - spent end
    return spent, 0
  end
  local expected = each * #rec.list
  if spent >= 2 * expected then return spent, 0 end
  return math.max(expected - spent, 0), 2 * expected - spent
end

-- Whether the holder has taken twice as long as it should; `patience` as above.
local function is_late(task, t, rec, patience)
  local _, late_in = seconds_left(task, t, rec, patience)
  return late_in ~= nil and late_in <= 0
end

-- Subtasks that ended elsewhere: `others` maps active leases to sets of those they no longer owe,
-- nor are charged for. `keep`, if given, is asked for each lease (its record, whether its holder is
-- late): 'goes_on' if it goes on as a check, 'remembered' if what its holder still sends counts as one.
-- Returns {{conn, lease}} of those that may stop.
local function settle_others(t, others, keep)
  local unwanted = {}
  for id, settled in pairs(others) do
    local rec = lease_of(id)
    local before, was_late = #rec.list, is_late(rec.task, t, rec)
    local kept = keep and keep(rec, was_late)
    if not kept then owe_less(rec, settled) end
    local left = kept and 0 or #rec.list
    charge(t.creator, -tonumber(rec.charge) * (before - left))
    if kept ~= 'goes_on' then
      record(rec.task, 'overtaken', rec.worker, id, before - left, left)
    end
    if left == 0 and kept ~= 'goes_on' then
      unwanted[#unwanted + 1] = {rec.conn, id}
      if was_late then strike(rec.owner, t, STRIKES.loss) end
      add_work(rec.task, rec.worker, 'wasted', elapsed(rec))
    end
  end
  return unwanted
end

-- Those of `list` that no active lease but `rec`, which is active too and so owes open ones only,
-- has. The others are noted as held without it.
local function let_go(rec, t, list)
  if t.copied == '0' then return list end
  local alone, shared = {}, {}
  for i, known in ipairs(get_many(key('t', rec.task, 'held'), list)) do
    local others = known and without(words(known), rec.id) or {}
    if #others == 0 then
      alone[#alone + 1] = list[i]
    else
      shared[#shared + 1], shared[#shared + 2] = list[i], table.concat(others, ' ')
    end
  end
  set_many(key('t', rec.task, 'held'), shared)
  return alone
end

-- Who failed or lost a subtask. Both count by owner, because a name is free.

-- Where the marks of `by` have what.
local MARK = {worker = 1, owner = 2, failed = 3, lost = 4, at = 5}

-- What is noted of a subtask: how many failures and losses of it count (`attempts`, `losses`), and
-- `by`, for each worker that failed or lost it {worker, owner, how often failed, how often lost,
-- when the last}.
local function read_blame(packed)
  return packed and cmsgpack.unpack(packed) or {attempts = 0, losses = 0, by = {}}
end

-- What the workers of an owner did with a subtask: how often they failed and lost it, how many of
-- them, when the last; and whether `worker` is one of them.
local function record_of(blame, owner, worker)
  local sum = {failed = 0, lost = 0, workers = 0, at = 0, is_marked = false}
  for _, mark in ipairs(blame.by) do
    if mark[MARK.owner] == owner then
      sum.failed, sum.lost = sum.failed + mark[MARK.failed], sum.lost + mark[MARK.lost]
      sum.workers, sum.at = sum.workers + 1, math.max(sum.at, mark[MARK.at])
      sum.is_marked = sum.is_marked or mark[MARK.worker] == worker
    end
  end
  return sum
end

-- The owners online whose workers take the task: {n = how many, workers = {owner -> {worker}},
-- conns = {owner -> {connection}}}. Not
-- those that are set aside from its creator's, and not workers that may not run it for so long.
local function takers(task, t)
  if takers_of[task] then return takers_of[task] end
  local found = {n = 0, workers = {}, conns = {}}
  local members = redis.call(
    'ZRANGEBYSCORE', key('workers', t.kind), now - a.online_ms, '+inf', 'LIMIT', 0, LOOK_TAKERS
  )
  for _, member in ipairs(members) do
    local worker, conn, owner = string.match(member, '^(%S+) (.*) (%S*)$')
    local unfit = t.unfit == '1' and redis.call('SISMEMBER', key('t', task, 'unfit'), worker) == 1
    if not (unfit or is_aside(owner, t.creator)) then
      if not found.workers[owner] then
        found.n, found.workers[owner], found.conns[owner] = found.n + 1, {}, {}
      end
      table.insert(found.workers[owner], worker)
      table.insert(found.conns[owner], conn)
    end
  end
  takers_of[task] = found
  return found
end

-- Whether each owner online that takes the task has failed the subtask or, with `lost_too`, lost it.
local function all_have_tried(task, t, blame, lost_too)
  local there = takers(task, t)
  if there.n > #blame.by then return false end
  for owner in pairs(there.workers) do
    local theirs = record_of(blame, owner)
    if theirs.failed == 0 and not (lost_too and theirs.lost > 0) then return false end
  end
  return true
end

-- The mark of the lease's worker, made if there is none. The oldest gives way.
local function mark_of(blame, rec)
  for i, mark in ipairs(blame.by) do
    if mark[MARK.worker] == rec.worker then
      table.insert(blame.by, table.remove(blame.by, i))
      return mark
    end
  end
  if #blame.by >= BLAMED_KEPT then table.remove(blame.by, 1) end
  local mark = {rec.worker, rec.owner, 0, 0, 0}
  table.insert(blame.by, mark)
  return mark
end

-- The lease's worker failed the subtask. It counts if its owner had not failed it before, or if
-- nobody is left to try it who has not.
local function blame_failure(rec, t, blame)
  local is_first = record_of(blame, rec.owner).failed == 0
  local mark = mark_of(blame, rec)
  mark[MARK.failed], mark[MARK.at] = mark[MARK.failed] + 1, now
  if is_first or all_have_tried(rec.task, t, blame, false) then
    blame.attempts = blame.attempts + 1
  end
end

-- The lease's worker lost the subtask; the same.
local function blame_loss(rec, t, blame)
  local is_first = record_of(blame, rec.owner).lost == 0
  local mark = mark_of(blame, rec)
  mark[MARK.lost], mark[MARK.at] = mark[MARK.lost] + 1, now
  if is_first or all_have_tried(rec.task, t, blame, true) then blame.losses = blame.losses + 1 end
end

-- Each of `list` was lost once more. Returns those that may be tried again.
local function count_losses(rec, t, list)
  local again, noted, name = {}, {}, key('t', rec.task, 'blame')
  local first = read_blame()  -- that of all which nobody has failed or lost before
  blame_loss(rec, t, first)
  local packed_first = cmsgpack.pack(first)
  for i, packed in ipairs(get_many(name, list)) do
    local subtask, blame = list[i], packed and read_blame(packed) or first
    if packed then blame_loss(rec, t, blame) end
    noted[#noted + 1] = subtask
    noted[#noted + 1] = packed and cmsgpack.pack(blame) or packed_first
    if blame.losses < a.losses_max then
      again[#again + 1] = subtask
    else
      local message = 'its worker vanished ' .. blame.losses .. ' times'
      fail_permanently(rec.task, t, subtask, failure(subtask, rec.worker, 'lost', message, ''))
    end
  end
  set_many(name, noted)
  return again
end

-- Subtasks that wait again since this script began, because their lease was lost.
local requeued = 0

-- Lost subtasks are leased alone, from :again.
local function put_behind(rec, t, list)
  local held, again = key('t', rec.task, 'held'), count_losses(rec, t, list)
  if redis.call('HLEN', held) > 0 then del_many(held, again) end
  each_chunk(again, function(...) redis.call('RPUSH', key('t', rec.task, 'again'), ...) end)
  requeued = requeued + #again
end

-- Released subtasks go back to the front in their order: to :again those that were lost or failed
-- before, or they would be leased with others, and to whoever failed them.
local function put_back(rec, list)
  local task, noted = rec.task, {}
  local blame = key('t', task, 'blame')
  local blamed = redis.call('EXISTS', blame) == 1 and get_many(blame, list) or {}
  local again, wait = {}, {}
  for i = #list, 1, -1 do
    local row = blamed[i] and again or wait
    row[#row + 1] = list[i]
    noted[#noted + 1], noted[#noted + 2] = list[i], ''
  end
  set_many(key('t', task, 'held'), noted)
  each_chunk(again, function(...) redis.call('LPUSH', key('t', task, 'again'), ...) end)
  each_chunk(wait, function(...) redis.call('LPUSH', key('t', task, 'wait'), ...) end)
end

-- Take subtasks away from an active lease; those that no other lease has wait again. `why`: 'lost'
-- counts as a loss of the subtask and makes it be leased alone; 'released', 'bad_partial' and
-- 'kind_changed' put it back where it was. Returns how many were taken. Of a check's lease all is
-- taken.
local function give_back(rec, t, list, why)
  if rec.check then
    record(rec.task, why, rec.worker, rec.id, #rec.list, 0)
    return give_check_back(rec, t, why == 'lost' or why == 'bad_partial')
  end
  local back = let_go(rec, t, list)
  unlease(rec.task, #back)
  charge(t.creator, -tonumber(rec.charge) * #list)
  record(rec.task, why, rec.worker, rec.id, #back, #rec.list - #list)
  if why == 'lost' then put_behind(rec, t, back) else put_back(rec, back) end
  relist(rec.task, t)
  return #back
end

-- An active lease is over without a result. Its record stays a while: what it still sends may
-- count.
local function retire(rec)
  local name = key('l', rec.id)
  hold_less(rec, #rec.list)
  rec.active = '0'
  redis.call('HSET', name, 'active', '0')
  redis.call('PEXPIRE', name, a.memory_ms)
  redis.call('ZREM', key('leases'), rec.id)
  redis.call('SREM', key('c', rec.conn), rec.id)
  redis.call('ZADD', key('t', rec.task, 'leases'), '+inf', rec.id)  -- behind those that are active
end

-- The holder vanished or let the deadline pass: all that it still owes counts as lost by this
-- worker, also what another lease has as well. Returns how many subtasks were taken back.
local function lose_lease(rec, t)
  local work, owed = key('t', rec.task, 'work'), #rec.list
  local back = give_back(rec, t, rec.list, 'lost')
  redis.call('ZREM', key('wants', t.kind), rec.owner)  -- until it looks for work again
  strike(rec.owner, t, STRIKES.loss)
  if rec.check then return back end
  retire(rec)
  redis.call('HINCRBY', work, rec.worker .. ':lost', owed)
  redis.call('HSET', work, rec.worker .. ':lost_at', now)
  local speed = redis.call('HGET', work, rec.worker .. ':speed')
  if speed then redis.call('HSET', work, rec.worker .. ':speed', tonumber(speed) / 2) end
  return back
end

-- So many bytes of the owner's partials of the task take no room of its creator any more.
local function forget_bytes(task, creator, owner, bytes)
  redis.call('HINCRBY', key('t', task), 'partial_bytes', -bytes)
  redis.call('HINCRBY', key('t', task, 'holds'), owner .. ':bytes', -bytes)
  for _, field in ipairs({creator, creator .. ' ' .. owner}) do
    local left = redis.call('HINCRBY', key('partial_bytes'), field, -bytes)
    if left <= 0 then redis.call('HDEL', key('partial_bytes'), field) end
  end
end

-- The same of all partials of the task.
local function forget_partials(task, creator)
  for name, bytes in pairs(hash(key('t', task, 'holds'))) do
    local owner = string.match(name, '^(.*):bytes$')
    if owner then forget_bytes(task, creator, owner, tonumber(bytes)) end
  end
end

-- Parts: what each accepted result was

-- Where a part has what; `subtasks` as runs: first, how many, first, how many, …
local PART_OWNER, PART_WORKER, PART_LEASE, PART_AT, PART_DIGEST, PART_RUNS = 1, 2, 3, 4, 5, 6

local function runs_of(list)
  local runs = {}
  for _, subtask in ipairs(list) do
    local first, n = runs[#runs - 1], runs[#runs]
    if first and subtask == first + n then
      runs[#runs] = n + 1
    else
      runs[#runs + 1], runs[#runs + 2] = subtask, 1
    end
  end
  return runs
end

local function pack_part(rec, subtasks, digest)
  return cmsgpack.pack({rec.owner, rec.worker, rec.id, now, digest, runs_of(subtasks)})
end

local function read_part(packed)
  local row, subtasks = cmsgpack.unpack(packed), {}
  for i = 1, #row[PART_RUNS], 2 do
    local first = row[PART_RUNS][i]
    for subtask = first, first + row[PART_RUNS][i + 1] - 1 do subtasks[#subtasks + 1] = subtask end
  end
  return {
    owner = row[PART_OWNER], worker = row[PART_WORKER], lease = row[PART_LEASE],
    subtasks = subtasks,
  }
end

-- Subtasks that are open: in the queue, or taken out and waiting for their payloads.
local function open_count(task)
  return redis.call('HLEN', key('t', task, 'payloads')) + redis.call('SCARD', key('t', task, 'redo'))
end

-- Whether nothing more can change the task's outcome: it wants to be concluded.
local function is_complete(task, t)
  if t.state == nil then return false end
  if t.decided == '1' or t.broken == '1' then return true end
  return t.ended == '1' and open_count(task) == 0
end

-- Requeue leases whose deadline has passed: up to n, fewer if they are long, so that nobody waits
-- long for this script.
-- Returns {kind -> subtasks that wait again}, {complete tasks}, how many leases.
local function reap(n)
  local kinds, complete, leases, subtasks = {}, {}, 0, 0
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', key('leases'), '-inf', now, 'LIMIT', 0, n)) do
    if subtasks >= REAP_SUBTASKS then break end
    local rec = lease_of(id)
    local t = rec and hash(key('t', rec.task))
    if t and t.state then
      leases, subtasks = leases + 1, subtasks + #rec.list
      kinds[t.kind] = (kinds[t.kind] or 0) + lose_lease(rec, t)
      if is_complete(rec.task, t) then complete[#complete + 1] = rec.task end
    else
      redis.call('ZREM', key('leases'), id)
    end
  end
  return kinds, complete, leases
end

-- Lost subtasks are not for the worker that lost them, and it may be the one that has been idle
-- longest.
local function wake_all(kinds)
  local conns = {}
  for kind, n in pairs(kinds) do
    local most = n > 0 and math.max(n, SOME) or 0
    for _, conn in ipairs(wake(kind, most)) do conns[#conns + 1] = conn end
  end
  return conns
end
