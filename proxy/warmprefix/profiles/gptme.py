"""gptme (captured with 0.35.1)."""

import re

from warmprefix.profiles.base import Profile

PROFILE = Profile(
    "gptme",
    system_starts=("You are gptme v", "Generate concise conversation titles"),
    side=re.compile(r"Generate concise conversation titles"),
)
