"""Memory: what the proxy holds, idle, after ten thousand conversations, and as time goes on."""
