-- Take parts of a task out again, because they are wrong: their subtasks count as done no more, and
-- are to be done anew by others. Their payloads are gone; `restore` puts them back. Of a task whose
-- result is being delivered nothing is taken out, except by whoever is about to deliver it: by number.
--
-- KEYS[1]: string, the group's base key
-- ARGV[1]: map of
--   task      string, its id
--   parts     list of integers, numbers of parts, 0-based
--   owner     string, an id: all parts of this owner, too; '': of nobody
--   message   string, for people: what is wrong
--   why       string, its start for the log (Lua would cut within a character)
--   losses_max, memory_ms, idle_ms, online_ms, aside_ms, barred_ms, reserved_ms  see _common.lua
-- Returns a map:
--   taken     integer, how many parts were taken out; the others were out already
--   subtasks  integer, how many subtasks are to be done anew
--   sealed    boolean: it is too late, see seal.lua
local t = hash(key('t', a.task))
local is_sealed = t.sealed == '1' and a.owner ~= ''
if not t.state or is_sealed then
  return cmsgpack.pack({taken = 0, subtasks = 0, sealed = is_sealed})
end

local taken, subtasks = 0, 0
local function take(number)
  local n = redo_part(a.task, t, number, a.message)
  if n > 0 then taken, subtasks = taken + 1, subtasks + n end
end

for _, number in ipairs(a.parts) do take(number) end
if a.owner ~= '' then
  for place, packed in ipairs(redis.call('LRANGE', key('t', a.task, 'parts'), 0, -1)) do
    if cmsgpack.unpack(packed)[PART_OWNER] == a.owner then take(place - 1) end
  end
end
if taken > 0 then
  redis.call('HDEL', key('t', a.task), 'sealed')
  doubt_decision(a.task)
end
return cmsgpack.pack({taken = taken, subtasks = subtasks, sealed = false})
