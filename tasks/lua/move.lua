-- Move keys of a group that a release before formats were numbered has made to where they are now.
-- Whatever is there already stays, so that a second run changes nothing. Connections are not moved:
-- their workers come back. Where a task was, a text stays for a while, on which the scripts of those
-- releases fail: a process of theirs that still runs must not take the task for lost.
--
-- KEYS[1]: string, the group's base key
-- ARGV[1]: map of
--   parts       list of strings, the keys behind "fl:{<group id>}:"
--   warning     string, the text
--   warning_ms  integer, ms that it stays
-- Returns a map:
--   moved       integer, how many keys were moved
local PRESENCE = {workers = true, slots = true, slots_of = true, idle = true, wants = true, resting = true}
local group, moved = string.sub(base, 1, -#':queue' - 1), 0

for _, part in ipairs(a.parts) do
  local old, is_task = group .. ':' .. part, string.match(part, '^t:[^:]+$')
  if PRESENCE[string.match(part, '^[^:]+')] then
    redis.call('UNLINK', old)
  elseif redis.call('EXISTS', old) == 1 and not (is_task and redis.call('TYPE', old).ok == 'string') then
    moved = moved + redis.call('RENAMENX', old, base .. ':' .. part)
    if is_task then redis.call('SET', old, a.warning, 'NX', 'PX', a.warning_ms) end
  end
end
return cmsgpack.pack({moved = moved})
