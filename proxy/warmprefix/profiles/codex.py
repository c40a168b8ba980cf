"""Codex (captured with 0.169.0)."""

from warmprefix.profiles.base import Profile

PROFILE = Profile(
    "codex",
    user_agents=("codex_",),
    headers=("x-codex-turn-metadata",),
    session_headers=("session-id", "thread-id"),
)
