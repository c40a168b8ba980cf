-- What the scripts share that only read.
local P = 'warmprefix:'

-- A node and its text; false if either is gone.
local function row(id)
  local node = redis.call(
    'HMGET', P .. 'node:' .. id, 'key', 'parent', 'content', 'generated', 'owner', 'turn')
  local raw = node[3] and redis.call('HGET', P .. 'text:' .. node[3], 'raw')
  return raw and {id, node[1], node[2], node[3], raw, node[4], node[5], node[6]}
end

-- A conversation as of a turn, with its tools; false if that is gone. `key`: chat:NAME, or turn:ID.
local function as_of(name, key)
  local last = redis.call('HMGET', P .. key, 'last', 'tools')
  local tools = last[1] and last[2] ~= '' and redis.call('HGET', P .. 'tools:' .. last[2], 'raw')
  return last[1] and {name, last[1], last[2], tools}
end

local function chat(name)
  return as_of(name, 'chat:' .. name)
end
