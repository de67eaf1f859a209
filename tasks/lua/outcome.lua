-- What a task has come to, read in one go: nothing can be accepted between the question and the
-- partials.
--
-- KEYS[1]: string, the group's base key
-- ARGV[1]: map of
--   task      string, its id
-- Returns a list. First nil if the task has no state, else a map:
--   complete  boolean: nothing more can change this
--   decided   boolean: a partial settled the whole task
--   broken    boolean: a subtask failed permanently, and partial results are not allowed
--   split, done, failed  integers, subtasks
--   taken_out  integer, subtasks whose results were taken out again
--   sealed    boolean: an attempt before this one was about to deliver this
--   blame     the last error of a subtask, see `failure` in _leases.lua; absent if there was none
--   work      map, see `work_of` in _leases.lua; absent if nobody did anything
--   missing   list of integers, the first thousand subtasks that failed permanently
-- behind it, as they are, if complete: the accepted partials (bytes), "" for those taken out, and
-- as many parts, see `pack_part` in _leases.lua
local name = key('t', a.task)
local t = hash(name)
if not t.state then return {cmsgpack.pack(nil)} end
local complete = is_complete(a.task, t)
local missing = {}
for i, subtask in ipairs(redis.call('LRANGE', key('t', a.task, 'missing'), 0, 999)) do
  missing[i] = tonumber(subtask)
end
local reply = {cmsgpack.pack({
  complete = complete, decided = t.decided == '1', broken = t.broken == '1',
  split = tonumber(t.split), done = tonumber(t.done), failed = tonumber(t.failed),
  taken_out = tonumber(t.taken_out or '0'), sealed = t.sealed == '1',
  blame = t.error and cmsgpack.unpack(t.error), work = work_of(a.task), missing = missing,
})}
if complete then
  for _, list in ipairs({'partials', 'parts'}) do
    for _, bytes in ipairs(redis.call('LRANGE', key('t', a.task, list), 0, -1)) do
      reply[#reply + 1] = bytes
    end
  end
end
return reply
