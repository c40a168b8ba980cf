"""pi (captured with 0.73.1)."""

from warmprefix.profiles.base import Profile

PROFILE = Profile("pi", system_starts=("You are an expert coding assistant operating inside pi",))
