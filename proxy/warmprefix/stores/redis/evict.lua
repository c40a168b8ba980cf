-- ARGV: now_s, max_age_s, max_bytes, ttl_ms, most. Drops the oldest conversation if the limits ask for it, never the
-- newest, at most so many of its nodes at a time; returns its id. What leads to messages of others passes to the last
-- used of those.
local oldest = redis.call('ZRANGE', P .. 'used', 0, 1)
local name = oldest[1]
local bytes = tonumber(redis.call('HGET', P .. 'totals', 'bytes') or 0)
if #oldest < 2 then
  return false
end
local chat = redis.call('HMGET', P .. 'chat:' .. name, 'used_s', 'tools', 'leaving')
local is_old = chat[3] or not chat[1] or tonumber(ARGV[1]) - tonumber(chat[1]) > tonumber(ARGV[2])
if not is_old and bytes <= tonumber(ARGV[3]) then
  return false
end

local ids = redis.call('SMEMBERS', P .. 'owned:' .. name)
local heirs, scores = {}, {}
for _, id in ipairs(ids) do
  for _, child in ipairs(redis.call('SMEMBERS', P .. 'next:' .. id)) do
    local heir = redis.call('HGET', P .. 'node:' .. child, 'owner')
    if heir and heir ~= name then
      local score = tonumber(redis.call('ZSCORE', P .. 'used', heir) or 0)
      local at = {name, id}
      while at[1] == name and (scores[at[2]] or -1) < score do
        heirs[at[2]], scores[at[2]] = heir, score
        local parent = redis.call('HGET', P .. 'node:' .. at[2], 'parent')
        at = {parent and redis.call('HGET', P .. 'node:' .. parent, 'owner'), parent}
      end
    end
  end
end
local dropped, left = 0, 0
for _, id in ipairs(ids) do
  local heir = heirs[id]
  if heir then
    local node = redis.call('HMGET', P .. 'node:' .. id, 'key', 'parent', 'content')
    redis.call('HSET', P .. 'node:' .. id, 'owner', heir)
    redis.call('SADD', P .. 'owned:' .. heir, id)
    for _, key in ipairs({'node:' .. id, 'alike:' .. (node[1] or ''), 'next:' .. (node[2] or ''),
      'text:' .. (node[3] or ''), 'owned:' .. heir}) do
      stays(key, ARGV[4])
    end
  elseif dropped < tonumber(ARGV[5]) then
    drop(id)
    dropped = dropped + 1
  else
    left = left + 1
  end
end
if left > 0 then
  if chat[1] then redis.call('HSET', P .. 'chat:' .. name, 'leaving', 1) end
  redis.call('ZADD', P .. 'used', 0, name)
  return name
end
mark(name, {})
forget_all(name)
for _, content in ipairs(redis.call('LRANGE', P .. 'wrote:' .. name, 0, -1)) do release_tools(content) end
redis.call('DEL', P .. 'wrote:' .. name)
redis.call('DEL', P .. 'chat:' .. name, P .. 'owned:' .. name)
redis.call('ZREM', P .. 'used', name)
if chat[2] and chat[2] ~= '' then release_tools(chat[2]) end
if chat[1] then
  count('conversations', -1)
  count('bytes', -OWNER)
end
if redis.call('ZCARD', P .. 'used') == 1 then
  -- Whatever Redis has dropped by itself, now it is easy to count what is left.
  local left = redis.call('ZRANGE', P .. 'used', 0, 0)[1]
  local sum, messages, seen = OWNER, 0, {}
  for _, id in ipairs(redis.call('SMEMBERS', P .. 'owned:' .. left)) do
    local content = redis.call('HGET', P .. 'node:' .. id, 'content')
    sum = sum + (content and NODE or 0)
    if content and not seen[content] then
      seen[content], messages = true, messages + 1
      sum = sum + CONTENT + redis.call('HSTRLEN', P .. 'text:' .. content, 'raw')
    end
  end
  local sets = {[redis.call('HGET', P .. 'chat:' .. left, 'tools') or ''] = true}
  for _, turn in ipairs(redis.call('LRANGE', P .. 'turns:' .. left, 0, -1)) do
    local last = redis.call('HMGET', P .. 'turn:' .. turn, 'trail', 'tools')
    sum = sum + TURN + #(last[1] or '')
    sets[last[2] or ''] = true
  end
  for _, content in ipairs(redis.call('LRANGE', P .. 'wrote:' .. left, 0, -1)) do sets[content] = true end
  sets[''] = nil
  for tools in pairs(sets) do sum = sum + CONTENT + redis.call('HSTRLEN', P .. 'tools:' .. tools, 'raw') end
  sum = sum + MARK * redis.call('SCARD', P .. 'marks:' .. left)
  redis.call('HSET', P .. 'totals', 'conversations', 1, 'messages', messages, 'bytes', sum)
end
return name
