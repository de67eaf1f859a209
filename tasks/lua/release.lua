-- A worker gives subtasks of its lease back undone. No failure, no loss. Of a check all goes back:
-- half an answer is none.
--
-- KEYS[1]: string, the group's base key
-- ARGV[1]: map of
--   lease     string, its id
--   worker    string, the sender's id
--   subtasks  list of integers, indices within the task
--   losses_max, memory_ms, idle_ms, online_ms  see _common.lua
-- Returns a map, if they were taken back:
--   wake      list of strings, connections to wake
-- or, if refused:
--   reason    string: 'unknown_lease', 'not_a_member', 'task_closed' or 'not_in_lease'
--   open      list of integers, those of the subtasks that can be given back
local rec = lease_of(a.lease)
if not rec or rec.worker ~= a.worker then return refused('unknown_lease') end
if rec.revoked then return refused('not_a_member') end
local t = hash(key('t', rec.task))
if not t.state then return refused('task_closed') end
local owed, gone, open = {}, {}, {}
for _, subtask in ipairs(rec.list) do owed[subtask] = true end
for _, subtask in ipairs(a.subtasks) do
  if owed[subtask] then open[#open + 1] = subtask end
  owed[subtask], gone[subtask] = nil, true
end
if #open < #a.subtasks then return refused('not_in_lease', open) end
local back = rec.active == '1' and give_back(rec, t, a.subtasks, 'released') or 0
if not rec.check then owe_less(rec, gone) end
strike(rec.owner, t, STRIKES.release)
return cmsgpack.pack({wake = wake(t.kind, back)})
