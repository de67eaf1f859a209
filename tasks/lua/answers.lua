-- The answers to a task's checks that are to be compared.
--
-- KEYS[1]: string, the group's base key
-- ARGV[1]: map of
--   task      string, its id
--   most      integer, checks at most
--   bytes_max integer, bytes of partials after which no more checks are added
--   all       boolean: of every check that is not settled, not only of those that are ready
--   online_ms  see _common.lua
-- Returns a list. First a map:
--   checks    list of maps:
--     number    integer, of the part
--     others    boolean: an owner who is online could be asked still
--     part      whose it is, see `pack_part` in _leases.lua
--     canary    boolean: what the part says is known
--     answered  integer, how many owners have answered
--     pieces    list of what they answered, each like a part
-- behind it, as they are, for each of these checks: the part's partial (bytes), and those of its
-- pieces
local t = hash(key('t', a.task))
local rows, raws, bytes = {}, {}, 0

local function add(number, check)
  local packed = redis.call('LINDEX', key('t', a.task, 'parts'), number)
  if not packed then return end  -- of a task that has failed for want of room
  local part = cmsgpack.unpack(packed)
  rows[#rows + 1] = {
    number = tonumber(number), part = part, answered = #check.answered, pieces = check.pieces,
    canary = check.canary or false,
    others = not is_given_up(check)
      and somebody_to_ask(a.task, t, part[PART_OWNER], check.answered),
  }
  raws[#raws + 1] = redis.call('LINDEX', key('t', a.task, 'partials'), number)
  bytes = bytes + #raws[#raws]
  for place = 1, #check.pieces do
    raws[#raws + 1] = redis.call('HGET', key('t', a.task, 'answers'), piece_name(number, place))
    bytes = bytes + #raws[#raws]
  end
end

if t.state then
  local numbers = a.all and redis.call('HKEYS', key('t', a.task, 'check_state'))
    or redis.call('SMEMBERS', key('t', a.task, 'ready'))
  for _, number in ipairs(numbers) do
    if #rows >= a.most or bytes >= a.bytes_max then break end
    local check = read_check(a.task, number)
    if check then add(number, check) end
  end
end
local reply = {cmsgpack.pack({checks = rows})}
for _, raw in ipairs(raws) do reply[#reply + 1] = raw end
return reply
