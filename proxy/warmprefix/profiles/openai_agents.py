"""The OpenAI Agents SDK (captured with 0.24.0)."""

from warmprefix.profiles.base import Profile

PROFILE = Profile("openai-agents", user_agents=("Agents/Python",))
