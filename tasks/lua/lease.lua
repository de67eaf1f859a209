-- Lease a run of subtasks of one task to one slot of a worker, or note that the connection waits for work.
-- Which task: priority band, then the worker's owner's own tasks, then the creator served least, then first come.
-- How many: min(speed x target, max(waiting / (2 x slots online), speed x least)), at least 1; the first lease of a
-- worker on a task, a subtask that was lost and one that failed go alone.
-- The same lease asked for twice (the first answer got lost on its way) is answered with the same subtasks.
-- args: lease worker conn owner kinds (list of "KIND@version") target_s least_s subtasks_max bytes_max lease_ms
--       online_ms idle_ms memory_ms losses_max
-- returns {reply, {connections to wake}, {tasks to conclude}}; reply is {} or
--   {task, kind, max_ms, {subtasks}, {payloads}}
local LOOK = 8  -- tasks or creators looked at where the first cannot be leased to this worker
local LOOK_BARRED = 64  -- subtasks looked at that this worker has failed; the next call goes on behind them

local function granted_before()
  local rec = lease_of(a.lease)
  if not rec or rec.active ~= '1' then return nil end
  local t = redis.call('HMGET', key('t', rec.task), 'kind', 'max_ms')
  return {rec.task, t[1], tonumber(t[2]), rec.list, get_many(key('t', rec.task, 'payloads'), rec.list)}
end

local before = granted_before()
if before then return {before, {}, {}} end

local reaped, complete = reap(2)
local others = {}  -- kind -> workers online, as far as asked for

local function online(kind)
  others[kind] = others[kind]
    or redis.call('ZRANGEBYSCORE', key('workers', kind), now - a.online_ms, '+inf', 'LIMIT', 0, LOOK_BARRED)
  return others[kind]
end

-- A subtask is not given again to a worker that failed it while another one that takes the kind is online.
local function barred(task, t, subtask)
  local blame = key('t', task, 'blame')
  if redis.call('HEXISTS', blame, subtask .. ':by:' .. a.worker) == 0 then return false end
  for _, member in ipairs(online(t.kind)) do
    if redis.call('HEXISTS', blame, subtask .. ':by:' .. string.match(member, '^%S+')) == 0 then return true end
  end
  return false
end

-- One subtask that was lost or failed. Those done meanwhile fall away; those barred go to the end.
local function take_again(task, t)
  local again, payloads, passed, found = key('t', task, 'again'), key('t', task, 'payloads'), {}, nil
  while not found and #passed < LOOK_BARRED do
    local subtask = redis.call('LPOP', again)
    if not subtask then break end
    if redis.call('HEXISTS', payloads, subtask) == 1 then
      if barred(task, t, subtask) then passed[#passed + 1] = subtask else found = subtask end
    end
  end
  each_chunk(passed, function(...) redis.call('RPUSH', again, ...) end)
  return {found and tonumber(found)}
end

local function size(task, t)
  local speed = tonumber(redis.call('HGET', key('t', task, 'work'), a.worker .. ':speed') or '0')
  if speed == 0 then return 1 end
  local slots = math.max(1, redis.call('ZCOUNT', key('slots', t.kind), now - a.online_ms, '+inf'))
  local fair = math.max(waiting(task) / (2 * slots), speed * a.least_s)
  return math.max(1, math.min(math.floor(speed * a.target_s), math.ceil(fair), a.subtasks_max))
end

-- Up to n subtasks from the front of :wait, as many as fit into bytes_max; those done meanwhile fall away. Only lengths
-- are read: a payload may have megabytes.
local function take_run(task, n)
  local wait, payloads, taken, bytes, look = key('t', task, 'wait'), key('t', task, 'payloads'), {}, 0, n
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

local function note_holder(task, taken)
  local held = key('t', task, 'held')
  if redis.call('HLEN', held) == 0 then return end
  for i, known in ipairs(get_many(held, taken)) do
    if known then redis.call('HSET', held, taken[i], a.lease) end
  end
end

local function grant(task, t, taken)
  local seconds, done = tonumber(t.seconds), tonumber(t.done)
  local each = done > 0 and seconds / done or 0.1
  local most = #taken * tonumber(t.max_ms) + a.lease_ms
  redis.call('HSET', key('l', a.lease), 'worker', a.worker, 'conn', a.conn, 'task', task, 'granted', now, 'since', now,
    'until', now + most, 'active', '1', 'charge', each, 'subtasks', cmsgpack.pack(taken))
  redis.call('ZADD', key('leases'), now + a.lease_ms, a.lease)
  redis.call('SADD', key('c', a.conn), a.lease)
  redis.call('SADD', key('t', task, 'leases'), a.lease)
  redis.call('HINCRBY', key('t', task), 'leased', #taken)
  redis.call('HSETNX', key('t', task, 'work'), a.worker .. ':first', now)
  note_holder(task, taken)
  charge(t.creator, each * #taken)
end

local function try_task(task)
  local t = hash(key('t', task))
  if not t.state then return nil end
  local taken = take_again(task, t)
  if #taken == 0 then taken = take_run(task, size(task, t)) end
  relist(task, t)  -- before it is charged: an estimate must not become the floor
  if #taken == 0 then return nil end
  grant(task, t, taken)
  return {task, t.kind, tonumber(t.max_ms), taken, get_many(key('t', task, 'payloads'), taken)}
end

local function try_creator(kind, prio, creator)
  for _, task in ipairs(redis.call('ZRANGE', key('q', kind, prio, creator), 0, LOOK - 1)) do
    local reply = try_task(task)
    if reply then return reply end
  end
end

-- {kind, creator, served, seq of his first task} of a priority band, in order. The owner's own come before all others,
-- whatever he was served.
local function candidates(prio)
  local row = {}
  local function add(kind, creator, served)
    local first = redis.call('ZRANGE', key('q', kind, prio, creator), 0, 0, 'WITHSCORES')
    if first[2] then row[#row + 1] = {kind, creator, served, tonumber(first[2])} end
  end
  for _, kind in ipairs(a.kinds) do
    add(kind, a.owner, -math.huge)
    local found = redis.call('ZRANGE', key('ready', kind, prio), 0, LOOK - 1, 'WITHSCORES')
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

local function choose()
  for prio = 0, 2 do
    for _, row in ipairs(candidates(prio)) do
      local reply = try_creator(row[1], prio, row[2])
      if reply then return reply end
    end
  end
end

local reply = choose()
for _, kind in ipairs(a.kinds) do
  if reply then redis.call('ZREM', key('idle', kind), a.conn) else redis.call('ZADD', key('idle', kind), now, a.conn) end
end
return {reply or {}, wake_all(reaped), complete}
