"""Claude Code (captured with 2.1.197)."""

import re
from collections.abc import Mapping

from warmprefix.dialects.base import Request
from warmprefix.profiles.base import Profile, text

_QUOTED = "<session>"


def says_side(_: Mapping[str, str], request: Request) -> bool | None:
    """Whether a Messages request is the one for a title: an empty array of tools, an answer by a schema, and
    the question quoted. None for any other API: what translates for Claude Code keeps nothing but texts.

    Sub-agents and `/compact` are part of the session.
    """
    if request.dialect.name != "messages":
        return None
    match request.options.get("output_config"):
        case {"format": {"type": "json_schema"}}:
            users = [message for message in request.prompt.messages if message.role == "user"]
            return request.prompt.tools == () and any(_QUOTED in text(user) for user in users)
        case _:
            return False


PROFILE = Profile(
    "claude-code",
    user_agents=("claude-cli/",),
    headers=("x-claude-code-session-id",),
    system_starts=("x-anthropic-billing-header:", "You are a Claude agent"),
    session_headers=("x-claude-code-session-id",),
    agent_header="x-claude-code-agent-id",
    side=re.compile(r"Generate a concise, sentence-case title|<session>"),
    says_side=says_side,
    recommended=("claude-code:freeze-volatile",),
)
