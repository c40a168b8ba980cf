"""Pydantic AI (captured with 2.68.0)."""

from warmprefix.profiles.base import Profile

PROFILE = Profile("pydantic-ai", user_agents=("pydantic-ai/",))
