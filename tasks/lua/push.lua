-- Take one batch of a split, if exactly `first` subtasks are split already: two splitting jobs push
-- nothing twice.
--
-- KEYS[1]: string, the group's base key
-- ARGV[1]: map of
--   task      string, its id
--   first     integer, index of the batch's first subtask
--   last      boolean: the split ends with this batch
--   idle_ms, online_ms  see _common.lua
-- ARGV[2..]: bytes, payloads, never empty
-- Returns a map:
--   taken     boolean
--   gone      boolean: the task has no state, it ended meanwhile
--   split     integer, how many subtasks are split now
--   complete  boolean: nothing more can change the task's outcome
--   wake      list of strings, connections to wake
local name = key('t', a.task)
local t = hash(name)
local function answer(taken, complete, conns)
  return cmsgpack.pack({
    taken = taken, gone = not t.state, split = tonumber(t.split or 0), complete = complete,
    wake = conns,
  })
end

local expected = t.state and tonumber(t.split) == a.first and t.ended ~= '1'
if not expected then return answer(false, false, {}) end
local indices, pairs_ = {}, {}
for i = 2, #ARGV do
  local subtask = a.first + i - 2
  indices[#indices + 1] = subtask
  pairs_[#pairs_ + 1] = subtask
  pairs_[#pairs_ + 1] = ARGV[i]
end
set_many(key('t', a.task, 'payloads'), pairs_)
each_chunk(indices, function(...) redis.call('RPUSH', key('t', a.task, 'wait'), ...) end)
t.split, t.ended = a.first + #indices, flag(a.last)
redis.call('HSET', name, 'split', t.split, 'ended', t.ended, 'split_at', now)
if a.last then record(a.task, 'split', '', '', t.split, 0) end
relist(a.task, t)
local woken = t.state == 'open' and wake(t.kind, #indices) or {}
return answer(true, is_complete(a.task, t), woken)
