"""Qwen Code (captured with 0.15.10)."""

from warmprefix.profiles.base import Profile

PROFILE = Profile(
    "qwen-code", user_agents=("QwenCode/",), recommended=("qwen-code:freeze-volatile",)
)
