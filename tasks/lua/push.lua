-- Take one batch of a split, if exactly `first` subtasks are split already: two splitting jobs push nothing twice.
-- args: task first (index of the batch's first subtask) last ('1': the split ends with this batch) idle_ms
-- ARGV[2..]: payloads, never empty
-- returns {'taken' | 'elsewhere' | 'gone', split, complete ('1' | '0'), {connections to wake}}
local name = key('t', a.task)
local t = hash(name)
if not t.state then return {'gone', 0, '0', {}} end
if tonumber(t.split) ~= a.first or t.ended == '1' then return {'elsewhere', tonumber(t.split), '0', {}} end
local indices, pairs_ = {}, {}
for i = 2, #ARGV do
  local subtask = a.first + i - 2
  indices[#indices + 1] = subtask
  pairs_[#pairs_ + 1] = subtask
  pairs_[#pairs_ + 1] = ARGV[i]
end
set_many(key('t', a.task, 'payloads'), pairs_)
each_chunk(indices, function(...) redis.call('RPUSH', key('t', a.task, 'wait'), ...) end)
t.split, t.ended = a.first + #indices, a.last
redis.call('HSET', name, 'split', t.split, 'ended', t.ended, 'split_at', now)
if a.last == '1' then record(a.task, 'split', '', '', t.split, 0) end
relist(a.task, t)
return {'taken', t.split, is_complete(a.task, t) and '1' or '0', t.state == 'open' and wake(t.kind, #indices) or {}}
