"""What llama-server refuses, and how."""

import re

import pytest

from tests.conformance.cases import CHAT, Case, check, get, name_of
from tests.conformance.conftest import Servers
from tests.conformance.prompts import MESSAGES, TOOL
from tests.fakes.llama import LlamaServer

pytestmark = pytest.mark.backend

BAD = {"error.code": 400, "error.type": "invalid_request_error", "error.message": str}
BROKEN = {"error.code": 500, "error.type": "server_error", "error.message": str}
ANSWERED = {"choices.#": 1}  # what llama-server does not look at, or understands
LOST = {"error.code": 404, "error.type": "not_found_error", "error.message": "File Not Found"}
LONG = [{"role": "user", "content": "x" * 3000}]
TOO_LONG = {
    "error.code": 400, "error.type": "exceed_context_size_error", "error.n_prompt_tokens": 3019,
    "error.n_ctx": 2048,
}  # fmt: skip
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
SOUND = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
CALL = {"id": "c", "type": "function", "function": {"name": "look", "arguments": '{"at":'}}


def chat(id: str, fields: object, status: int = 400, expect: object = None) -> Case:
    """A chat with our messages, unless it brings its own."""
    body = {"messages": MESSAGES, "max_tokens": 2, **fields} if isinstance(fields, dict) else fields
    said = expect if isinstance(expect, dict) else BAD if status == 400 else BROKEN
    return Case(id, CHAT, body, status, said)


def user(content: object) -> dict[str, object]:
    """One message of the user."""
    return {"messages": [{"role": "user", "content": content}]}


