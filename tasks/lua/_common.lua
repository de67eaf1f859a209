-- Shared by every script of the queue; Python puts it in front of each.
--
-- KEYS[1] is the group's base key, "fl:{<group id>}:queue". Every other key is made from it, so that
-- a script stays within one cluster slot. ARGV[1] is a map of the arguments that a script's contract
-- names, and a script returns a map that Python decodes into a struct, both as MessagePack.
-- cmsgpack writes every string as text and an empty table as a list. So bytes travel beside the
-- maps, as further arguments and behind the map of a reply, and an empty map is left out.
-- Times are ms since the epoch, by Redis' own clock.
--
-- Arguments that many scripts need, see `limits` in keys.py:
--   losses_max  integer, losses after which a subtask fails
--   memory_ms   integer, ms for which a lost lease is remembered
--   idle_ms     integer, ms after which a connection that waits for work must have asked again
--   online_ms   integer, ms after its last heartbeat in which a worker counts as online
--   aside_ms    integer, ms for which an owner is set aside first, see _aside.lua
--   barred_ms   integer, ms for which an owner is set aside at most, and for which a subtask is
--               kept from those that failed or lost it
--   reserved_ms integer, ms for which a check is kept for the owner who is drawn to answer it; 0: it
--               is whoever asks first
--
-- The keys of a group, behind its base:
--   format                 that of the data below, see formats.py
--   tasks                  set of tasks that have state here
--   t:<task>               hash: kind creator prio seq state ('open' | 'paused') split ended
--                          split_at leased done failed seconds max_ms partial_ok decided broken
--                          error copied (subtasks leased a second time) spare (those
--                          of them whose holder was not late) logged unfit
--                          ('1' if :unfit has any) partial_bytes (of its accepted partials) paces (MessagePack list: the
--                          latest results' seconds per subtask) median (of them)
--                          verify ('none' | 'sample' | 'auto' | 'all': what others recompute)
--                          checked, taken_out (subtasks that others confirmed, that were done
--                          anew) same_owner (subtasks that only another machine of
--                          the same owner confirmed) undecided, unchecked (checks) complete_at (when that was noticed
--                          first) checks_at (when an answer to a check came or one was
--                          settled last) owed (subtasks that are to be computed for checks,
--                          see _checks.lua) sealed ('1': its result is being delivered, so nothing
--                          is taken out any more)
--   t:<task>:payloads      hash: subtask -> payload. A subtask is *open* as long as it is in here
--   t:<task>:wait          list of waiting subtasks
--   t:<task>:again         list of lost and failed subtasks that wait; leased alone, and first
--   t:<task>:held          hash: subtask -> ids of the active leases that have it, " " between.
--                          Kept of those that were given back or copied, but not of those in
--                          :again; any other is in :wait, or in exactly one active lease
--   t:<task>:blame         hash: subtask -> MessagePack, who failed and lost it, see `read_blame` in
--                          _leases.lua
--   t:<task>:unfit         set of workers that may not take its subtasks, which may last too long
--   t:<task>:failures      list of the latest, each MessagePack, see `failure` in _leases.lua
--   t:<task>:missing       list of subtasks that failed permanently
--   t:<task>:log           list of what happened, the latest: each MessagePack [number at what
--                          worker lease n left detail]
--   t:<task>:partials      list of accepted partials; "" for one that was taken out again
--   t:<task>:parts         list, one for each of them: whose it is, see `pack_part` in _leases.lua
--   t:<task>:out           set of numbers of parts that were taken out again
--   t:<task>:redo          set of their subtasks whose payloads are to be made anew
--   t:<task>:kept          hash: subtask -> payload, of parts that are to be checked
--   t:<task>:lacking       set of numbers of parts whose check lacks its payloads, which are to be made
--                          anew
--   t:<task>:checks        list of numbers of parts whose check waits
--   t:<task>:check_state   hash: number -> MessagePack, see `read_check` in _checks.lua; of each
--                          check that is not settled
--   t:<task>:check_leases  set of active leases of checks
--   t:<task>:answers       hash: "<number>:<place>" -> bytes, partials that answer checks
--   t:<task>:ready         set of numbers of parts whose answers are to be compared
--   t:<task>:confirmed     set of numbers of parts that other owners agreed with
--   t:<task>:own_check     set of numbers of parts that only another machine of the same owner
--                          agreed with
--   t:<task>:canaries      hash: number of a confirmed part -> MessagePack, the owners who have computed it
--   t:<task>:canary_payloads  hash: subtask -> payload, of these parts
--   t:<task>:canaries_out  set of their numbers, of those that an active lease has
--   t:<task>:checkers, :wrong  sets of owners: who computed for checks that are settled, and who
--                          was found wrong
--   t:<task>:comparing     there while a job compares answers
--   t:<task>:work          hash: "<worker>:<a field of Work in progress.py>" -> number
--   t:<task>:holds         hash: owner -> how many subtasks the active leases of their workers owe,
--                          "<owner>:done" -> how many their workers have done, "<owner>:bytes" -> what
--                          their partials take
--   t:<task>:leases        zset: its leases -> when granted; the lost ones -> infinity
--   l:<lease>              hash: worker owner conn task granted since until active copy charge subtasks
--                          (MessagePack list: what the holder still owes) revoked ('1': its owner
--                          has left the group) check (number of the part that it checks) part (of
--                          one that was overtaken: the number of the part that is the same) canary ('1' of
--                          one). A lost
--                          one stays for a while, so that a late result counts; not that of a
--                          check
--   left:<owner>           there for a while after this owner has left the group: nothing is leased
--                          to their workers
--   leases                 zset: active lease -> deadline
--   c:<conn>               set: active leases of one connection
--   q:<kind>:<prio>:<creator>   zset: task -> seq, the tasks that have something to lease
--   tail:<kind>            zset: task -> seq, the tasks of which all that is left is leased
--   due                    zset: task -> when its conclusion is asked for again, of those that are
--                          complete and wait for checks
--   checking:<kind>        zset: task -> seq, the tasks that have a check to lease
--   standing:<kind>        hash: owner -> agreements in a row, a copy of the database's; 0 where one
--                          is missing
--   streak:<worker>        set of creators on whose tasks it failed what others have done, since it
--                          last completed anything
--   failing:<owner>        hash: the same of all workers of an owner: creator -> the worker that
--                          failed last
--   strikes:<owner>        hash: creator -> what the owner's workers have done to this creator's
--                          tasks, see _aside.lua; "<creator>:until" -> when it may go on
--   doubtful               zset: owner that has more strikes than are free -> until when that is known
--   ready:<kind>:<prio>    zset: creator -> core-seconds served, creators that have such tasks
--   serving                zset: creator -> served, over all kinds
--   active                 hash: creator -> number of such tasks
--   partial_bytes          hash: creator -> bytes of the accepted partials of all their tasks;
--                          "<creator> <owner>" -> of those that this owner's workers sent
--   served                 zset: creator -> core-seconds, also of those who have nothing to lease
--                          now
--   floor                  where a creator starts when nobody else has work: what the last one
--                          active was served
--   kinds                  set of kinds ever seen here
--   idle:<kind>            zset: conn -> since when it waits for work of this kind
--   slots:<kind>           zset: conn of a worker that takes this kind -> last seen
--   slots_of:<kind>        hash: such a conn -> how many leases it computes at the same time
--   slots                  hash: kind -> the sum of its slots_of
--   late_looked            string, expires: late holders have been looked for a moment ago, lease.lua
--   wants:<kind>           zset: owner -> when they last were given or looked for work of this kind
--   workers:<kind>         zset: "<worker> <conn> <owner>" -> last seen

local base = KEYS[1]
local a = cmsgpack.unpack(ARGV[1])
local CHUNK = 1000  -- arguments of one call; Lua's stack ends at about 8,000
local FEW = 50  -- connections looked at in one go, where the first mostly tells
local LOOK_TAKERS = 1000  -- connections looked at for workers that take a kind
local BLAMED_KEPT = 32  -- workers noted with a subtask that they failed or lost, the latest
local PACES_KEPT = 15  -- results of a task, the latest: their median is charged
local FIRST_ESTIMATE = 0.1  -- s that a subtask is taken to need before anything is known
local SOME = 4  -- connections woken for work that not every worker may take
local FAILURES_KEPT = 50  -- of a task, the latest
local LOG_KEPT = 2000  -- of a task, the latest entries at least
local REAP_SUBTASKS = 20000  -- given back by one script, about; some 0.1 s

local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

local now = now_ms()
local wake_first = {}  -- kind -> connections of owners who are drawn to check, see _checks.lua

local function key(...) return base .. ':' .. table.concat({...}, ':') end

-- FORMAT is that of this script's program; Python puts it in front. What another program made of the
-- data is not for this script, and it changes nothing.
local format = redis.call('GET', key('format'))
if not format then
  redis.pcall('SET', key('format'), FORMAT)  -- a full Redis refuses it, and may still delete
elseif format ~= FORMAT then
  return redis.error_reply('FORMAT the data of this group have format ' .. format
    .. ', and this program reads and writes format ' .. FORMAT)
end

-- The key of bytes that belong to a task and that scripts only delete, `blob_key` in keys.py.
local function blob(task, part)
  return string.sub(base, 1, -#':queue' - 1) .. ':t:' .. task .. ':' .. part
end

local function flag(yes) return yes and '1' or '0' end

-- The answer of a call that changed nothing. `open`: the subtasks that can still be sent.
local function refused(reason, open) return cmsgpack.pack({reason = reason, open = open or {}}) end

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

-- `flat`: field, value, field, value, …
local function set_many(name, flat)
  each_chunk(flat, function(...) redis.call('HSET', name, ...) end)
end

-- Which subtasks are open, as a list of truth values. A long list means small payloads: then one
-- HMGET a thousand is cheapest; payloads of megabytes are never copied.
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

-- One line of a task's history. `lease`: its id, "" if it is about none; `n` subtasks it is about,
-- `left` what that lease owes then.
local function record(task, what, worker, lease, n, left, detail)
  local number = redis.call('HINCRBY', key('t', task), 'logged', 1)
  local entry = {number, now, what, worker, string.sub(lease, -12), n, left, tostring(detail or '')}
  local length = redis.call('RPUSH', key('t', task, 'log'), cmsgpack.pack(entry))
  if length >= LOG_KEPT * 1.25 then redis.call('LTRIM', key('t', task, 'log'), -LOG_KEPT, -1) end
end

-- Fairness: how much each creator has been served

local function spread_served(creator, served)
  if redis.call('HEXISTS', key('active'), creator) == 0 then return end
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
  -- A newcomer starts at the least of those active, or they would be served alone until they had
  -- caught up. If nobody is active they start at the floor, or those who were served before would
  -- wait that long when they come back.
  local least = redis.call('ZRANGE', key('serving'), 0, 0, 'WITHSCORES')[2]
    or redis.call('GET', key('floor')) or '0'
  local before = redis.call('ZSCORE', key('served'), creator) or '0'
  local served = math.max(tonumber(before), tonumber(least))
  redis.call('ZADD', key('served'), served, creator)
  redis.call('ZADD', key('serving'), served, creator)
end

local function unlist(task, t)
  local tasks = key('q', t.kind, t.prio, t.creator)
  if redis.call('ZREM', tasks, task) == 0 then return end
  if redis.call('ZCARD', tasks) == 0 then
    redis.call('ZREM', key('ready', t.kind, t.prio), t.creator)
  end
  if redis.call('HINCRBY', key('active'), t.creator, -1) <= 0 then
    redis.call('HDEL', key('active'), t.creator)
    redis.call('ZREM', key('serving'), t.creator)
    if redis.call('ZCARD', key('serving')) == 0 then
      redis.call('SET', key('floor'), redis.call('ZSCORE', key('served'), t.creator))
    end
  end
end

local function enlist(task, t)
  if redis.call('ZADD', key('q', t.kind, t.prio, t.creator), t.seq, task) == 0 then return end
  if redis.call('HINCRBY', key('active'), t.creator, 1) == 1 then start_serving(t.creator) end
  local served = redis.call('ZSCORE', key('serving'), t.creator)
  redis.call('ZADD', key('ready', t.kind, t.prio), served, t.creator)
end

local function waiting(task)
  return redis.call('LLEN', key('t', task, 'wait')) + redis.call('LLEN', key('t', task, 'again'))
end

-- Put the task into the index of those that have something to lease, or take it out. Of a task
-- whose outcome is known nothing more is leased, although it stays here until it is concluded.
local function relist(task, t)
  local wanted = t.state == 'open' and t.decided ~= '1' and t.broken ~= '1'
  local left = wanted and waiting(task) or 0
  if left > 0 then enlist(task, t) else unlist(task, t) end
  local tail = key('tail', t.kind)
  if wanted and left == 0 and t.ended == '1' then
    redis.call('ZADD', tail, t.seq, task)
  else
    redis.call('ZREM', tail, task)
  end
end

local function has_work(kind)
  if redis.call('EXISTS', key('checking', kind)) == 1 then return true end
  for prio = 0, 2 do
    if redis.call('EXISTS', key('ready', kind, prio)) == 1 then return true end
  end
  return false
end

-- The connection has so many slots for this kind; one number, however many they are.
local function note_slots(kind, conn, slots)
  local slots_of = key('slots_of', kind)
  local before = tonumber(redis.call('HGET', slots_of, conn) or '0')
  if slots == before then return end
  if slots > 0 then redis.call('HSET', slots_of, conn, slots) else redis.call('HDEL', slots_of, conn) end
  local sum = redis.call('HINCRBY', key('slots'), kind, slots - before)
  if sum <= 0 then redis.call('HDEL', key('slots'), kind) end
end

local function drop_slots(kind, conn)
  note_slots(kind, conn, 0)
  redis.call('ZREM', key('slots', kind), conn)
end

-- How many slots are online for this kind. Connections that were not heard of for online_ms are
-- dropped first: few at a time, so that nobody waits for it.
local function slots_online(kind)
  local oldest = '(' .. (now - a.online_ms)
  local name = key('slots', kind)
  for _, conn in ipairs(redis.call('ZRANGEBYSCORE', name, '-inf', oldest, 'LIMIT', 0, CHUNK)) do
    drop_slots(kind, conn)
  end
  return tonumber(redis.call('HGET', key('slots'), kind) or '0')
end

-- Whether this connection's heartbeat is fresh: of a web process that was killed, idle ones stay
-- behind.
local function heard_of(kind, conn)
  local seen = redis.call('ZSCORE', key('slots', kind), conn)
  return seen and tonumber(seen) >= now - a.online_ms
end

-- Up to n connections that wait for this kind, and of those in `wake_first` each that does; they are no
-- longer idle.
local function wake(kind, n)
  local conns, idle = {}, key('idle', kind)
  for _, conn in ipairs(wake_first[kind] or {}) do
    if redis.call('ZREM', idle, conn) == 1 then conns[#conns + 1] = conn end
  end
  wake_first[kind] = nil
  redis.call('ZREMRANGEBYSCORE', idle, '-inf', now - a.idle_ms)
  while #conns < n do
    local popped = redis.call('ZPOPMIN', idle, math.min(n - #conns, 1000))
    if #popped == 0 then break end
    for i = 1, #popped, 2 do
      if heard_of(kind, popped[i]) then conns[#conns + 1] = popped[i] end
    end
  end
  return conns
end
