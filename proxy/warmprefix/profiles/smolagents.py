"""smolagents (captured with 1.26)."""

import re

from warmprefix.profiles.base import Profile

PROFILE = Profile(
    "smolagents",
    system_starts=(
        "You are an expert assistant who can solve any task using tool calls",
        "An agent tried to answer a user query but it got stuck",
    ),
    side=re.compile(r"An agent tried to answer a user query but it got stuck"),
)
