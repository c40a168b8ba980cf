"""Memory: how much the proxy uses idle, after ten thousand conversations, and as time goes on."""
