"""OpenCode (captured with 1.18.33)."""

import re

from warmprefix.profiles.base import Profile

PROFILE = Profile(
    "opencode",
    user_agents=("opencode/",),
    headers=("x-opencode-session",),
    system_starts=("You are opencode", "You are a title generator"),
    session_headers=("x-opencode-session", "x-session-affinity", "x-session-id"),
    side=re.compile(r"You are a title generator"),
    recommended=("opencode:freeze-volatile", "opencode:freeze-tool-descriptions"),
)
