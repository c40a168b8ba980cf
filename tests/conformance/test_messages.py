"""Anthropic's messages, on the server that we embed and on the one that users run."""

import re

import pytest

from tests.conformance.cases import Ask, Asked, Case, check, name_of
from tests.conformance.conftest import Servers
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
ENUM = {**LOOK, "input_schema": {"type": "object", "properties": {"at": {"enum": ["a"]}},
    "required": ["at"], "additionalProperties": False}}  # fmt: skip
CALLED = '<tool_call>\n{"name": "look", "arguments": {"at": "a"}}\n</tool_call>'
"""What a model says that calls it. The tiny one never does: it is given this as a reply to be continued."""

PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
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
LOST: Json = {"error.code": 404, "error.type": "not_found_error"}
BAD: Json = {"error.type": str, "error.message": str}
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


def called(*, before: str = "", **more: object) -> Json:
    """A reply that calls a tool and is continued by one token; `before` is said first."""
    begun = {"role": "assistant", "content": before + CALLED}
    return {"messages": [*HI, begun], "tools": [ENUM], "max_tokens": 1, **more}


def user(*blocks: object) -> Json:
    """One message of the user."""
    return {"messages": [{"role": "user", "content": list(blocks)}], "max_tokens": 2}


def result(of: str, content: object = "a wall", **more: object) -> Json:
    return {"type": "tool_result", "tool_use_id": of, "content": content, **more}


def results(*blocks: object) -> Json:
    """Two calls, and a message with these results."""
    calls: list[Json] = [
        {"type": "tool_use", "id": at, "name": "look", "input": {}} for at in ("t1", "t2")
    ]
    said = {"role": "assistant", "content": calls}
    return {"messages": [*HI, said, {"role": "user", "content": list(blocks)}], "tools": [LOOK]}


