"""What the chat cases ask."""

from tests.conformance.cases import CHAT, Case
from tests.fakes.running_proxy import Json

MESSAGES = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What do you see?"},
]
PROMPT_TOKENS = 54
"""One token a byte, and one for each of the five turn markers (tests/fakes/tiny_gguf.py)."""

TOOL = {
    "type": "function",
    "function": {
        "name": "look",
        "description": "Look around",
        "parameters": {"type": "object", "properties": {"at": {"type": "string"}}},
    },
}
CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"b":1,"a":2}'}}
LOOP: list[Json] = [
    *MESSAGES,
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "content": "3", "tool_call_id": "c1"},
]
GREEDY = {"max_tokens": 6, "temperature": 0}


def row(id: str, fields: Json, expect: Json, path: str = CHAT) -> Case:
    """A chat with our two messages, unless it brings its own."""
    return Case(id, path, {"messages": MESSAGES, **GREEDY, **fields}, expect=expect)
