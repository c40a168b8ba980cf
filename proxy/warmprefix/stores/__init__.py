"""Where the ledger is kept. The only importers of sqlite3 and Redis clients."""
