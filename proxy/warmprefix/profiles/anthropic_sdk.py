"""Programs that use an Anthropic library directly and do not name themselves."""

from warmprefix.profiles.base import Profile

PROFILE = Profile(
    "anthropic-sdk", user_agents=("Anthropic/Python", "AsyncAnthropic/Python", "Anthropic/JS")
)
