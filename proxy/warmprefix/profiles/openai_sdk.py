"""Programs that use an OpenAI library directly and do not name themselves."""

from warmprefix.profiles.base import Profile

PROFILE = Profile("openai-sdk", user_agents=("OpenAI/Python", "AsyncOpenAI/Python", "OpenAI/JS"))
