"""Tokens and templates: tokenize, detokenize, apply-template, and what only counts."""

import re

import pytest

from tests.conformance.cases import CHAT, Case, check, name_of
from tests.conformance.prompts import LOOP, MESSAGES, PROMPT_TOKENS, TOOL
from tests.fakes.llama import LlamaServer

pytestmark = pytest.mark.backend

TOKENIZE, DETOKENIZE, TEMPLATE = "/tokenize", "/detokenize", "/apply-template"
SAY = [{"role": "user", "content": "hi"}]
HI = "<|im_start|>user\nhi<|im_end|>\n"
ASSISTANT = "<|im_start|>assistant\n"
CASES = [
    Case("tokenize", TOKENIZE, {"content": "ab"}, 200, {"tokens": [97, 98]}),
    Case("nothing", TOKENIZE, {"content": ""}, 200, {"tokens": []}),
    Case("no-content", TOKENIZE, {}, 200, {"tokens": []}),
    Case("special", TOKENIZE, {"content": "a", "add_special": True}, 200, {"tokens.#": 1}),
    Case("marker", TOKENIZE, {"content": "<|im_end|>"}, 200, {"tokens": [258]}),
    Case("marker-as-text", TOKENIZE, {"content": "<|im_end|>", "parse_special": False}, 200, {
        "tokens.#": 10}),
    Case("pieces", TOKENIZE, {"content": "ab", "with_pieces": True}, 200, {
        "tokens.0.piece": "a", "tokens.1.id": 98}),
    Case("pieces-of-characters", TOKENIZE, {"content": "é", "with_pieces": True}, 200, {
        "tokens.0.piece": [195]}),
    Case("emoji", TOKENIZE, {"content": "😀\u2028"}, 200, {"tokens.#": 7}),
    Case("list", TOKENIZE, {"content": ["ab", 99]}, 200, {"tokens": [97, 98, 99]}),
    Case("no-text", TOKENIZE, {"content": 7}, 400, {"error.code": 400}),
    Case("detokenize", DETOKENIZE, {"tokens": [97, 98]}, 200, {"content": "ab"}),
    Case("detokenize-none", DETOKENIZE, {"tokens": []}, 200, {"content": ""}),
    Case("detokenize-missing", DETOKENIZE, {}, 200, {"content": ""}),
    Case("detokenize-half", DETOKENIZE, {"tokens": [195]}, 200, {"content": str}),
    Case("detokenize-marker", DETOKENIZE, {"tokens": [258]}, 200, {"content": str}),
    Case("detokenize-text", DETOKENIZE, {"tokens": "x"}, 400, {"error.code": 400}),
    Case("template", TEMPLATE, {"messages": SAY}, 200, {"prompt": HI + ASSISTANT}),
    Case("template-bare", TEMPLATE, {"messages": SAY, "add_generation_prompt": False}, 200, {
        "prompt": HI}),
    Case("template-tools", TEMPLATE, {"messages": SAY, "tools": [TOOL]}, 200, {
        "prompt": re.compile("<tools>\n.*look")}),
    Case("template-loop", TEMPLATE, {"messages": LOOP, "tools": [TOOL]}, 200, {
        "prompt": re.compile("tool\n3<.im_end")}),
    Case("template-prefill", TEMPLATE, {"messages": [*SAY, {"role": "assistant", "content": "x"}]},
        200, {"prompt": HI + ASSISTANT + "x"}),
    # the proxy changes chats, not questions about them: what it would have stripped is still there
    Case("template-as-it-is", TEMPLATE, {"messages": [{"role": "user", "content": "hi \n"}]}, 200, {
        "prompt": re.compile("hi \n<")}),
    Case("template-null", TEMPLATE, {"messages": [{**SAY[0], "name": None}]}, 500, {"error.code": 500}),
    Case("template-missing", TEMPLATE, {}, 400, {"error.code": 400}),
    Case("count-messages", "/v1/messages/count_tokens", {"messages": MESSAGES[1:]}, 200, {
        "input_tokens": 35}),
    Case("count-messages-system", "/v1/messages/count_tokens", {
        "system": "Be brief.", "messages": MESSAGES[1:]}, 200, {"input_tokens": PROMPT_TOKENS}),
    Case("count-messages-missing", "/v1/messages/count_tokens", {}, 500, {"error.code": 500}),
    Case("count-responses", "/v1/responses/input_tokens", {"input": "hi"}, 200, {
        "input_tokens": 21, "object": "response.input_tokens"}),
    Case("count-chat", f"{CHAT}/input_tokens", {"messages": MESSAGES}, 200, {
        "input_tokens": PROMPT_TOKENS}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=name_of)
async def test_tokens(case: Case, one: LlamaServer) -> None:
    await check(case, one)
