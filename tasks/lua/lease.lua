-- Lease a run of subtasks of one task to one slot of a worker, or note that the connection waits for work.
-- Which task: priority band, then the worker's owner's own tasks, then the creator served least, then first come.
-- How many: min(speed x target, max(remaining / (2 x slots online), speed x least)), at least 1; the first lease of a
-- worker on a task, a subtask that was lost and one that failed go alone.
-- args: lease worker conn owner kinds (list of "KIND@version") target_s least_s subtasks_max bytes_max lease_ms
--       online_ms idle_ms memory_ms losses_max
-- returns {reply, {connections to wake}, {tasks to conclude}}; reply is {} or
--   {task, kind, max_ms, {subtasks}, {payloads}}
local LOOK = 8  -- tasks or creators looked at where the first cannot be leased to this worker
local reaped, complete = reap(2)

local function alive(set, kind) return redis.call('ZRANGEBYSCORE', key(set, kind), now - a.online_ms, '+inf', 'LIMIT', 0, LOOK) end

-- A subtask is not given again to a worker that failed it while another one that takes the kind is online.
local function barred(task, t, subtask)
  local blame = key('t', task, 'blame')
  if redis.call('HEXISTS', blame, subtask .. ':by:' .. a.worker) == 0 then return false end
  for _, other in ipairs(alive('workers', t.kind)) do
    if redis.call('HEXISTS', blame, subtask .. ':by:' .. other) == 0 then return true end
  end
  return false
end

local function take_again(task, t)
  local again, payloads = key('t', task, 'again'), key('t', task, 'payloads')
  for _ = 1, math.min(redis.call('LLEN', again), LOOK) do
    local subtask = tonumber(redis.call('LPOP', again))
    local payload = redis.call('HGET', payloads, subtask)
    if payload and not barred(task, t, subtask) then return {subtask}, {payload} end
    if payload then redis.call('RPUSH', again, subtask) end
  end
  return {}, {}
end

local function size(task, t)
  local speed = tonumber(redis.call('HGET', key('t', task, 'work'), a.worker .. ':speed') or '0')
  if speed == 0 then return 1 end
  local slots = math.max(1, redis.call('ZCOUNT', key('slots', t.kind), now - a.online_ms, '+inf'))
  local fair = math.max(waiting(task) / (2 * slots), speed * a.least_s)
  return math.max(1, math.min(math.floor(speed * a.target_s), math.ceil(fair), a.subtasks_max))
end

-- Subtasks from the front of :wait; entries that were done meanwhile (a late result) fall away.
local function take_run(task, n)
  local wait, taken, payloads, bytes = key('t', task, 'wait'), {}, {}, 0
  while #taken < n and bytes < a.bytes_max do
    local run = redis.call('LPOP', wait, math.min(n - #taken, CHUNK))
    if not run then break end
    local found = get_many(key('t', task, 'payloads'), run)
    local left = {}
    for i, subtask in ipairs(run) do
      if found[i] and (#taken == 0 or bytes + #found[i] <= a.bytes_max) and #left == 0 then
        taken[#taken + 1], payloads[#payloads + 1] = tonumber(subtask), found[i]
        bytes = bytes + #found[i]
      elseif found[i] then
        table.insert(left, 1, subtask)
      end
    end
    if #left > 0 then
      redis.call('LPUSH', wait, unpack(left))
      break
    end
  end
  return taken, payloads
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
  local taken, payloads = take_again(task, t)
  if #taken == 0 then taken, payloads = take_run(task, size(task, t)) end
  relist(task, t)
  if #taken == 0 then return nil end
  grant(task, t, taken)
  return {task, t.kind, tonumber(t.max_ms), taken, payloads}
end

local function try_creator(kind, prio, creator)
  for _, task in ipairs(redis.call('ZRANGE', key('q', kind, prio, creator), 0, LOOK - 1)) do
    local reply = try_task(task)
    if reply then return reply end
  end
end

local function by_served(prio)
  local row = {}
  for _, kind in ipairs(a.kinds) do
    local found = redis.call('ZRANGE', key('ready', kind, prio), 0, LOOK - 1, 'WITHSCORES')
    for i = 1, #found, 2 do
      local first = redis.call('ZRANGE', key('q', kind, prio, found[i]), 0, 0, 'WITHSCORES')
      if first[2] then row[#row + 1] = {kind, found[i], tonumber(found[i + 1]), tonumber(first[2])} end
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
    for _, kind in ipairs(a.kinds) do
      local own = try_creator(kind, prio, a.owner)
      if own then return own end
    end
    for _, row in ipairs(by_served(prio)) do
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
