-- ARGV: chain keys. Returns nodes and the conversations that they belong to.
local nodes, conversations, seen = {}, {}, {}
for at = 1, #ARGV do
  for _, id in ipairs(redis.call('LRANGE', P .. 'alike:' .. ARGV[at], 0, -1)) do
    local node = row(id)
    if node then
      nodes[#nodes + 1] = node
      seen[node[7]] = true
    end
  end
end
for owner in pairs(seen) do
  local last = chat(owner)
  if last then conversations[#conversations + 1] = last end
end
return {nodes, conversations}
