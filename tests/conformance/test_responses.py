"""OpenAI's responses."""

import re

import pytest

from tests.conformance.cases import Ask, Case, check, name_of
from tests.fakes.llama import LlamaServer
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


@pytest.mark.parametrize("case", CASES, ids=name_of)
async def test_responses(case: Case, one: LlamaServer) -> None:
    await check(case, one)
