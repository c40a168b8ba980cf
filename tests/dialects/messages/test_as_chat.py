"""The chat completion that llama-server makes of a Messages request."""

import json
from typing import Any, NamedTuple

import pytest

from tests.fakes.llama import LlamaServer
from warmprefix.core.types import Prompt, RawJson, Tool
from warmprefix.dialects.base import NoMemory
from warmprefix.dialects.messages import MESSAGES
from warmprefix.dialects.messages.as_chat import as_chat

Json = dict[str, Any]
TEXT = {"type": "text", "text": "x"}
USE = {"type": "tool_use", "id": "c", "name": "f", "input": {"b": [1.0], "a": None}}
RESULT = {"type": "tool_result", "tool_use_id": "c", "content": "r"}
CALL = {
    "id": "c",
    "type": "function",
    "function": {"name": "f", "arguments": '{"b":[1.0],"a":null}'},
}


class Row(NamedTuple):
    id: str
    messages: list[Any]
    expected: list[Any]


def said(role: str, content: object, **more: object) -> Json:
    return {"role": role, "content": content, **more}


MESSAGES_ROWS = [
    Row("string", [said("user", "x")], [said("user", "x")]),
    Row("blocks", [said("user", [TEXT, TEXT])], [said("user", [TEXT, TEXT])]),
    Row("system-inside", [said("system", "x")], [said("system", "x")]),
    Row(
        "reply",
        [said("assistant", [{"type": "thinking", "thinking": "t"}, TEXT, USE])],
        [said("assistant", [TEXT], reasoning_content="t", tool_calls=[CALL])],
    ),
    Row(
        "several-thoughts",
        [said("assistant", [{"type": "thinking", "thinking": "t"}] * 2)],
        [said("assistant", "", reasoning_content="tt")],
    ),
    Row("call-alone", [said("assistant", [USE])], [said("assistant", "", tool_calls=[CALL])]),
    Row(
        "results",
        [said("user", [RESULT, {**RESULT, "content": [TEXT, TEXT]}])],
        [said("tool", "r", tool_call_id="c"), said("tool", "xx", tool_call_id="c")],
    ),
    Row(
        "text-behind-a-result",
        [said("user", [RESULT, TEXT])],
        [said("tool", "r", tool_call_id="c"), said("user", [TEXT])],
    ),
    Row(
        "text-before-a-result",
        [said("user", [TEXT, RESULT])],
        [said("user", [TEXT]), said("tool", "r", tool_call_id="c")],
    ),
    Row("unknown-blocks", [said("user", [{"type": "document"}])], []),
    Row("nothing", [said("user", [])], []),
    Row("no-message", [5], []),
]


def chat_of(body: Json) -> Json:
    request = MESSAGES.parse(json.dumps(body).encode(), NoMemory(MESSAGES))
    chat: Json = json.loads(MESSAGES.as_chat(request.prompt))
    return chat


@pytest.mark.parametrize("row", MESSAGES_ROWS, ids=lambda row: row.id)
def test_messages_become_those_of_a_chat(row: Row) -> None:
    assert chat_of({"messages": row.messages}) == {"messages": row.expected}


SYSTEMS = [("x", "x"), ([TEXT, {"type": "image"}, TEXT], "xx"), ([], "")]


@pytest.mark.parametrize(("system", "expected"), SYSTEMS)
def test_instructions_come_first(system: object, expected: str) -> None:
    chat = chat_of({"messages": [said("user", "x")], "system": system})

    assert chat["messages"] == [said("system", expected), said("user", "x")]


def test_a_call_that_was_not_written_yet_has_its_arguments_as_text() -> None:
    reader = MESSAGES.reader(stream=False)
    reader.feed(json.dumps(said("assistant", [USE, {**USE, "input": {}}])).encode())
    reply = reader.finish().message
    assert reply is not None
    request = MESSAGES.parse(b'{"messages":[]}', NoMemory(MESSAGES))
    prompt = type(request.prompt)((reply,))

    calls = json.loads(MESSAGES.as_chat(prompt))["messages"][0]["tool_calls"]

    assert [call["function"]["arguments"] for call in calls] == ['{"b":[1.0],"a":null}', "{}"]


def test_tools_become_functions() -> None:
    tools = [{"name": "f", "description": "d", "input_schema": {"type": "object"}}, 5]

    chat = chat_of({"messages": [], "tools": tools})

    function = {"name": "f", "description": "d", "parameters": {"type": "object"}}
    assert chat["tools"] == [
        {"type": "function", "function": function},
        {"type": "function", "function": {}},
    ]


CHOICES = [
    ({"type": "auto"}, "auto"),
    ({"type": "any"}, "required"),
    ({"type": "tool", "name": "f"}, "required"),
    ({"type": "none"}, None),
    ("auto", None),
]


@pytest.mark.parametrize(("choice", "expected"), CHOICES)
def test_options_of_the_template_pass(choice: object, expected: str | None) -> None:
    kwargs = {"enable_thinking": False}

    chat = chat_of({"messages": [], "tool_choice": choice, "chat_template_kwargs": kwargs})

    assert chat["chat_template_kwargs"] == kwargs
    assert chat.get("tool_choice") == expected


TOOL = {"name": "f", "description": "Look", "input_schema": {"type": "object", "properties": {}}}
THOUGHT = {"type": "thinking", "thinking": "Because.\n", "signature": ""}
ASKED = said("user", [TEXT, TEXT])
RENDERED: list[tuple[str, Json]] = [
    ("string", {"messages": [said("user", "hi\n")]}),
    ("blocks", {"messages": [ASKED], "system": [TEXT, TEXT]}),
    ("tools", {"messages": [ASKED], "tools": [TOOL], "system": "x"}),
    (
        "loop",
        {
            "messages": [
                ASKED,
                said("assistant", [THOUGHT, TEXT, USE]),
                said("user", [RESULT, {**RESULT, "content": [TEXT, TEXT]}]),
                said("assistant", [{**USE, "input": {}}]),
                said("user", [RESULT]),
                said("system", "A reminder."),
            ],
            "tools": [TOOL],
        },
    ),
]


@pytest.mark.backend
@pytest.mark.parametrize("body", [pytest.param(body, id=id) for id, body in RENDERED])
def test_llama_server_renders_it_as_it_renders_the_request(
    tiny_llama: LlamaServer, body: Json
) -> None:
    """By the number of tokens: an endpoint says nothing more of what it has rendered."""
    usage = json.loads(tiny_llama.post("/v1/messages", {**body, "max_tokens": 1}))["usage"]
    text = json.loads(tiny_llama.post("/apply-template", chat_of(body)))["prompt"]
    asked = {"content": text, "add_special": True, "parse_special": True}
    tokens = json.loads(tiny_llama.post("/tokenize", asked))["tokens"]

    assert usage["input_tokens"] + usage["cache_read_input_tokens"] == len(tokens)


def test_a_tool_that_no_strict_parser_reads_is_left_out() -> None:
    half = Tool(None, RawJson(b'{"name":"\\ud83d"}'))
    whole = Tool("f", RawJson(b'{"name":"f"}'))

    body = json.loads(as_chat(Prompt((), (half, whole))))

    assert body["tools"] == [{"type": "function", "function": {"name": "f"}}]
