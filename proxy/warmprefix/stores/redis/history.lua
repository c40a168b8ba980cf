-- The nodes of the chain keys in ARGV from `first` on, the conversations that they belong to, the number of the deepest
-- key that has any, and who has those.
local function history(first)
  local nodes, conversations, seen = {}, {}, {}
  local deepest, ends = 0, {}
  for at = first, #ARGV do
    for _, id in ipairs(redis.call('LRANGE', P .. 'alike:' .. ARGV[at], 0, -1)) do
      local node = row(id)
      if node then
        nodes[#nodes + 1] = node
        seen[node[7]] = true
        if deepest ~= at then deepest, ends = at, {} end
        table.insert(ends, 1, node[7])
      end
    end
  end
  for owner in pairs(seen) do
    local last = chat(owner)
    if last then conversations[#conversations + 1] = last end
  end
  return nodes, conversations, deepest - first + 1, ends
end
