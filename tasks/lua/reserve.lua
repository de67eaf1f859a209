-- Reserve room for what a task will put into Redis, unless there is none. A second call for the
-- same task replaces what the first one reserved.
--
-- The keys, behind the base "fl:{room}:queue", which is no group's:
--   tasks     hash: task -> MessagePack list of need, left, owner, group and when (ms); `need` is
--             all that it takes until it ends, `left` what of it is not in Redis yet
--   sums      hash: 'left', 'o:<owner>' and 'g:<group>' -> bytes: of all tasks what is still to
--             come, of an owner's and a group's tasks all that they need, and after their end what
--             Redis keeps of them
--   kept      sorted set: task that has ended, by when (ms) what Redis keeps of it expires
--   partials  hash: "<group> <kind> <owner>" -> MessagePack list, bytes of partials for a subtask in
--             the owner's latest tasks
--
-- KEYS[1]: string, the base key
-- ARGV[1]: map of
--   task        string, its id
--   owner       string, id of the user that submitted it
--   group       string, its id
--   need        integer, bytes that it takes until it ends
--   left        integer, bytes of them that are not in Redis yet
--   left_max    integer, bytes that may be still to come of all tasks; left out: no limit
--   owner_max   integer, bytes that all tasks of the owner may need; left out: no limit
--   group_max   integer, bytes that all tasks of the group may need; left out: no limit
-- Returns a map:
--   reason      string: '' if it is reserved; 'room', 'owner' or 'group' if that has not enough
--   held        integer, bytes that the others hold of what is short
local old = redis.call('HGET', key('tasks'), a.task)
local need, left = 0, 0
if old then
  local was = cmsgpack.unpack(old)
  need, left = was[1], was[2]
end

-- How much the others hold, if with these bytes it were more than `most`.
local function refusal(field, before, wanted, most)
  local held = tonumber(redis.call('HGET', key('sums'), field) or '0') - before
  if most and held + wanted > most then return held end
end

local function add(field, bytes)
  if redis.call('HINCRBY', key('sums'), field, bytes) <= 0 then
    redis.call('HDEL', key('sums'), field)
  end
end

local owner, group = 'o:' .. a.owner, 'g:' .. a.group
local checks = {
  {'room', 'left', left, a.left, a.left_max},
  {'owner', owner, need, a.need, a.owner_max},
  {'group', group, need, a.need, a.group_max},
}
for _, check in ipairs(checks) do
  local held = refusal(check[2], check[3], check[4], check[5])
  if held then return cmsgpack.pack({reason = check[1], held = held}) end
end
add('left', a.left - left)
add(owner, a.need - need)
add(group, a.need - need)
redis.call('HSET', key('tasks'), a.task,
  cmsgpack.pack({a.need, a.left, a.owner, a.group, now}))
return cmsgpack.pack({reason = '', held = 0})
