-- ARGV: chain keys. Returns nodes and the conversations that they belong to. A node whose text is gone is left out.
local P = 'warmprefix:'
local nodes, conversations, seen = {}, {}, {}
for at = 1, #ARGV do
  for _, id in ipairs(redis.call('LRANGE', P .. 'alike:' .. ARGV[at], 0, -1)) do
    local node = redis.call(
      'HMGET', P .. 'node:' .. id, 'parent', 'content', 'generated', 'owner', 'turn')
    local raw = node[2] and redis.call('HGET', P .. 'text:' .. node[2], 'raw')
    if raw then
      nodes[#nodes + 1] = {id, ARGV[at], node[1], node[2], raw, node[3], node[4], node[5]}
      seen[node[4]] = true
    end
  end
end
for owner in pairs(seen) do
  local last = redis.call('HMGET', P .. 'chat:' .. owner, 'last', 'tools')
  if last[1] then
    local tools = last[2] ~= '' and redis.call('HGET', P .. 'tools:' .. last[2], 'raw')
    conversations[#conversations + 1] = {owner, last[1], last[2], tools}
  end
end
return {nodes, conversations}
