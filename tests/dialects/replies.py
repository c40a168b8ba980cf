"""Replies of a chat completion as backends write them, and how a test reads one."""

import json
from typing import Any, NamedTuple

from tests.chat_dialect import chat_message, tool_call
from warmprefix.core.types import Finish, Message, Reply, Timings, Usage
from warmprefix.dialects.chat_completions.reply import ChatReader

KEYS = ("role", "content")
TIMINGS = {"cache_n": 617, "prompt_n": 1, "prompt_ms": 49.6, "predicted_n": 8, "predicted_ms": 202}
READ_TIMINGS = Timings(617, 1, 49.6, 8, 202.0)
USAGE = {
    "completion_tokens": 8,
    "prompt_tokens": 618,
    "total_tokens": 626,
    "prompt_tokens_details": {"cached_tokens": 617},
}
READ_USAGE = Usage(618, 617, 8)
DONE = b"data: [DONE]\n\n"
PING = b": ping\n\n"


def data(value: Any) -> bytes:
    return b"data: " + json.dumps(value, separators=(",", ":")).encode() + b"\n\n"


def chunk(finish: str | None = None, index: int = 0, **delta: Any) -> dict[str, Any]:
    return {"choices": [{"finish_reason": finish, "index": index, "delta": delta}], "model": "m"}


def call(index: Any, **members: Any) -> dict[str, Any]:
    return chunk(tool_calls=[{"index": index, **members}])


def said(text: str, **fields: Any) -> Message:
    return chat_message("assistant", text, keys=KEYS, **fields)


ROLE = data(chunk(role="assistant", content=None))
HI = ROLE + data(chunk(content="H")) + data(chunk(content="i"))
STOP = data(chunk("stop"))
OK = Reply(said("Hi"), Finish.ANSWER, complete=True, model="m")


class Case(NamedTuple):
    id: str
    stream: bytes
    expected: Reply
    source: str


def ok(**fields: Any) -> Reply:
    values = {"message": OK.message, "finish": Finish.ANSWER, "complete": True, "model": "m"}
    return Reply(**{**values, **fields})


F = {"name": "read", "arguments": ""}
READ = tool_call("c1", "read", '{"path":"a"}')


def read(stream: bool, *pieces: bytes) -> Reply:
    reader = ChatReader(stream)
    for piece in pieces:
        reader.feed(piece)
    return reader.finish()
