"""Why a prompt was evaluated again: what differs, where, and at what cost."""
