-- Shared by every script of the queue, between _common.lua and _leases.lua: an owner whose workers do
-- a creator's tasks more harm than good is set aside from them for a while, as long as somebody
-- better is online. What happens to an owner's own tasks is their own affair.

-- Strikes. Each subtask that is done takes one away, so a failure costs ten of them.
local STRIKES = {
  failure = 10,
  loss = 2,  -- a lease whose worker vanished, or that was late and done by others
  release = 1,  -- a lease given back; a worker that stops gives back one for each slot
  bad_partial = 110,  -- the longest time straight away
  free = 10,  -- that have no consequence: anybody may fail once
  kept = 120,
  credit = 20,  -- what can be earned beforehand
}

local aside_of = {}  -- "<owner> <creator>" -> what `standing_with` found
local takers_of = {}  -- task -> what `takers` in _leases.lua found, which hangs on it

-- What the owner has done to tasks of this creator: {strikes, until = ms until when set aside}.
local function standing_with(owner, creator)
  local id = owner .. ' ' .. creator
  if not aside_of[id] then
    local known = redis.call('HMGET', key('strikes', owner), creator, creator .. ':until')
    aside_of[id] = {strikes = tonumber(known[1] or '0'), ['until'] = tonumber(known[2] or '0')}
  end
  return aside_of[id]
end

local function is_aside(owner, creator) return standing_with(owner, creator)['until'] > now end

-- Once set aside, and not made up for yet.
local function is_on_probation(owner, creator)
  return standing_with(owner, creator).strikes > STRIKES.free
end

local function note_strikes(owner, creator, strikes, ...)
  redis.call('HSET', key('strikes', owner), creator, strikes, ...)
  redis.call('PEXPIRE', key('strikes', owner), a.memory_ms)
  aside_of[owner .. ' ' .. creator], takers_of = nil, {}
end

-- Owners on probation with anybody do not count among those that want work: nothing is kept for
-- them.
local function is_doubtful(owner)
  return tonumber(redis.call('ZSCORE', key('doubtful'), owner) or '0') > now
end

-- The owner's worker did harm to a task, whose state is `t`. The first time they are set aside for
-- aside_ms; each further failure doubles it, up to barred_ms.
local function strike(owner, t, n)
  local creator = t.creator
  if owner == creator then return end
  local strikes = math.min(standing_with(owner, creator).strikes + n, STRIKES.kept)
  if strikes <= STRIKES.free then return note_strikes(owner, creator, strikes) end
  local ms = math.min(a.aside_ms * 2 ^ (math.ceil(strikes / STRIKES.free) - 2), a.barred_ms)
  note_strikes(owner, creator, strikes, creator .. ':until', now + ms)
  redis.call('ZADD', key('doubtful'), now + a.memory_ms, owner)
  redis.call('ZREMRANGEBYSCORE', key('doubtful'), '-inf', now)
  redis.call('ZREM', key('wants', t.kind), owner)
end

-- The owner's worker has done n subtasks of a task.
local function make_up(owner, t, n)
  local creator = t.creator
  local strikes = standing_with(owner, creator).strikes
  if owner == creator or strikes == -STRIKES.credit then return end
  local left = math.max(strikes - n, -STRIKES.credit)
  note_strikes(owner, creator, left)
  if strikes > STRIKES.free and left <= STRIKES.free then
    redis.call('ZREM', key('doubtful'), owner)
  end
end

-- Whether a worker of another owner takes tasks of this kind, is online, and is not set aside from
-- this creator's.
local function somebody_better(owner, kind, creator)
  local workers, online_since = key('workers', kind), now - a.online_ms
  for first = 0, LOOK_TAKERS - 1, FEW do
    local members = redis.call(
      'ZRANGEBYSCORE', workers, online_since, '+inf', 'LIMIT', first, FEW
    )
    for _, member in ipairs(members) do
      local other = string.match(member, '%S*$')
      if other ~= owner and not is_aside(other, creator) then return true end
    end
    if #members < FEW then return false end
  end
  return false
end
