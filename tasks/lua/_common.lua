-- Shared by every script of the queue; Python puts it in front of each.
--
-- KEYS[1] is the group's base key, "fl:{<group id>}". Every other key is made from it, so that a script stays
-- within one cluster slot. ARGV[1] is a MessagePack map of the arguments that a script's contract names.
-- Times are ms since the epoch, by Redis' own clock.
--
-- The keys of a group, behind its base:
--   tasks                  set of tasks that have state here
--   t:<task>               hash: kind creator prio seq state split ended split_at leased done failed seconds
--                          max_ms partial_ok decided broken error
--   t:<task>:payloads      hash: subtask -> payload. A subtask is *open* as long as it is in here
--   t:<task>:wait          list of waiting subtasks; :again the lost and failed ones, leased alone, first
--   t:<task>:held          hash: subtask -> ids of the active leases that have it, " " between. Kept only for subtasks
--                          that were given back or copied; any other is in :wait, or in exactly one active lease
--   t:<task>:blame         hash: "<subtask>:losses", "<subtask>:attempts", "<subtask>:by:<worker>"
--   t:<task>:partials      list of accepted partials; :work hash "<worker>:<n|s|f|first|last|speed>"
--   t:<task>:leases        set of its leases, active or lost
--   l:<lease>              hash: worker conn task granted since until active charge subtasks (MessagePack list: what
--                          the holder still owes). A lost one stays for a while, so that a late result counts
--   leases                 zset: active lease -> deadline;  c:<conn> set: active leases of one connection
--   q:<kind>:<prio>:<creator>   zset: task -> seq, the tasks that have something to lease
--   ready:<kind>:<prio>    zset: creator -> core-seconds served, creators that have such tasks
--   serving                zset: creator -> served, over all kinds;  active hash: creator -> number of such tasks
--   served                 zset: creator -> core-seconds, also of those who have nothing to lease now
--   kinds                  set of kinds ever seen here
--   idle:<kind>            zset: conn -> since when it waits for work of this kind
--   slots:<kind>           zset: "<conn> <n>" -> last seen, one member a slot;  workers:<kind> zset: worker -> last seen

local base = KEYS[1]
local a = cmsgpack.unpack(ARGV[1])
local CHUNK = 1000  -- arguments of one call; Lua's stack ends at about 8,000

local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

local now = now_ms()

local function key(...) return base .. ':' .. table.concat({...}, ':') end

