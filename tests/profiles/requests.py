"""Requests as their clients send them: headers and bodies of our own making."""

import json
from typing import NamedTuple

from tests.builders import system, user
from tests.chat_dialect import parse
from tests.strategies import Json, body_of
from warmprefix.dialects.base import Request
from warmprefix.profiles.base import Recognised

TOOLS = [{"type": "function", "function": {"name": "read"}}]


def block(content: str) -> Json:
    return {"type": "text", "text": content}


ASKED = [system("Be brief."), user("Why does the build fail?")]
ANSWERED = [*ASKED, {"role": "assistant", "content": "A test is red."}, user("Mend it.")]


class Case(NamedTuple):
    id: str
    headers: dict[str, str]
    messages: list[Json]
    tools: list[Json] | None
    expected: Recognised


def agent(name: str) -> dict[str, str]:
    return {"user-agent": name}


PYTHON = agent("OpenAI/Python 2.24.0")
BUN = agent("ai-sdk/openai-compatible/2.0.1 ai-sdk/provider-utils/4.0.5 runtime/bun/1.3.10")
CLAUDE = agent("claude-cli/2.1.197 (external, sdk-cli)") | {"x-claude-code-session-id": "s1"}
OPENCODE = agent("opencode/1.18.33 ai-sdk/provider-utils/4.0.23 runtime/bun/1.3.14")
CODEX = agent("codex_exec/0.169.0 (Debian 12.0.0; x86_64) unknown")
CODEX_TUI = agent("codex-tui/0.171.0 (Debian 12.0.0; x86_64)") | {
    "session-id": "t1",
    "thread-id": "t1",
}


def codex_turn(**says: str) -> dict[str, str]:
    """Codex with what it says of a turn."""
    kept = {"session_id": "t1", "thread_id": "t1", "turn_id": "u1", **says}
    return CODEX_TUI | {"x-codex-turn-metadata": json.dumps(kept)}


def one(messages: list[Json], first: str, role: str = "system") -> list[Json]:
    return [{"role": role, "content": first}, *messages[1:]]


def request_of(case: Case) -> Request:
    return parse(body_of(case.messages, case.tools))
