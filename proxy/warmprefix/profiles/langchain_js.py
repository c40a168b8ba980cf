"""LangChain for JavaScript, also as a part of n8n (captured from n8n 2.8.4), which does not name itself."""

from warmprefix.profiles.base import Profile

PROFILE = Profile("langchain-js", user_agents=("langchainjs-openai/",))
