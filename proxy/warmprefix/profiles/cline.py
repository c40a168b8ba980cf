"""Cline (captured with CLI 3.0.65)."""

from warmprefix.profiles.base import Profile

PROFILE = Profile("cline", system_starts=("You are Cline",))
