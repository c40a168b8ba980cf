"""Conversations of the Messages and the Responses API, as the clients of bench/sessions write them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.never_worse.plan import Json, Native
from bench.sessions.agent import AgentWire, Sent
from bench.sessions.claude_code import ClaudeCode
from bench.sessions.codex import Codex
from bench.sessions.wire import Answer

_WIRES: Mapping[str, AgentWire] = {"messages": ClaudeCode(), "responses": Codex()}
_MOST = 8
"""Tokens that are generated if no reply is scripted."""


@dataclass(frozen=True, slots=True)
class Request:
    """Ready to be posted."""

    path: str
    headers: Mapping[str, str]
    body: Json


def request(
    native: Native, messages: Sequence[Json], tools: Sequence[Json], options: Json, *, aside: bool
) -> Request:
    """What the client sends. `aside`: a request for a title; it offers no tools."""
    wire = _WIRES[native.endpoint]
    sent = Sent(
        messages=tuple(messages),
        tools=() if aside else tuple(tools),
        session=native.session,
        process=native.process,
        habits=native.habits,
        stream=True,
        agent=native.agent,
        kind="title" if aside else "turn",
    )
    limit = "max_tokens" if native.endpoint == "messages" else "max_output_tokens"
    kept = {name: options[name] for name in ("chat_template_kwargs",) if name in options}
    return Request(wire.path, wire.headers(sent), {**wire.body(sent), limit: _MOST, **kept})


def read(native: Native, data: bytes) -> Json:
    """A streamed reply as that of a chat completion: the message, and the server's counts."""
    usage: Json = {}
    for line in data.splitlines():
        event: Json = json.loads(line[6:]) if line.startswith(b"data: ") else {}
        match event.get("type"):
            case "message_start":
                usage = event["message"]["usage"]
            case "response.completed":
                usage = event["response"]["usage"]
    message = _WIRES[native.endpoint].message(Answer(200, "text/event-stream", data))
    return {"choices": [{"message": message}], "usage": usage}
