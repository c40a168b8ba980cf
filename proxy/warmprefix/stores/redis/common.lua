-- What the scripts share. Names in Redis: packing.py.
local P = 'warmprefix:'
local NODE, OWNER, CONTENT, MARK = 1100, 800, 300, 250 -- bytes besides the texts: used_memory of 20,000 nodes

local function count(what, by)
  if redis.call('HINCRBY', P .. 'totals', what, by) < 0 then
    redis.call('HSET', P .. 'totals', what, 0) -- Redis has dropped something by itself
  end
end

local function stays(key, ttl_ms)
  redis.call('PEXPIRE', P .. key, ttl_ms)
end

-- One use more of bytes that never change; they are stored if they are not there.
local function take(key, raw, ttl_ms, is_message)
  if redis.call('HSETNX', P .. key, 'raw', raw) == 1 then
    count('bytes', CONTENT + #raw)
    if is_message then count('messages', 1) end
  end
  redis.call('HINCRBY', P .. key, 'uses', 1)
  stays(key, ttl_ms)
end

local function release(key, is_message)
  local raw = redis.call('HGET', P .. key, 'raw')
  if raw and redis.call('HINCRBY', P .. key, 'uses', -1) <= 0 then
    redis.call('DEL', P .. key)
    count('bytes', -CONTENT - #raw)
    if is_message then count('messages', -1) end
  end
end

-- The trail of a conversation and its landmarks; an empty one takes away what is there.
local function lead(name, trail, leaf, marks)
  local before = redis.call('HSTRLEN', P .. 'chat:' .. name, 'trail')
  local old = redis.call('SMEMBERS', P .. 'marks:' .. name)
  for _, mark in ipairs(old) do redis.call('SREM', P .. 'mark:' .. mark, name) end
  redis.call('DEL', P .. 'marks:' .. name)
  for _, mark in ipairs(marks) do
    redis.call('SADD', P .. 'mark:' .. mark, name)
    redis.call('SADD', P .. 'marks:' .. name, mark)
  end
  if trail == '' then
    redis.call('HDEL', P .. 'chat:' .. name, 'trail', 'leaf')
  else
    redis.call('HSET', P .. 'chat:' .. name, 'trail', trail, 'leaf', leaf)
  end
  count('bytes', #trail - before + MARK * (#marks - #old))
end

local function drop(id)
  local node = redis.call('HMGET', P .. 'node:' .. id, 'key', 'parent', 'content', 'owner')
  if node[4] then
    redis.call('DEL', P .. 'node:' .. id)
    redis.call('LREM', P .. 'alike:' .. node[1], 0, id)
    redis.call('SREM', P .. 'next:' .. node[2], id)
    redis.call('SREM', P .. 'owned:' .. node[4], id)
    release('text:' .. node[3], true)
    count('bytes', -NODE)
  end
end
