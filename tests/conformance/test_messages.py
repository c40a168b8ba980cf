"""Anthropic's messages."""

import re

import pytest

from tests.conformance.cases import Ask, Case, check, name_of
from tests.fakes.llama import LlamaServer
from tests.fakes.running_proxy import Json

pytestmark = pytest.mark.backend

PATH = "/v1/messages"
HI = [{"role": "user", "content": "hi"}]
HI_TOKENS = 21
LOOK = {"name": "look", "description": "Look", "input_schema": {"type": "object", "properties": {}}}
LOOP = [
    *HI,
    {
        "role": "assistant",
        "content": [{"type": "tool_use", "id": "t1", "name": "look", "input": {}}],
    },
    {
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "a wall"}],
    },
]
WHOLE = {
    "id": re.compile(r"^\w+-\w{32}$"), "type": "message", "role": "assistant", "model": "tiny",
    "content.0.type": "text", "content.0.text": str, "stop_reason": "max_tokens",
    "stop_sequence": None, "usage.output_tokens": 4, "usage.input_tokens": HI_TOKENS,
    "usage.cache_read_input_tokens": 0,
}  # fmt: skip
STREAM: Json = {"stream": True}
EVENTS = {
    "0.type": "message_start", "0.message.role": "assistant", "0.message.content.#": 0,
    "0.message.usage.input_tokens": HI_TOKENS, "1.type": "content_block_start",
    "2.type": "content_block_delta", "2.delta.type": "text_delta", "-3.type": "content_block_stop",
    "-2.type": "message_delta", "-2.delta.stop_reason": "max_tokens", "-2.usage.output_tokens": 4,
    "-1.type": "message_stop", "header.content-type": "text/event-stream",
}  # fmt: skip
BAD = {"error.type": str, "error.message": str}
TOO_LONG: Json = {"error.type": "exceed_context_size_error", "error.n_ctx": 2048}


def message(
    id: str, fields: Json, expect: Json, status: int = 200, differs: str | None = None
) -> Case:
    """A request that says hi, unless it brings its own messages."""
    body = {"messages": HI, "max_tokens": 4, "temperature": 0, **fields}
    return Case(id, PATH, body, status, expect, differs=differs)


CASES = [
    message("whole", {}, WHOLE),
    message("model", {"model": "claude"}, {"model": "tiny"}),
    message("system", {"system": "Be brief."}, {"usage.input_tokens": HI_TOKENS + 19}),
    message("system-blocks", {"system": [{"type": "text", "text": "Be"}, {"type": "text", "text": "x",
        "cache_control": {"type": "ephemeral"}}]}, {"stop_reason": "max_tokens"}),
    message("blocks", {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]}, {
        "usage.input_tokens": HI_TOKENS}),
    message("prefill", {"messages": [*HI, {"role": "assistant", "content": "I"}]}, {"type": "message"}),
    message("stop", {"stop_sequences": ["zz", ",F"]}, {
        "stop_reason": "end_turn", "stop_sequence": ",F"}),
    message("sampling", {"temperature": 1, "top_p": 0.5, "top_k": 5, "seed": 3}, {"type": "message"}),
    message("metadata", {"metadata": {"user_id": "u"}}, {"type": "message"}),
    message("tools", {"tools": [LOOK]}, {"type": "message"}),
    message("tool-choice", {"tools": [LOOK], "tool_choice": {"type": "auto"}}, {"type": "message"}),
    message("tool-any", {"tools": [LOOK], "tool_choice": {"type": "any"}, "max_tokens": 40}, {
        "type": "message"}),
    message("loop", {"tools": [LOOK], "messages": LOOP}, {"type": "message"}),
    message("thinking", {"thinking": {"type": "enabled", "budget_tokens": 1024}}, {"type": "message"}),
    message("stream", STREAM, EVENTS),
    message("stream-tools", {**STREAM, "tools": [LOOK], "tool_choice": {"type": "any"},
        "max_tokens": 40}, {"0.type": "message_start", "-1.type": "message_stop"}),
    message("stream-loop", {**STREAM, "messages": LOOP, "tools": [LOOK]}, {
        "0.type": "message_start", "-1.type": "message_stop"}),
    message("stream-stop", {**STREAM, "stop_sequences": [",F"]}, {
        "-2.delta.stop_reason": "end_turn", "-2.delta.stop_sequence": ",F"}),
    Case("no-messages", PATH, {"max_tokens": 4}, 500, BAD),
    Case("messages-text", PATH, {"messages": "hi", "max_tokens": 4}, 200, {"type": "message"}),
    Case("no-json", PATH, b"{", 400, BAD),
    message("no-limit", {"max_tokens": None}, {"usage.output_tokens": 64}),
    message("too-long", {"messages": [{"role": "user", "content": "x" * 3000}]}, TOO_LONG, 400,
        "prompt too long"),
    message("too-long-streamed", {**STREAM, "messages": [{"role": "user", "content": "x" * 3000}]}, {
        **TOO_LONG}, 400, "prompt too long"),
    Case("again", PATH, {"messages": HI, "max_tokens": 4}, 200, {
        "usage.cache_read_input_tokens": HI_TOKENS - 1, "usage.input_tokens": 1}, before=[
            Ask(PATH, {"messages": HI, "max_tokens": 4})]),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=name_of)
async def test_messages(case: Case, one: LlamaServer) -> None:
    await check(case, one)
