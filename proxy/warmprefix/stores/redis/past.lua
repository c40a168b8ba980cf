-- ARGV: a conversation, or nothing; then landmarks, the best first. Returns the conversation with its trail, and the
-- nodes of its path, the last one first, as far as they are there.
local function found(names)
  local best, score = false, -1
  for _, name in ipairs(names) do
    local used = tonumber(redis.call('ZSCORE', P .. 'used', name) or 0)
    if used > score and redis.call('HEXISTS', P .. 'chat:' .. name, 'trail') == 1 then
      best, score = name, used
    end
  end
  return best
end

local name = ARGV[1] ~= '' and found({ARGV[1]})
for at = 2, #ARGV do
  name = name or found(redis.call('SMEMBERS', P .. 'mark:' .. ARGV[at]))
end
local last = name and chat(name)
if not last then
  return false
end
local trail = redis.call('HMGET', P .. 'chat:' .. name, 'trail', 'leaf')
local path = {}
local node = row(trail[2])
while node do
  path[#path + 1] = node
  node = row(node[3])
end
return {last, trail[1], path}
