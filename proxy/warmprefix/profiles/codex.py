"""Codex (captured with 0.169.0 and 0.171.0)."""

import json
from collections.abc import Mapping

from warmprefix.dialects.base import Request
from warmprefix.profiles.base import Profile

_METADATA = "x-codex-turn-metadata"
_MOST = 16 * 1024  # characters that are read; those of a turn are a few hundred


def says_side(headers: Mapping[str, str], _: Request) -> bool | None:
    """Whether Codex itself says that a request is its own housekeeping; None if it does not say.

    It asks for a title beside the first turn, and for a summary of a history that is too long, with the
    conversation's own text and without its tools: either would cut the conversation in its slot.
    """
    text = headers.get(_METADATA, "")
    try:
        value = json.loads(text) if len(text) <= _MOST else None
    except (ValueError, RecursionError):
        return None
    match value:
        case {"thread_source": "thread_title"} | {"request_kind": "compaction"}:
            return True
        case {"request_kind": "turn"}:
            return False
        case _:
            return None


PROFILE = Profile(
    "codex",
    user_agents=("codex_", "codex-tui/"),
    headers=(_METADATA,),
    session_headers=("session-id", "thread-id"),
    says_side=says_side,
)