CASES = [
    chat("no-json", b'{"messages": ['),
    chat("no-body", b""),
    chat("list", b"[1]"),
    chat("text", b'"hi"'),
    chat("null", b"null"),
    chat("not-utf-8", b'{"messages":[{"role":"user","content":"\xff"}]}'),
    chat("byte-order-mark", b'\xef\xbb\xbf{"messages":[],"max_tokens":2}', 200, ANSWERED),
    chat("rest", b'{"messages":[]} x'),
    chat("deep", b'{"messages":' + b"[" * 300 + b"]" * 300 + b"}"),
    chat("messages-missing", b"{}"),
    chat("messages-null", {"messages": None}),
    chat("messages-text", {"messages": "hi"}),
    chat("messages-object", {"messages": {"role": "user"}}),
    chat("message-number", {"messages": [123]}),
    chat("message-empty", {"messages": [{}]}),
    chat("message-empty-later", {"messages": [MESSAGES[0], {}]}),
    chat("role-missing", {"messages": [{"content": "hi"}]}, 500),
    chat("role-number", {"messages": [{"role": 7, "content": "hi"}]}, 500),
    chat("content-number", user(123)),
    chat("content-object", user({"text": "hi"})),
    chat("content-null", user(None), 200, ANSWERED),
    chat("content-missing", {"messages": [{"role": "user"}]}),
    chat("part-without-type", user([{"text": "hi"}])),
    chat("part-unknown", user([{"type": "smell", "text": "x"}])),
    chat("picture", user([PICTURE]), 500),
    chat("sound", user([SOUND]), 500),
    chat("two-replies", {"messages": [*MESSAGES, *[{"role": "assistant", "content": "a"}] * 2]}),
    chat("arguments-cut", {"messages": [*MESSAGES, {
        "role": "assistant", "content": "", "tool_calls": [CALL]}], "tools": [TOOL]}),
    chat("arguments-cut-earlier", {"messages": [*MESSAGES, {"role": "assistant", "content": "",
        "tool_calls": [CALL]}, {"role": "tool", "content": "x", "tool_call_id": "c"}]}, 500),
    chat("tool-calls-text", {"messages": [*MESSAGES, {"role": "assistant", "tool_calls": "x"}]}, 500),
    chat("too-many-choices", {"n": 2}),
    chat("no-choices", {"n": 0}),
    chat("n-text", {"n": "two"}),
    chat("max-tokens-text", {"max_tokens": "six"}),
    chat("temperature-text", {"temperature": "hot"}),
    chat("stream-text", {"stream": "yes"}),
    chat("stop-number", {"stop": 7}, 200, ANSWERED),
    chat("logit-bias-text", {"logit_bias": "x"}, 200, ANSWERED),
    chat("top-logprobs-alone", {"top_logprobs": 3}),
    chat("logprobs-with-tools", {"logprobs": True, "tools": [TOOL], "stream": True}),
    chat("grammar", {"grammar": "root ::= ("}),
    chat("grammar-without-root", {"grammar": 'a ::= "b"'}),
    chat("grammar-with-tools", {"grammar": 'root ::= "a"', "tools": [TOOL]}),
    chat("grammar-with-schema", {"grammar": 'root ::= "a"', "json_schema": {"const": 1}}, 500),
    chat("grammar-streamed", {"grammar": "root ::= (", "stream": True}),
    chat("format-unknown", {"response_format": {"type": "sound"}}),
    chat("format-text", {"response_format": "json"}, 200, ANSWERED),
    chat("schema-number", {"response_format": {"type": "json_object", "schema": 123}}, 200, ANSWERED),
    chat("schema-type-number", {"response_format": {"type": "json_object", "schema": {"type": 123}}}),
    chat("schema-unknown", {"response_format": {"type": "json_object", "schema": {"type": "hiccup"}}}),
    chat("json-schema-unknown", {"json_schema": {"type": "hiccup"}}),
    chat("tools-object", {"tools": {"a": 1}}, 500),
    chat("tool-without-function", {"tools": [{"type": "function"}]}, 500),
    chat("tool-choice-unknown", {"tools": [TOOL], "tool_choice": "maybe"}),
    chat("samplers-number", {"samplers": 7}, 200, ANSWERED),
    chat("lora-text", {"lora": "x"}),
    chat("context", {"messages": LONG}, 400, TOO_LONG),
    chat("context-streamed", {"messages": LONG, "stream": True}, 400, TOO_LONG),
    chat("template-options-text", {"chat_template_kwargs": "x"}, 200, ANSWERED),
    chat("reasoning-format-unknown", {"reasoning_format": "loud"}, 500),
    Case("completion-no-prompt", "/completion", {}, 400, BAD),
    Case("completion-number", "/completion", {"prompt": 7}, 400, BAD),
    Case("completion-nested", "/completion", {"prompt": [[[1]]]}, 400, BAD),
    Case("completion-no-json", "/completion", b"{", 400, BAD),
    Case("completion-unknown-token", "/completion", {"prompt": [99999]}, 400, BAD),
    Case("completion-context", "/completion", {"prompt": "x" * 3000}, 400, {
        "error.n_prompt_tokens": 3000}),
    Case("completion-grammar", "/completion", {"prompt": "a", "grammar": "("}, 400, BAD),
    *(Case(f"completions-{name}", "/v1/completions", {"prompt": "a", "max_tokens": 2, name: value}, 200,
        ANSWERED) for name, value in (("echo", True), ("best_of", 2), ("suffix", "b"))),
    Case("completions-no-prompt", "/v1/completions", {}, 400, BAD),
    Case("control", f"{CHAT}/control", {}, 400, BAD),
    Case("tokenize-no-json", "/tokenize", b"x", 400, BAD),
    get("nothing", "/v1/nothing", 404, **LOST),
    get("root", "/", 404, **LOST),
    get("slashes", "//health", 404, **LOST),
    get("dots", "/v1/../health", 404, **LOST),
    get("encoded", "/%68ealth", 200, status="ok"),
    get("chat-asked-for", CHAT, 404, **LOST),
    Case("post-to-health", "/health", {}, 404, LOST),
    Case("post-to-nothing", "/v1/nothing", {}, 404, LOST),
    Case("put", CHAT, {}, 404, LOST, "PUT"),
    Case("patch", "/props", {}, 404, LOST, "PATCH"),
    Case("delete", "/v1/models", None, 404, LOST, "DELETE"),
    Case("no-sound", "/v1/audio/transcriptions", {}, 501, {
        "error.message": re.compile("audio")}),
    get("no-tools", "/tools", 403, error=dict),
    get("no-forwarding", "/cors-proxy", 403, error=dict),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=name_of)
async def test_a_refusal(case: Case, one: LlamaServer) -> None:
    await check(case, one)


CHOICES = [chat("three", {"n": 3}), chat("three-streamed", {"n": 3, "stream": True})]


@pytest.mark.parametrize("case", CHOICES, ids=name_of)
async def test_more_choices_than_slots(case: Case, servers: Servers) -> None:
    await check(case, servers("two"))
