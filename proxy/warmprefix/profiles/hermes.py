"""Hermes Agent (captured with 0.13 to 0.19)."""

import re

from warmprefix.profiles.base import Profile

PROFILE = Profile(
    "hermes",
    system_starts=("You are Hermes", "Generate a short, descriptive title"),
    side=re.compile(r"Generate a short, descriptive title"),
)
