-- Subtasks whose results were taken out wait again, with their payloads made anew.
--
-- KEYS[1]: string, the group's base key
-- ARGV[1]: map of
--   task      string, its id
--   subtasks  list of integers, indices within the task
--   idle_ms, online_ms  see _common.lua
-- ARGV[2..]: bytes, their payloads, in the same order
-- Returns a map:
--   wake      list of strings, connections to wake
local t = hash(key('t', a.task))
if not t.state then return cmsgpack.pack({wake = {}}) end
-- What was done while it waited is still listed, until its turn comes: subtask -> in which list.
local listed = {}
for _, list in ipairs({'wait', 'again'}) do
  for _, subtask in ipairs(redis.call('LRANGE', key('t', a.task, list), 0, -1)) do
    listed[tonumber(subtask)] = list
  end
end
local wait, again, payloads = {}, {}, {}
for i, subtask in ipairs(a.subtasks) do
  if redis.call('SREM', key('t', a.task, 'redo'), subtask) == 1 then
    -- one that was lost or failed before is not for whoever did that
    local is_blamed = redis.call('HEXISTS', key('t', a.task, 'blame'), subtask) == 1
    if is_blamed and listed[subtask] ~= 'again' then
      redis.call('LREM', key('t', a.task, 'wait'), 1, subtask)
      again[#again + 1] = subtask
    elseif not listed[subtask] then
      wait[#wait + 1] = subtask
    end
    payloads[#payloads + 1], payloads[#payloads + 2] = subtask, ARGV[i + 1]
  end
end
set_many(key('t', a.task, 'payloads'), payloads)
each_chunk(wait, function(...) redis.call('RPUSH', key('t', a.task, 'wait'), ...) end)
each_chunk(again, function(...) redis.call('RPUSH', key('t', a.task, 'again'), ...) end)
relist(a.task, t)
return cmsgpack.pack({wake = t.state == 'open' and wake(t.kind, #payloads / 2) or {}})
