"""mini-swe-agent (captured with 2.4.6)."""

from warmprefix.profiles.base import Profile

PROFILE = Profile(
    "mini-swe-agent",
    system_starts=(
        "You are a helpful assistant that can interact with a computer",
        "You are a helpful assistant that can interact multiple times with a computer",
    ),
)
