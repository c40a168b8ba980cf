"""Several proxies on one ledger: what of the cache is reused, what they carry, what is lost if a part dies."""
