-- What the scripts share. Names in Redis: packing.py.
local P = 'warmprefix:'
local NODE, OWNER, CONTENT, MARK, TURN = 1100, 800, 300, 250, 400 -- bytes besides the texts: used_memory of 20,000 nodes

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

-- One use less of a set of tools. With its bytes goes what says that they were sent first.
local function release_tools(content)
  release('tools:' .. content, false)
  if redis.call('EXISTS', P .. 'tools:' .. content) == 0 then
    for _, mark in ipairs(redis.call('SMEMBERS', P .. 'firsts:' .. content)) do
      redis.call('DEL', P .. 'first:' .. mark)
    end
    redis.call('DEL', P .. 'firsts:' .. content)
  end
end

-- The landmarks of a conversation, in the place of those it has.
local function mark(name, marks)
  local old = redis.call('SMEMBERS', P .. 'marks:' .. name)
  for _, key in ipairs(old) do redis.call('SREM', P .. 'mark:' .. key, name) end
  redis.call('DEL', P .. 'marks:' .. name)
  for _, key in ipairs(marks) do
    redis.call('SADD', P .. 'mark:' .. key, name)
    redis.call('SADD', P .. 'marks:' .. name, key)
  end
  count('bytes', MARK * (#marks - #old))
end

-- A last turn of a conversation leaves.
local function forget(name, turn)
  if redis.call('LREM', P .. 'turns:' .. name, 0, turn) > 0 then
    local key = P .. 'turn:' .. turn
    count('bytes', -TURN - redis.call('HSTRLEN', key, 'trail'))
    local tools = redis.call('HGET', key, 'tools')
    if tools and tools ~= '' then release_tools(tools) end
    redis.call('DEL', key)
  end
end

local function forget_all(name)
  for _, turn in ipairs(redis.call('LRANGE', P .. 'turns:' .. name, 0, -1)) do forget(name, turn) end
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
