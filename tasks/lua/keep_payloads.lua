-- The payloads of parts that are to be checked and lack them. A check waits when it has all.
--
-- KEYS[1]: string, the group's base key
-- ARGV[1]: map of
--   task    string, its id
--   pieces  list of {number, subtasks, whole}: an integer, indices within the task, and whether the
--           check of the part has all its payloads with these
--   idle_ms, online_ms, reserved_ms  see _common.lua
-- ARGV[2..]: bytes, the payloads, in the same order
-- Returns a map:
--   wake    list of strings, connections to wake
local t, place, whole = hash(key('t', a.task)), 1, 0
for _, piece in ipairs(a.pieces) do
  local number, subtasks, is_whole = piece[1], piece[2], piece[3]
  local kept = {}
  for i, subtask in ipairs(subtasks) do
    kept[#kept + 1], kept[#kept + 2] = subtask, ARGV[place + i]
  end
  place = place + #subtasks
  -- not of a part that was taken out meanwhile, or that another job was faster with
  if redis.call('SISMEMBER', key('t', a.task, 'lacking'), number) == 1 then
    set_many(key('t', a.task, 'kept'), kept)
    if is_whole then
      redis.call('SREM', key('t', a.task, 'lacking'), number)
      if not is_ready(a.task, number) then
        let_check_wait(a.task, t, number, read_check(a.task, number))
      end
      whole = whole + 1
    end
  end
end
return cmsgpack.pack({wake = whole > 0 and wake(t.kind, math.max(whole, SOME)) or {}})
