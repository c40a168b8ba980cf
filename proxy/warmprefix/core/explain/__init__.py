"""Why a prompt was read again: what differs, where, and at what cost."""
