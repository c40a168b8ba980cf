"""The chat completion that llama-server makes of a Responses request."""

import json
from typing import Any, NamedTuple

import pytest

from tests.dialects.responses.requests import (
    ASKED,
    CALLED,
    LOOK,
    RESULT,
    SAID,
    SEARCHED,
    THOUGHT,
    Json,
    parse,
)
from warmprefix.core.types import Prompt, RawJson, Tool
from warmprefix.dialects.responses.as_chat import as_chat


class Case(NamedTuple):
    id: str
    body: Json
    expected: Json


def parts(*texts: str) -> list[Json]:
    return [{"type": "text", "text": text} for text in texts]


def said(items: Any, *messages: Json, **more: Any) -> Json:
    return {"body": {"input": items}, "expected": {"messages": [*messages], **more}}


USER: Json = {"role": "user", "content": parts("Why?")}
CALL = {"id": "fc_a", "type": "function",
    "function": {"name": "look", "arguments": '{ "at": 1e1 }'}}  # fmt: skip
FUNCTION = {"name": "look", "description": "Look.", "parameters": {"type": "object"}}
PICTURE = {"type": "input_image", "image_url": "data:x"}
LATER = {**THOUGHT, "content": [{"type": "reasoning_text", "text": "Or?"}]}
CASES = [
    Case("text", {"input": "Why?"}, {"messages": [USER]}),
    Case("instructions", {"instructions": "Be kind.", "input": [ASKED]},
        {"messages": [{"role": "system", "content": "Be kind."}, USER]}),
    Case("null-instructions", {"instructions": None, "input": [ASKED]},
        {"messages": [{"role": "system", "content": ""}, USER]}),
    Case("developer", {"input": [{"role": "developer", "content": "Be kind."}]},
        {"messages": [{"role": "developer", "content": parts("Be kind.")}]}),
    Case("reply", {"input": [ASKED, THOUGHT, SAID, CALLED, RESULT]}, {"messages": [USER,
        {"role": "assistant", "content": parts("  I look.\n\n"), "reasoning_content": "Hm.\n",
            "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "fc_a", "content": "a wall\n"}]}),
    Case("call-alone", {"input": [CALLED]}, {"messages": [
        {"role": "assistant", "tool_calls": [CALL]}]}),
    Case("thought-alone", {"input": [THOUGHT]}, {"messages": [
        {"role": "assistant", "content": [], "reasoning_content": "Hm.\n"}]}),
    Case("the-last-thought", {"input": [THOUGHT, LATER, CALLED]}, {"messages": [
        {"role": "assistant", "content": [], "reasoning_content": "Or?", "tool_calls": [CALL]}]}),
    Case("result-in-parts", {"input": [{**RESULT, "output": [*ASKED["content"] * 2]}]},
        {"messages": [{"role": "tool", "tool_call_id": "fc_a", "content": parts("Why?", "Why?")}]}),
    Case("picture", {"input": [{"role": "user", "content": [PICTURE, {"type": "input_file"}]}]},
        {"messages": [{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": "data:x"}}]}]}),
    Case("what-is-not-understood", {"input": [ASKED, SEARCHED]}, {"messages": [USER]}),
    Case("tools", {"input": [ASKED], "tools": [LOOK, {"type": "web_search"}]},
        {"messages": [USER], "tools": [
            {"type": "function", "function": {**FUNCTION, "strict": True}}]}),
    Case("lax-tool", {"input": [ASKED], "tools": [{**LOOK, "strict": False}]},
        {"messages": [USER], "tools": [
            {"type": "function", "function": {**FUNCTION, "strict": False}}]}),
    Case("no-tool-is-a-function", {"input": [ASKED], "tools": [{"type": "web_search"}]},
        {"messages": [USER]}),
    Case("options", {"input": [ASKED], "reasoning": {"summary": "auto", "effort": "low"},
        "tool_choice": "auto", "text": {"verbosity": "low"}},
        {"messages": [USER], "tool_choice": "auto", "reasoning_effort": "low"}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_it_is_what_llama_server_makes(case: Case) -> None:
    assert json.loads(as_chat(parse(case.body).prompt)) == case.expected


def test_what_no_strict_parser_reads_is_left_out() -> None:
    picture = b'{"type":"input_image","image_url":"\\ud800"}'
    prompt = parse(b'{"input":[{"role":"user","content":[' + picture + b"]}]}").prompt
    tool = Tool(None, RawJson(b'{"type":"function","name":"\\ud800"}'))

    chat = json.loads(as_chat(Prompt(prompt.messages, (tool,))))

    assert chat == {"messages": [{"role": "user", "content": []}]}
