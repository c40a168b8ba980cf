"""OpenClaw (captured with 2026.9.6)."""

from warmprefix.profiles.base import Profile

PROFILE = Profile(
    "openclaw",
    system_starts=("<!-- openclaw:attempt:STABLE -->",),
    recommended=("openclaw:restore-transient-blocks",),
)
