-- ARGV: now_s, ttl_ms, alike, refresh_s, conversation, turns, last, tools, bytes of the tools, trail (or nothing), its
-- leaf, its turn, the last turns that it goes on from (with commas), whether it is housekeeping, scope, mark of the tools,
-- what the turn has shown of whether others are outlived ('0', '1' or nothing), number of landmarks; the landmarks; then
-- for each node: id, key, parent, content, its bytes, generated, turn. Returns
-- the chain keys that have several nodes.
local LATELY = 8 -- conversations of a scope that a new one is compared with
local BRANCHES = 4 -- last turns of a conversation, as each proxy remembers (pipeline/recent.py)
local now_s, ttl_ms, most, refresh_s = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local owner, turns, tools = ARGV[5], tonumber(ARGV[6]), ARGV[8]
local trail, turn, is_side, tool_set = ARGV[10], ARGV[12], ARGV[14] == '1', ARGV[16]
local chat, owned, ends, lately = 'chat:' .. owner, 'owned:' .. owner, 'turns:' .. owner, 'lately:' .. ARGV[15]
local wrote = 'wrote:' .. owner

local marks = {}
for at = 19, 18 + tonumber(ARGV[18]) do marks[#marks + 1] = ARGV[at] end

local number = (redis.call('ZREVRANGE', P .. 'used', 0, 0, 'WITHSCORES')[2] or 0) + 1
local before = redis.call('HMGET', P .. chat, 'turns', 'tools', 'kept_s')
if not before[1] then
  count('conversations', 1)
  count('bytes', OWNER)
end
-- Compare and set: another proxy may have gone on with the conversation in the meantime.
if not before[1] or tonumber(before[1]) <= turns then
  if before[2] ~= tools then
    if tools ~= '' then take('tools:' .. tools, ARGV[9], ttl_ms, false) end
    if before[2] and before[2] ~= '' then release_tools(before[2]) end
  end
  redis.call('HSET', P .. chat, 'turns', turns, 'last', ARGV[7], 'tools', tools)
  before[2] = tools
  if trail ~= '' then
    for before in string.gmatch(ARGV[13] .. ',' .. turn, '[^,]+') do forget(owner, before) end
    redis.call('HSET', P .. 'turn:' .. turn, 'trail', trail, 'leaf', ARGV[11], 'number', number,
      'last', ARGV[7], 'tools', tools)
    if tools ~= '' then take('tools:' .. tools, ARGV[9], ttl_ms, false) end
    count('bytes', TURN + #trail)
    if redis.call('RPUSH', P .. ends, turn) > BRANCHES then forget(owner, redis.call('LINDEX', P .. ends, 0)) end
    if not is_side then
      mark(owner, marks)
      redis.call('HSET', P .. chat, 'at', turn)
    end
    redis.call('LREM', P .. lately, 0, owner)
    redis.call('LPUSH', P .. lately, owner)
    redis.call('LTRIM', P .. lately, 0, LATELY - 1)
  end
end
-- Who sends a set of tools first says how all others write it, until no conversation has it written so any more.
if tool_set ~= '' and redis.call('EXISTS', P .. 'tools:' .. tools) == 1 then
  local first = redis.call('GET', P .. 'first:' .. tool_set)
  if first and redis.call('EXISTS', P .. 'tools:' .. first) == 0 then redis.call('DEL', P .. 'first:' .. tool_set) end
  if redis.call('SET', P .. 'first:' .. tool_set, tools, 'NX') then
    first = tools
    redis.call('SADD', P .. 'firsts:' .. tools, tool_set)
    -- Also while the conversation has others, or none: what asks for a title offers no tools.
    take('tools:' .. tools, ARGV[9], ttl_ms, false)
    if redis.call('RPUSH', P .. wrote, tools) > BRANCHES then release_tools(redis.call('LPOP', P .. wrote)) end
  end
  for _, name in ipairs({'first:' .. tool_set, 'firsts:' .. first, 'tools:' .. first}) do stays(name, ttl_ms) end
end
if ARGV[17] ~= '' then redis.call('SET', P .. 'outlived', ARGV[17], 'PX', ttl_ms) end
redis.call('ZADD', P .. 'used', number, owner)
redis.call('HSET', P .. chat, 'used_s', ARGV[1])
redis.call('HDEL', P .. chat, 'leaving')

local several = {}
for at = 19 + #marks, #ARGV, 7 do
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
for _, content in ipairs(redis.call('LRANGE', P .. wrote, 0, -1)) do stays('tools:' .. content, ttl_ms) end
for _, mark in ipairs(redis.call('SMEMBERS', P .. 'marks:' .. owner)) do stays('mark:' .. mark, ttl_ms) end
for _, end_ in ipairs(redis.call('LRANGE', P .. ends, 0, -1)) do stays('turn:' .. end_, ttl_ms) end
for _, name in ipairs({chat, owned, ends, wrote, 'marks:' .. owner, lately, 'used', 'totals'}) do stays(name, ttl_ms) end
return several
