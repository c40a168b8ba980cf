"""Claude Code (captured with 2.1.197)."""

import re

from warmprefix.profiles.base import Profile

PROFILE = Profile(
    "claude-code",
    user_agents=("claude-cli/",),
    headers=("x-claude-code-session-id",),
    system_starts=("x-anthropic-billing-header:", "You are a Claude agent"),
    session_headers=("x-claude-code-session-id",),
    agent_header="x-claude-code-agent-id",
    side=re.compile(r"Generate a concise, sentence-case title|<session>"),
)
