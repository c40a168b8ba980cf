"""Kilo Code (captured with 7.7.9)."""

from warmprefix.profiles.base import Profile

PROFILE = Profile(
    "kilo",
    user_agents=("Kilo-Code/",),
    session_headers=("x-session-affinity", "x-session-id"),
    recommended=("kilo:freeze-volatile",),
)
