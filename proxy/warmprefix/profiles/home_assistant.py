"""Home Assistant's OpenAI integration (captured with 2025.4.4), known by the prompt that it comes with."""

import re

from warmprefix.profiles.base import Profile

PROFILE = Profile(
    "home-assistant",
    system_pattern=re.compile(r"(?m)^You are a voice assistant for Home Assistant\."),
    recommended=("home-assistant:freeze-volatile",),
)
