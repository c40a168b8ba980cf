-- ARGV: holder, ttl_ms, then names. Takes each lease that nobody holds, and prolongs those of the holder. Returns for each
-- 2 if it was the holder's or given up, 1 if nobody was known to hold it, 0 if it is another's.
local held = {}
for at = 3, #ARGV do
  local key = 'warmprefix:lease:' .. ARGV[at]
  local holder = redis.call('GET', key)
  local is_free = not holder or holder == '' or holder == ARGV[1]
  if is_free then redis.call('SET', key, ARGV[1], 'PX', ARGV[2]) end
  held[#held + 1] = is_free and (holder and 2 or 1) or 0
end
return held
