-- ARGV: now_s, ttl_ms, alike, refresh_s, conversation, turns, last, tools, bytes of the tools, trail (or nothing), its
-- leaf, number of landmarks; the landmarks; then for each node: id, key, parent, content, its bytes, generated, turn.
-- Returns the chain keys that have several nodes.
local now_s, ttl_ms, most, refresh_s = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local owner, tools = ARGV[5], ARGV[8]
local chat, owned = 'chat:' .. owner, 'owned:' .. owner

local marks = {}
for at = 13, 12 + tonumber(ARGV[12]) do marks[#marks + 1] = ARGV[at] end

local before = redis.call('HMGET', P .. chat, 'turns', 'tools', 'kept_s')
if not before[1] then
  count('conversations', 1)
  count('bytes', OWNER)
end
-- Compare and set: another proxy may have gone on with the conversation in the meantime.
if not before[1] or tonumber(before[1]) <= tonumber(ARGV[6]) then
  if before[2] ~= tools then
    if tools ~= '' then take('tools:' .. tools, ARGV[9], ttl_ms, false) end
    if before[2] and before[2] ~= '' then release('tools:' .. before[2], false) end
  end
  redis.call('HSET', P .. chat, 'turns', ARGV[6], 'last', ARGV[7], 'tools', tools)
  before[2] = tools
  if ARGV[10] ~= '' then lead(owner, ARGV[10], ARGV[11], marks) end
end
local newest = redis.call('ZREVRANGE', P .. 'used', 0, 0, 'WITHSCORES')[2] or 0
redis.call('ZADD', P .. 'used', newest + 1, owner)
redis.call('HSET', P .. chat, 'used_s', ARGV[1])
redis.call('HDEL', P .. chat, 'leaving')

local several = {}
for at = 13 + #marks, #ARGV, 7 do
  local id, key, parent, content = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local generated = ARGV[at + 5]
  local node, text = 'node:' .. id, 'text:' .. content
  local known = redis.call('HMGET', P .. node, 'owner', 'generated')
  if not known[1] then
    take(text, ARGV[at + 4], ttl_ms, true)
    count('bytes', NODE)
  else
    if known[2] == '1' then generated = '1' end
    redis.call('SREM', P .. 'owned:' .. known[1], id)
    if redis.call('EXISTS', P .. text) == 0 then take(text, ARGV[at + 4], ttl_ms, true) end
  end
  if not redis.call('LPOS', P .. 'alike:' .. key, id) then redis.call('RPUSH', P .. 'alike:' .. key, id) end
  redis.call('HSET', P .. node, 'key', key, 'parent', parent, 'content', content,
    'generated', generated, 'owner', owner, 'turn', ARGV[at + 6])
  redis.call('SADD', P .. 'next:' .. parent, id)
  redis.call('SADD', P .. owned, id)
  local alike = redis.call('LLEN', P .. 'alike:' .. key)
  for _ = most + 1, alike do
    local oldest = redis.call('LPOP', P .. 'alike:' .. key)
    drop(oldest)
  end
  if alike > 1 then several[#several + 1] = key end
  for _, name in ipairs({node, 'alike:' .. key, 'next:' .. parent, text}) do stays(name, ttl_ms) end
end

-- What a conversation in use was made of long ago stays too.
if math.abs(now_s - tonumber(before[3] or -1e300)) > refresh_s then
  for _, id in ipairs(redis.call('SMEMBERS', P .. owned)) do
    local node = redis.call('HMGET', P .. 'node:' .. id, 'key', 'parent', 'content')
    if node[1] then
      for _, name in ipairs({'node:' .. id, 'alike:' .. node[1], 'next:' .. node[2], 'text:' .. node[3]}) do
        stays(name, ttl_ms)
      end
    end
  end
  redis.call('HSET', P .. chat, 'kept_s', ARGV[1])
end
if before[2] and before[2] ~= '' then stays('tools:' .. before[2], ttl_ms) end
for _, mark in ipairs(redis.call('SMEMBERS', P .. 'marks:' .. owner)) do stays('mark:' .. mark, ttl_ms) end
for _, name in ipairs({chat, owned, 'marks:' .. owner, 'used', 'totals'}) do stays(name, ttl_ms) end
return several
