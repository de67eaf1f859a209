-- A worker gives subtasks of its lease back undone. No failure, no loss.
-- args: lease worker subtasks (list) losses_max memory_ms idle_ms
-- returns {'accepted', {connections to wake}} or {'refused', reason}
local rec = lease_of(a.lease)
if not rec or rec.worker ~= a.worker then return {'refused', 'unknown_lease'} end
local t = hash(key('t', rec.task))
if not t.state then return {'refused', 'task_closed'} end
local owed, gone = {}, {}
for _, subtask in ipairs(rec.list) do owed[subtask] = true end
for _, subtask in ipairs(a.subtasks) do
  if not owed[subtask] then return {'refused', 'not_in_lease'} end
  owed[subtask], gone[subtask] = nil, true
end
local back = rec.active == '1' and give_back(rec, t, a.subtasks, 'released') or 0
owe_less(rec, gone)
return {'accepted', wake(t.kind, back)}
