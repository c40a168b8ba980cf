"""OpenAI's responses, on the server that we embed and on the one that users run."""

import re

import pytest

from tests.conformance.cases import Ask, Asked, Case, check, name_of
from tests.conformance.conftest import Servers
from tests.conformance.test_messages import CALLED, ENUM
from tests.fakes.running_proxy import Json

pytestmark = pytest.mark.backend

PATH = "/v1/responses"
HI_TOKENS = 21
TOOL = {"type": "function", "name": "look", "description": "Look", "parameters": {"type": "object"}}
WHOLE = {
    "id": re.compile(r"^resp_\w{32}$"), "object": "response", "status": "completed", "model": "tiny",
    "output.#": 1, "output.0.type": "message", "output.0.role": "assistant",
    "output.0.id": re.compile(r"^msg_\w{32}$"), "output.0.content.0.type": "output_text",
    "usage.input_tokens": HI_TOKENS, "usage.output_tokens": 4,
    "usage.input_tokens_details.cached_tokens": 0,
}  # fmt: skip
EVENTS = {
    "0.type": "response.created", "1.type": "response.in_progress",
    "2.type": "response.output_item.added", "3.type": "response.content_part.added",
    "4.type": "response.output_text.delta", "-1.type": "response.completed",
    "-1.response.usage.output_tokens": 4, "header.content-type": "text/event-stream",
}  # fmt: skip
STREAM: Json = {"stream": True}


def response(id: str, fields: Json, expect: Json, status: int = 200, path: str = PATH) -> Case:
    """A request that says hi, unless it brings another input."""
    body = {"input": "hi", "max_output_tokens": 4, "temperature": 0, **fields}
    return Case(id, path, body, status, expect)


CASES = [
    response("whole", {}, WHOLE),
    response("short-path", {}, WHOLE, path="/responses"),
    response("model", {"model": "gpt"}, {"model": "tiny"}),
    response("messages", {"input": [{"role": "system", "content": "Be brief."},
        {"role": "user", "content": "hi"}]}, {"usage.input_tokens": HI_TOKENS + 19}),
    response("instructions", {"instructions": "Be brief."}, {"usage.input_tokens": HI_TOKENS + 19}),
    response("parts", {"input": [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}]}, {
        "usage.input_tokens": HI_TOKENS}),
    response("history", {"input": [{"role": "user", "content": "hi"}, {"type": "message",
        "role": "assistant", "content": [{"type": "output_text", "text": "a"}], "status": "completed",
        "id": "msg_1"}, {"role": "user", "content": "b"}]}, {"status": "completed"}),
    response("tools", {"tools": [TOOL]}, {"status": "completed"}),
    response("tool-loop", {"tools": [TOOL], "input": [{"role": "user", "content": "hi"},
        {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "a wall"}]}, {
        "status": "completed"}),
    response("format-schema", {"text": {"format": {
        "type": "json_schema", "name": "a", "schema": {"const": "done"}}}}, {"status": "completed"}),
    response("format-text", {"text": {"format": {"type": "text"}}}, {"status": "completed"}),
    response("format-no-schema", {"text": {"format": {"type": "json_schema", "name": "a"}}}, {
        "status": "completed"}),
    response("stream", STREAM, EVENTS),
    response("stream-extras", {**STREAM, "timings_per_token": True, "return_progress": True}, {
        "-1.type": "response.completed", "-1.timings.predicted_n": 4}),
    response("stream-tools", {**STREAM, "tools": [TOOL]}, {"-1.type": "response.completed"}),
    response("too-long", {"input": "x" * 3000}, {"error.type": "exceed_context_size_error"}, 400),
    response("too-long-streamed", {**STREAM, "input": "x" * 3000}, {
        "error.type": "exceed_context_size_error"}, 400),
    response("previous", {"previous_response_id": "resp_1"}, {"error.code": 400}, 400),
    Case("no-input", PATH, {"max_output_tokens": 4}, 400, {"error.code": 400}),
    Case("no-json", PATH, b"{", 400, {"error.code": 400}),
    Case("again", PATH, {"input": "hi", "max_output_tokens": 4}, 200, {
        "usage.input_tokens_details.cached_tokens": HI_TOKENS - 1}, before=[
            Ask(PATH, {"input": "hi", "max_output_tokens": 4})]),
]  # fmt: skip


USER: Json = {"role": "user", "content": "hi"}
CHOOSES = {"type": "function", "name": "look", "parameters": ENUM["input_schema"]}
CALL: Json = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": '{"at": "a"}'}
OUTPUT: Json = {"type": "function_call_output", "call_id": "c1", "output": "a wall"}
FAILED: Json = {"error.type": "server_error", "error.code": 500}
BAD: Json = {"error.type": "invalid_request_error", "error.code": 400}
LOST: Json = {"error.type": "not_found_error", "error.code": 404}
DONE: Json = {"status": "completed"}
REQUIRED: Json = {"tool_choice": "required"}


def called(*, before: str = "", **more: object) -> Json:
    """A reply that calls a tool and is continued by one token; `before` is said first."""
    text = {"type": "output_text", "text": before + CALLED}
    begun = {"type": "message", "role": "assistant", "content": [text]}
    return {"input": [USER, begun], "tools": [CHOOSES], "max_output_tokens": 1, **more}