ANY: Json = {"tool_choice": {"type": "any"}}
USE: Json = {"content.0.type": "tool_use", "content.0.name": "look", "content.0.input.at": "a"}
ANSWER: Json = {"type": "message", "role": "assistant"}
FAILED: Json = {"error.type": "server_error", "error.code": 500}
LONGER: Json = {"max_tokens": 40}
THOUGHT: Json = {"type": "thinking", "thinking": "I look.", "signature": ""}
MORE = [
    message("call", called(**ANY), {**USE, "content.#": 1}),
    message("call-behind-a-text", called(**ANY, before="I look.\n"), {
        "content.#": 2, "content.0.text": "I look.\n", "content.1.type": "tool_use"}),
    message("stream-call", {**STREAM, **called(**ANY)}, {
        "1.content_block.type": "tool_use", "1.content_block.name": "look", "-1.type": "message_stop"}),
    message("call-that-goes-wrong", called(), FAILED, 500),
    message("stream-call-that-goes-wrong", {**STREAM, **called()}, {
        "1.content_block.type": "tool_use", "-1.code": 500, "-1.type": "server_error"}),
    message("results", results(result("t1"), result("t2", [{"type": "text", "text": "a door"}])), ANSWER),
    message("result-of-an-error", results(result("t1", "no", is_error=True), result("t2", None)), ANSWER),
    message("results-out-of-order", {**results(result("t2", "z" * 40), result("t1")), **LONGER}, ANSWER, 200,
        "neutral rule of messages"),
    message("text-behind-results", {**results(result("t1"), {"type": "text", "text": "z" * 40}),
        **LONGER}, ANSWER, 200,
        "neutral rule of messages"),
    message("thoughts", {"messages": [*HI, {"role": "assistant", "content": [
        THOUGHT, {"type": "text", "text": "A wall."}]}, *HI]}, ANSWER),
    message("hidden-thoughts", {"messages": [*HI, {"role": "assistant", "content": [
        {"type": "redacted_thinking", "data": "x"}, {"type": "text", "text": "A wall."}]}, *HI]}, ANSWER),
    message("system-later", {"messages": [*HI, {"role": "system", "content": "Be brief."}, *HI]}, ANSWER),
    message("adaptive", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}}, ANSWER),
    message("schema", {"tools": [], "output_config": {"format": {"type": "json_schema", "schema": {
        "type": "object"}}}}, ANSWER),
    message("server-tool", {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, ANSWER),
    message("slot", {"id_slot": 0, "cache_prompt": False, "timings_per_token": True}, ANSWER),
    message("picture", user(PICTURE), FAILED, 500),
    message("picture-in-a-result", results(result("t1", [PICTURE])), FAILED, 500),
    message("document", user({"type": "document", "source": {}}, {"type": "text", "text": "hi"}), ANSWER),
    message("unknown-block", user({"type": "smell"}), ANSWER),
    message("no-blocks", user(), ANSWER),
    message("content-number", {"messages": [{"role": "user", "content": 5}]}, BAD, 400),
    message("no-role", {"messages": [{"content": "x"}]}, FAILED, 500),
    message("odd-role", {"messages": [{"role": "narrator", "content": "x"}]}, ANSWER),
    message("tools-number", {"tools": [5]}, ANSWER),
    message("limit-text", {"max_tokens": "x"}, BAD, 400),
    Case("beta", f"{PATH}?beta=true", {"messages": HI, "max_tokens": 2}, 200, ANSWER,
        headers=[("anthropic-version", "2023-06-01"), ("anthropic-beta", "a-2025,b-2026"),
                 ("x-api-key", "k"), ("X-Claude-Code-Session-Id", "s")]),
    Case("beta-streamed", f"{PATH}?beta=true", {"messages": HI, "max_tokens": 2, **STREAM}, 200, {
        "-1.type": "message_stop"}),
    Case("head", "/", None, 404, {"text": ""}, "HEAD"),
    Case("asked-for", PATH, None, 404, LOST, "GET"),
    Case("put", PATH, {}, 404, LOST, "PUT"),
    Case("preflight", PATH, None, 200, {"text": ""}, "OPTIONS"),
    Case("batches", f"{PATH}/batches", {}, 404, LOST),
    Case("list-of-batches", f"{PATH}/batches", None, 404, LOST, "GET"),
    Case("count-beta", f"{PATH}/count_tokens?beta=true", {"messages": HI, "tools": [LOOK]}, 200, {
        "input_tokens": int}),
    Case("count-loop", f"{PATH}/count_tokens", results(result("t1"), result("t2")), 200, {
        "input_tokens": int}),
    Case("count-odd", f"{PATH}/count_tokens", {"messages": 5}, 200, {"input_tokens": int}),
    Case("count-no-json", f"{PATH}/count_tokens", b"{", 400, BAD),
]  # fmt: skip


@pytest.mark.parametrize("case", [*CASES, *MORE], ids=name_of)
async def test_messages(case: Case, each: Asked) -> None:
    await check(case, each)


BUDGET: Json = {"thinking": {"type": "enabled", "budget_tokens": 5}, "max_tokens": 20}
THINKING = [
    message("thinks", BUDGET, {"content.0.type": "thinking", "content.0.signature": "",
        "content.1.type": "text"}),
    message("thinks-streamed", {**BUDGET, **STREAM}, {
        "1.content_block.type": "thinking", "2.delta.type": "thinking_delta",
        "-1.type": "message_stop"}),
    message("thinks-to-the-end", {}, {"content.#": 1, "content.0.type": "thinking"}),
    message("thinks-not", {"chat_template_kwargs": {"enable_thinking": False}}, {
        "content.#": 1, "content.0.type": "text"}),
    message("thought-before", {**BUDGET, "messages": [*HI, {"role": "assistant", "content": [
        THOUGHT, {"type": "text", "text": "A wall."}]}, *HI]}, {"content.0.type": "thinking"}),
]  # fmt: skip


@pytest.mark.parametrize("case", THINKING, ids=name_of)
async def test_thoughts(case: Case, servers: Servers) -> None:
    await check(case, servers("stock-thinking"))
