-- ARGV: a conversation, or nothing; then landmarks, the best first. Returns the conversation with its trail, and the
-- nodes of its path, the last one first, as far as they are there.
local name = ARGV[1] ~= '' and last_used({ARGV[1]}) or marked(2, #ARGV)
local last = name and chat(name)
if not last then
  return false
end
local trail = last_turn(name)
local path = {}
local node = row(trail[2])
while node do
  path[#path + 1] = node
  node = row(node[3])
end
return {last, trail[1], path}