local function each_chunk(list, apply)
  for first = 1, #list, CHUNK do
    apply(unpack(list, first, math.min(first + CHUNK - 1, #list)))
  end
end

local function hash(name)
  local flat, map = redis.call('HGETALL', name), {}
  for i = 1, #flat, 2 do map[flat[i]] = flat[i + 1] end
  return map
end

local function get_many(name, fields)
  local values = {}
  each_chunk(fields, function(...)
    for _, value in ipairs(redis.call('HMGET', name, ...)) do values[#values + 1] = value end
  end)
  return values
end

-- Which subtasks are open, as a list of truth values. A long list means small payloads: then one HMGET a thousand is
-- cheapest; payloads of megabytes are never copied.
local function open_flags(task, list)
  local name, flags = key('t', task, 'payloads'), {}
  if #list > 64 then
    for i, payload in ipairs(get_many(name, list)) do flags[i] = payload and true end
  else
    for i, subtask in ipairs(list) do flags[i] = redis.call('HEXISTS', name, subtask) == 1 end
  end
  return flags
end

local function del_many(name, fields)
  each_chunk(fields, function(...) redis.call('HDEL', name, ...) end)
end

-- Fairness: who has been served how much

local function spread_served(creator, served)
  redis.call('ZADD', key('serving'), 'XX', served, creator)
  for _, kind in ipairs(redis.call('SMEMBERS', key('kinds'))) do
    for prio = 0, 2 do redis.call('ZADD', key('ready', kind, prio), 'XX', served, creator) end
  end
end

local function charge(creator, seconds)
  if seconds ~= 0 then
    spread_served(creator, redis.call('ZINCRBY', key('served'), seconds, creator))
  end
end

local function start_serving(creator)
  -- a newcomer starts at the least of those active, or he would be served alone until he had caught up
  local least = redis.call('ZRANGE', key('serving'), 0, 0, 'WITHSCORES')[2]
  local served = tonumber(redis.call('ZSCORE', key('served'), creator) or '0')
  if least then served = math.max(served, tonumber(least)) end
  redis.call('ZADD', key('served'), served, creator)
  redis.call('ZADD', key('serving'), served, creator)
end

local function unlist(task, t)
  local tasks = key('q', t.kind, t.prio, t.creator)
  if redis.call('ZREM', tasks, task) == 0 then return end
  if redis.call('ZCARD', tasks) == 0 then redis.call('ZREM', key('ready', t.kind, t.prio), t.creator) end
  if redis.call('HINCRBY', key('active'), t.creator, -1) <= 0 then
    redis.call('HDEL', key('active'), t.creator)
    redis.call('ZREM', key('serving'), t.creator)
  end
end

local function enlist(task, t)
  if redis.call('ZADD', key('q', t.kind, t.prio, t.creator), t.seq, task) == 0 then return end
  if redis.call('HINCRBY', key('active'), t.creator, 1) == 1 then start_serving(t.creator) end
  redis.call('ZADD', key('ready', t.kind, t.prio), redis.call('ZSCORE', key('serving'), t.creator), t.creator)
end

local function waiting(task)
  return redis.call('LLEN', key('t', task, 'wait')) + redis.call('LLEN', key('t', task, 'again'))
end

-- Put the task into the index of those that have something to lease, or take it out.
local function relist(task, t)
  if t.state == 'open' and waiting(task) > 0 then enlist(task, t) else unlist(task, t) end
end

-- Up to n connections that wait for this kind; they are no longer idle.
local function wake(kind, n)
  local conns, idle = {}, key('idle', kind)
  redis.call('ZREMRANGEBYSCORE', idle, '-inf', now - a.idle_ms)
  if n < 1 then return conns end
  local popped = redis.call('ZPOPMIN', idle, math.min(n, 1000))
  for i = 1, #popped, 2 do conns[#conns + 1] = popped[i] end
  return conns
end

-- Leases

local function lease_of(id)
  local rec = hash(key('l', id))
  if not rec.task then return nil end
  rec.id, rec.list = id, cmsgpack.unpack(rec.subtasks)
  return rec
end

local function forget_lease(rec)
  redis.call('DEL', key('l', rec.id))
  redis.call('ZREM', key('leases'), rec.id)
  redis.call('SREM', key('c', rec.conn), rec.id)
  redis.call('SREM', key('t', rec.task, 'leases'), rec.id)
end

-- The holder no longer owes `gone` (a set). A lease that owes nothing is settled.
local function owe_less(rec, gone)
  local rest = {}
  for _, subtask in ipairs(rec.list) do
    if not gone[subtask] then rest[#rest + 1] = subtask end
  end
  rec.list = rest
  if #rest == 0 then return forget_lease(rec) end
  redis.call('HSET', key('l', rec.id), 'subtasks', cmsgpack.pack(rest), 'since', now)
end

-- The active leases that have this subtask, as a list; `rec` is one that has it by its own word.
local function holders(task, subtask, rec)
  local held = redis.call('HGET', key('t', task, 'held'), subtask)
  if not held then return rec.active == '1' and {rec.id} or {} end
  local ids = {}
  for id in string.gmatch(held, '%S+') do ids[#ids + 1] = id end
  return ids
end

local function without(ids, id)
  local rest = {}
  for _, other in ipairs(ids) do
    if other ~= id then rest[#rest + 1] = other end
  end
  return rest
end

local function fail_for_good(task, t, subtask, message)
  redis.call('HDEL', key('t', task, 'payloads'), subtask)
  redis.call('HDEL', key('t', task, 'held'), subtask)
  redis.call('HINCRBY', key('t', task), 'failed', 1)
  redis.call('HSET', key('t', task), 'error', message)
  if t.partial_ok ~= '1' then redis.call('HSET', key('t', task), 'broken', '1') end
end

-- Take open subtasks away from an active lease; those that no other lease has wait again. `why`: 'lost' counts as
-- a loss of the subtask and makes it be leased alone; 'released' puts it back where it was. Returns how many wait.
local function give_back(rec, t, list, why)
  local open, back = open_flags(rec.task, list), {}
  for i, subtask in ipairs(list) do
    if open[i] then
      local others = without(holders(rec.task, subtask, rec), rec.id)
      redis.call('HSET', key('t', rec.task, 'held'), subtask, table.concat(others, ' '))
      if #others == 0 then back[#back + 1] = subtask end
    end
  end
  redis.call('HINCRBY', key('t', rec.task), 'leased', -#back)
  charge(t.creator, -tonumber(rec.charge) * #list)
  local again, wait = {}, {}
  for _, subtask in ipairs(back) do
    if why ~= 'lost' then
      table.insert(wait, 1, subtask)
    elseif redis.call('HINCRBY', key('t', rec.task, 'blame'), subtask .. ':losses', 1) >= a.losses_max then
      fail_for_good(rec.task, t, subtask, cmsgpack.pack({subtask, rec.worker, 'lost', 'its worker vanished ' .. a.losses_max .. ' times', ''}))
    else
      again[#again + 1] = subtask
    end
  end
  each_chunk(again, function(...) redis.call('RPUSH', key('t', rec.task, 'again'), ...) end)
  each_chunk(wait, function(...) redis.call('LPUSH', key('t', rec.task, 'wait'), ...) end)
  relist(rec.task, t)
  return #again + #wait
end

-- An active lease is over without a result. Its record stays a while: what it still sends may count.
local function lose_lease(rec, t)
  local back = give_back(rec, t, rec.list, 'lost')
  local name = key('l', rec.id)
  redis.call('HSET', name, 'active', '0')
  redis.call('PEXPIRE', name, a.memory_ms)
  redis.call('ZREM', key('leases'), rec.id)
  redis.call('SREM', key('c', rec.conn), rec.id)
  local work, field = key('t', rec.task, 'work'), rec.worker .. ':speed'
  local speed = redis.call('HGET', work, field)
  if speed then redis.call('HSET', work, field, tonumber(speed) / 2) end
  return back
end

-- Whether nothing more can change the task's outcome: it wants to be concluded.
local function is_complete(task, t)
  if t.state == nil then return false end
  if t.decided == '1' or redis.call('HGET', key('t', task), 'broken') == '1' then return true end
  return t.ended == '1' and redis.call('HLEN', key('t', task, 'payloads')) == 0
end

-- Requeue up to n leases whose deadline has passed. Returns {{kind -> subtasks that wait again}, {complete tasks}}.
local function reap(n)
  local kinds, complete = {}, {}
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', key('leases'), '-inf', now, 'LIMIT', 0, n)) do
    local rec = lease_of(id)
    local t = rec and hash(key('t', rec.task))
    if t and t.state then
      kinds[t.kind] = (kinds[t.kind] or 0) + lose_lease(rec, t)
      if is_complete(rec.task, t) then complete[#complete + 1] = rec.task end
    else
      redis.call('ZREM', key('leases'), id)
    end
  end
  return kinds, complete
end

local function wake_all(kinds)
  local conns = {}
  for kind, n in pairs(kinds) do
    for _, conn in ipairs(wake(kind, n)) do conns[#conns + 1] = conn end
  end
  return conns
end
