-- A connection was woken but is busy: name another one for the work that still waits.
--
-- KEYS[1]: string, the group's base key
-- ARGV[1]: map of
--   kinds     list of strings, "NAME@version"
--   idle_ms, online_ms  see _common.lua
-- Returns a map:
--   wake      list of strings, connections to wake: at most one
for _, kind in ipairs(a.kinds) do
  local conns = has_work(kind) and wake(kind, 1) or {}
  if #conns > 0 then return cmsgpack.pack({wake = conns}) end
end
return cmsgpack.pack({wake = {}})
