-- ARGV: holder, ttl_ms, then names. Whoever wants one of these leases next need not wait for it to expire.
for at = 3, #ARGV do
  local key = 'warmprefix:lease:' .. ARGV[at]
  if redis.call('GET', key) == ARGV[1] then redis.call('SET', key, '', 'PX', ARGV[2]) end
end
return 1
