"""Programs that use an OpenAI library directly and say no more of themselves."""

from warmprefix.profiles.base import Profile

PROFILE = Profile("openai-sdk", user_agents=("OpenAI/Python", "AsyncOpenAI/Python", "OpenAI/JS"))
