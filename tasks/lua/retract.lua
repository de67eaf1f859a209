-- Take parts of a task out again, because they are wrong: their subtasks count as done no more, and
-- are to be done anew by others. Their payloads are gone; `restore` puts them back.
--
-- KEYS[1]: string, the group's base key
-- ARGV[1]: map of
--   task      string, its id
--   parts     list of integers, numbers of parts, 0-based
--   message   string, for people: what is wrong
--   losses_max, memory_ms, idle_ms, online_ms, aside_ms, barred_ms  see _common.lua
-- Returns a map:
--   taken     integer, how many parts were taken out; the others were out already
--   subtasks  integer, how many subtasks are to be done anew
local t = hash(key('t', a.task))
if not t.state then return cmsgpack.pack({taken = 0, subtasks = 0}) end

local function take_out(number)
  local packed = redis.call('LINDEX', key('t', a.task, 'parts'), number)
  if not packed or redis.call('SADD', key('t', a.task, 'out'), number) == 0 then return 0 end
  local part = read_part(packed)
  local bytes = #redis.call('LINDEX', key('t', a.task, 'partials'), number)
  redis.call('LSET', key('t', a.task, 'partials'), number, '')
  forget_bytes(a.task, t.creator, part.owner, bytes)
  local n = #part.subtasks
  redis.call('HINCRBY', key('t', a.task), 'done', -n)
  redis.call('HINCRBY', key('t', a.task, 'holds'), part.owner .. ':done', -n)
  redis.call('HINCRBY', key('t', a.task, 'work'), part.worker .. ':subtasks', -n)
  redis.call('HINCRBY', key('t', a.task, 'work'), part.worker .. ':failures', 1)
  each_chunk(part.subtasks, function(...) redis.call('SADD', key('t', a.task, 'redo'), ...) end)
  strike(part.owner, t, BAD_PARTIAL)
  note_failure(
    a.task, failure(part.subtasks[1], part.worker, 'bad_partial', a.message, ''), false
  )
  record(a.task, 'taken_out', part.worker, part.lease, n, 0, number)
  return n
end

local taken, subtasks = 0, 0
for _, number in ipairs(a.parts) do
  local n = take_out(number)
  if n > 0 then taken, subtasks = taken + 1, subtasks + n end
end
if taken > 0 then redis.call('HSET', key('t', a.task), 'decided', '0') end
relist(a.task, hash(key('t', a.task)))
return cmsgpack.pack({taken = taken, subtasks = subtasks})
