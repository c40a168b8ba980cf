-- The last turn of a conversation that is no housekeeping: its trail and its leaf; false if it has none.
local function last_turn(name)
  local turn = redis.call('HGET', P .. 'chat:' .. name, 'at')
  local trail = turn and redis.call('HMGET', P .. 'turn:' .. turn, 'trail', 'leaf')
  return trail and trail[1] and trail
end

-- Of some conversations the last used one that has such a turn; false if none has.
local function last_used(names)
  local best, score = false, -1
  for _, name in ipairs(names) do
    local used = tonumber(redis.call('ZSCORE', P .. 'used', name) or 0)
    if used > score and last_turn(name) then
      best, score = name, used
    end
  end
  return best
end

-- Of the conversations with these landmarks in ARGV, of the first that has any; false if none has.
local function marked(first, last)
  for at = first, last do
    local name = ARGV[at] ~= '' and last_used(redis.call('SMEMBERS', P .. 'mark:' .. ARGV[at]))
    if name then return name end
  end
  return false
end
