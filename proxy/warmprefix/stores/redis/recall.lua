-- ARGV: scope, mark of the session, mark of the tools, how many of the keys must be known, whether the latest turns are
-- of use as others that have run, numbers of landmarks, of turns that are known, of ids of nodes that are known; these;
-- then chain keys. Returns what find.lua does; turns that
-- may be new to who asks, each with its trail, its number and the leaf of its path; the nodes of those paths that are
-- not among the first; the tools as they were first sent; the number of the latest turn of all; whether the backend was
-- last seen to keep what others ran behind, '0', '1' or nothing.
local MOST = 8 -- turns: a history is compared with no more of them
local marks, turns, ids = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local known, near = {}, {}
for at = 9 + marks, 8 + marks + turns do known[ARGV[at]] = true end
for at = 9 + marks + turns, 8 + marks + turns + ids do near[ARGV[at]] = true end
local nodes, conversations, deepest, names = history(9 + marks + turns + ids)

local outlived = redis.call('GET', P .. 'outlived')
local is_known = deepest >= tonumber(ARGV[4])
if not is_known then
  names = {}
  local name = marked(9, 8 + marks) or marked(2, 2)
  if name then names[1] = name end
end
if ARGV[1] ~= '' and (not is_known or (ARGV[5] == '1' and not outlived)) then
  for _, lately in ipairs(redis.call('LRANGE', P .. 'lately:' .. ARGV[1], 0, MOST - 1)) do
    names[#names + 1] = lately
  end
end

local pasts, more, parents = {}, {}, {}
for _, node in ipairs(nodes) do parents[node[1]] = node[3] end
local function send(id)
  while id and not near[id] do
    if not parents[id] then
      local node = row(id)
      if not node then return end
      more[#more + 1], parents[id] = node, node[3]
    end
    id = parents[id]
  end
end
for _, name in ipairs(names) do
  local branches = redis.call('LRANGE', P .. 'turns:' .. name, 0, -1)
  for at = #branches, 1, -1 do
    local turn = redis.call('HMGET', P .. 'turn:' .. branches[at], 'trail', 'leaf', 'number')
    if #pasts < MOST and turn[1] and not known[branches[at]] then
      known[branches[at]] = true
      pasts[#pasts + 1] = {as_of(name, 'turn:' .. branches[at]), turn[1], turn[3], turn[2]}
      send(turn[2])
    end
  end
end

local first = ARGV[3] ~= '' and redis.call('GET', P .. 'first:' .. ARGV[3])
local raw = first and redis.call('HGET', P .. 'tools:' .. first, 'raw')
local number = redis.call('ZREVRANGE', P .. 'used', 0, 0, 'WITHSCORES')[2] or 0
return {nodes, conversations, pasts, more, raw and {first, raw}, number, outlived}