def items(*items: object, **more: object) -> Json:
    """A history behind a question."""
    return {"input": [USER, *items], "tools": [TOOL], **more}


def reasoning(**fields: object) -> Json:
    return {"type": "reasoning", "id": "rs_1", "summary": [], **fields}


THOUGHT = reasoning(content=[{"type": "reasoning_text", "text": "I look."}], encrypted_content="")
CUSTOM = {"type": "custom_tool_call", "call_id": "c", "name": "patch", "input": "x"}
PICTURE = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}
MORE = [
    response("call", called(**REQUIRED), {"output.#": 1, "output.0.type": "function_call",
        "output.0.arguments": '{"at": "a"}', "output.0.call_id": re.compile(r"^call_\w{32}$")}),
    response("call-behind-a-text", called(**REQUIRED, before="I look.\n"), {
        "output.#": 2, "output.0.type": "message", "output.1.type": "function_call"}),
    response("stream-call", {**STREAM, **called(**REQUIRED)}, {
        "2.item.type": "function_call", "-1.response.output.0.type": "function_call"}),
    response("call-that-goes-wrong", called(), FAILED, 500),
    response("stream-call-that-goes-wrong", {**STREAM, **called()}, {
        "2.item.type": "function_call", "-1.error.code": 500}),
    response("results", items(CALL, {**CALL, "call_id": "c2"}, OUTPUT, {
        **OUTPUT, "call_id": "c2", "output": [{"type": "input_text", "text": "a door"}]}), DONE),
    response("reasoning", items(THOUGHT, CALL, OUTPUT), DONE),
    response("reasoning-and-text", items(THOUGHT, {"type": "message", "role": "assistant", "content": [
        {"type": "output_text", "text": "A wall.", "annotations": [], "logprobs": []}]}, USER), DONE),
    response("developer", {"input": [{"role": "developer", "content": "Be brief."}, USER]}, DONE),
    response("developer-later", items({"type": "message", "role": "developer", "content": [
        {"type": "input_text", "text": "Be brief."}]}, USER), DONE),
    response("codex", {"store": False, "include": ["reasoning.encrypted_content"], "prompt_cache_key": "k",
        "client_metadata": {"a": "b"}, "parallel_tool_calls": True, "reasoning": {"summary": "auto"}}, DONE),
    response("effort", {"reasoning": {"effort": "high"}}, DONE),
    response("slot", {"id_slot": 0}, DONE),
    response("no-cache", {"cache_prompt": False}, DONE),
    response("conversation", {"conversation": "c"}, DONE),
    response("server-tools", {"tools": [TOOL, {"type": "web_search"}, {
        "type": "namespace", "name": "n"}]}, DONE),
    response("nothing", {"input": []}, DONE),
    response("number", {"input": 5}, BAD, 400),
    response("item-number", items(5), BAD, 400),
    response("custom-call", items(CUSTOM), BAD, 400),
    response("search-call", items({"type": "web_search_call", "id": "x"}), BAD, 400),
    response("reasoning-that-is-hidden", items(reasoning(encrypted_content="x"), USER), BAD, 400),
    response("reasoning-null", items(reasoning(content=None), USER), BAD, 400),
    response("arguments-cut", items({**CALL, "arguments": "{"}, OUTPUT), FAILED, 500),
    response("picture", items({"role": "user", "content": [PICTURE]}), FAILED, 500),
    response("short-path-streamed", STREAM, EVENTS, path="/responses"),
    response("query", {}, DONE, path=f"{PATH}?a=b"),
    Case("compact", f"{PATH}/compact", {"input": "hi"}, 404, LOST),
    Case("one", f"{PATH}/resp_1", None, 404, LOST, "GET"),
    Case("cancel", f"{PATH}/resp_1/cancel", {}, 404, LOST),
    Case("delete", f"{PATH}/resp_1", None, 404, LOST, "DELETE"),
    Case("asked-for", PATH, None, 404, LOST, "GET"),
    Case("count", f"{PATH}/input_tokens", {"input": [USER, CALL, OUTPUT], "tools": [TOOL]}, 200, {
        "object": "response.input_tokens", "input_tokens": int}),
    Case("count-short-path", "/responses/input_tokens", {"input": "hi"}, 200, {"input_tokens": HI_TOKENS}),
    Case("count-nothing", f"{PATH}/input_tokens", {}, 400, BAD),
]  # fmt: skip


@pytest.mark.parametrize("case", [*CASES, *MORE], ids=name_of)
async def test_responses(case: Case, each: Asked) -> None:
    await check(case, each)


BUDGET: Json = {"thinking_budget_tokens": 5, "max_output_tokens": 20}
THINKING = [
    response("thinks", BUDGET, {"output.0.type": "reasoning", "output.1.type": "message"}),
    response("thinks-streamed", {**BUDGET, **STREAM}, {
        "3.type": "response.reasoning_text.delta", "-1.response.output.0.type": "reasoning"}),
    response("thought-before", items(THOUGHT, CALL, OUTPUT, **BUDGET), {"output.0.type": "reasoning"}),
]  # fmt: skip


@pytest.mark.parametrize("case", THINKING, ids=name_of)
async def test_thoughts(case: Case, servers: Servers) -> None:
    await check(case, servers("stock-thinking"))
