"""The first place where two prompts differ, by path and by what kind of change it is."""

import json
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.builders import Json, assistant, call, system, user
from tests.chat_dialect import chat_message
from warmprefix.core.explain.difference import first_difference
from warmprefix.core.messages import changed, shown_parts
from warmprefix.core.types import (
    CallPart,
    Message,
    OpaquePart,
    Part,
    Prompt,
    RawJson,
    ResultPart,
    Tool,
    ToolCall,
)
from warmprefix.dialects.base import NoMemory
from warmprefix.dialects.chat_completions.messages import parse_message
from warmprefix.dialects.chat_completions.shape import SHAPE
from warmprefix.dialects.messages import MESSAGES
from warmprefix.dialects.responses import RESPONSES


def prompt(*messages: Json, tools: tuple[Json, ...] | None = None, **options: Any) -> Prompt:
    return Prompt(
        tuple(parse_message(json.dumps(value).encode()) for value in messages),
        None if tools is None else tuple(tool(value) for value in tools),
        {name: RawJson(json.dumps(value).encode()) for name, value in options.items()},
    )


def tool(value: Json) -> Tool:
    return Tool(value["function"]["name"], RawJson(json.dumps(value).encode()))


def function(name: str, properties: Json | None = None, **more: Any) -> Json:
    parameters = {"type": "object", "properties": properties or {}}
    return {"type": "function", "function": {"name": name, "parameters": parameters, **more}}


@dataclass(frozen=True)
class Case:
    id: str
    before: Prompt
    after: Prompt
    path: str
    cause: str
    offset: int = 0


A, B = function("a", {"x": {}, "y": {}}), function("b")
A_SORTED = function("a", {"y": {}, "x": {}})
A_OTHER = function("a", {"x": {"type": "string"}, "y": {}})
PICTURE = [{"type": "image_url", "image_url": {"url": "data:1"}}]
OTHER_PICTURE = [{"type": "image_url", "image_url": {"url": "data:2"}}]
BLOCK = "Go.\n<system-reminder>x</system-reminder>"

CASES = (
    Case("system", prompt(system("Be A")), prompt(system("Be B")), "messages[0].content", "edit", 3),
    Case("role", prompt(system("A")), prompt(user("A")), "messages[0]", "edit", 10),
    Case(
        "whitespace", prompt(user("A"), assistant("B\n")), prompt(user("A"), assistant("B")),
        "messages[1].content", "whitespace", 1,
    ),
    Case("block", prompt(user(BLOCK)), prompt(user("Go.")), "messages[0].content", "transient-block", 3),
    Case(
        "think-in-text", prompt(user("A"), assistant("<think>x</think>B")),
        prompt(user("A"), assistant("B")), "messages[1].content", "reasoning",
    ),
    Case(
        "answer", prompt(user("A"), assistant("B")), prompt(user("A"), assistant("C")),
        "messages[1].content", "edit",
    ),
    Case(
        "reasoning", prompt(user("A"), assistant("B", reasoning_content="why")),
        prompt(user("A"), assistant("B")), "messages[1].reasoning_content", "reasoning",
    ),
    Case(
        "arguments", prompt(assistant("", tool_calls=[call('{"a":1,"b":2}')])),
        prompt(assistant("", tool_calls=[call('{"b":2,"a":1}')])),
        "messages[0].tool_calls[0].function.arguments", "arguments", 2,
    ),
    Case(
        "argument-value", prompt(assistant("", tool_calls=[call('{"a":1}')])),
        prompt(assistant("", tool_calls=[call('{"a":2}')])),
        "messages[0].tool_calls[0].function.arguments", "edit", 5,
    ),
    Case(
        "call-name", prompt(assistant("", tool_calls=[call("{}", "f")])),
        prompt(assistant("", tool_calls=[call("{}", "g")])),
        "messages[0].tool_calls[0].function.name", "edit",
    ),
    Case(
        "call-id", prompt(assistant("", tool_calls=[call("{}", call_id="c1")])),
        prompt(assistant("", tool_calls=[call("{}", call_id="c2")])),
        "messages[0].tool_calls[0].id", "id", 1,
    ),
    Case(
        "call-gone", prompt(assistant("", tool_calls=[call("{}"), call("{}", call_id="c2")])),
        prompt(assistant("", tool_calls=[call("{}")])), "messages[0].tool_calls[1]", "edit",
    ),
    Case(
        "result-id", prompt({"role": "tool", "tool_call_id": "c1", "content": "r"}),
        prompt({"role": "tool", "tool_call_id": "c2", "content": "r"}),
        "messages[0].tool_call_id", "id", 1,
    ),
    Case("name", prompt(user("A")), prompt(user("A", name="x")), "messages[0].name", "edit"),
    Case("picture", prompt(user(PICTURE)), prompt(user(OTHER_PICTURE)), "messages[0].content", "edit", 49),
    Case(
        "tools-shuffled", prompt(user("A"), tools=(A, B)), prompt(user("A"), tools=(B, A)),
        "tools[0]", "tool-order",
    ),
    Case(
        "tool-in-front", prompt(user("A"), tools=(A,)), prompt(user("A"), tools=(B, A)),
        "tools[0]", "tool-set",
    ),
    Case("tool-behind", prompt(user("A"), tools=(A,)), prompt(user("A"), tools=(A, B)), "tools[1]", "tool-set"),
    Case("tool-gone", prompt(user("A"), tools=(A, B)), prompt(user("A"), tools=(A,)), "tools[1]", "tool-set"),
    Case("tools-gone", prompt(user("A"), tools=(A,)), prompt(user("A")), "tools[0]", "tool-set"),
    Case(
        "schema-keys", prompt(user("A"), tools=(A,)), prompt(user("A"), tools=(A_SORTED,)),
        "tools[0].function.parameters.properties", "tool-schema", 2,
    ),
    Case(
        "schema-value", prompt(user("A"), tools=(A,)), prompt(user("A"), tools=(A_OTHER,)),
        "tools[0].function.parameters.properties.x", "tool-schema", 1,
    ),
    Case(
        "option", prompt(user("A"), reasoning_effort="low"),
        prompt(user("A"), reasoning_effort="high"), "reasoning_effort", "template-option", 1,
    ),
    Case(
        "option-new", prompt(user("A")), prompt(user("A"), reasoning_effort="high"),
        "reasoning_effort", "template-option",
    ),
    Case(
        "options-before-tools", prompt(user("A"), tools=(A,), reasoning_effort="low"),
        prompt(user("A"), tools=(B,)), "reasoning_effort", "template-option",
    ),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_first_difference_is_found(case: Case) -> None:
    found = first_difference(case.before, case.after)

    assert found is not None
    assert (found.path, found.cause, found.offset) == (case.path, case.cause, case.offset)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(prompt(user("A")), prompt(user("A")), id="equal"),
        pytest.param(prompt(user("A")), prompt(user("A"), assistant("B")), id="went-on"),
        pytest.param(prompt(user("A"), assistant("B")), prompt(user("A")), id="a-part"),
        pytest.param(prompt(user("A"), tools=()), prompt(user("A")), id="no-tools-either-way"),
        pytest.param(
            Prompt((parse_message(b'{"role": "user", "content": "A"}'),)),
            Prompt((parse_message(b'{"role":"user","content":"A"}'),)),
            id="blanks-between-tokens",
        ),
        pytest.param(prompt(user("A", x=1)), prompt(user("A", x=2)), id="a-member-nobody-prints"),
        pytest.param(
            prompt(user("A")), prompt(user([{"type": "text", "text": "A"}])), id="one-text-part"
        ),
        pytest.param(
            Prompt((parse_message(b'{"content":"\\u00e4","role":"user"}'),)),
            Prompt((parse_message('{"role":"user","content":"ä"}'.encode()),)),
            id="escapes-and-order",
        ),
        pytest.param(
            Prompt((parse_message(b'{"role":"user","content":"\\ud83d"}'),)),
            Prompt((parse_message(b'{"role": "user", "content":"\\ud83d"}'),)),
            id="blanks-in-what-is-not-understood",
        ),
        pytest.param(
            prompt(user("A"), reasoning_effort={"a": 1}),
            Prompt(prompt(user("A")).messages, None, {"reasoning_effort": RawJson(b'{ "a":1}')}),
            id="blanks-in-an-option",
        ),
    ],
)
def test_a_prompt_that_went_on_does_not_differ(before: Prompt, after: Prompt) -> None:
    assert first_difference(before, after) is None


def test_what_is_not_understood_is_compared_as_it_is() -> None:
    half = parse_message(b'{"role":"user","content":"\\ud83d"}')

    found = first_difference(Prompt((half,)), prompt(user("?")))

    assert found is not None
    assert (found.path, found.cause) == ("messages[0]", "edit")
    assert found.before == '{"role":"user","content":"\\ud83d"}'


def test_a_tool_that_is_no_object_is_still_named() -> None:
    before, after = (Prompt((), (Tool(None, RawJson(raw)),)) for raw in (b'"a"', b'"b"'))

    found = first_difference(before, after)

    assert found is not None
    assert (found.path, found.cause) == ("tools[0]", "tool-schema")


def test_a_message_without_text_has_none_to_compare() -> None:
    before = Prompt((chat_message("user", (OpaquePart(RawJson(b"1")),)),))

    found = first_difference(before, Prompt((chat_message("user", None),)))

    assert found is not None
    assert (found.before, found.after) == ("1", None)


FIRST, SECOND, OTHER = (ResultPart(name, shown_parts(name)) for name in "abc")
CALL = CallPart(ToolCall("c", "f", "{}"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param((FIRST, SECOND), (FIRST, OTHER), id="a-later-result"),
        pytest.param((FIRST, SECOND), (FIRST,), id="fewer-results"),
        pytest.param((CALL, FIRST), (FIRST, CALL), id="another-order"),
    ],
)
def test_parts_beside_the_first_result_are_compared_too(
    old: tuple[Part, ...], new: tuple[Part, ...]
) -> None:
    before, after = (
        Message("user", parts, shape=SHAPE, raw=RawJson(str(parts).encode()))
        for parts in (old, new)
    )

    found = first_difference(Prompt((before,)), Prompt((after,)))

    assert found is not None
    assert (found.path, found.cause) == ("messages[0]", "edit")


def test_a_tool_of_no_shape_has_a_place_too() -> None:
    before, after = (Prompt((), (Tool(None, RawJson(raw)),)) for raw in (b"1", b"2"))

    found = first_difference(before, after)

    assert found is not None
    assert found.path == "tools[0]"


USE = {"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1, "b": 2}}
RESULT = {"type": "tool_result", "tool_use_id": "c", "content": "r"}
RESULTS = [RESULT, RESULT]


def asked(*messages: Json, **more: Any) -> Prompt:
    """A prompt of the Messages API."""
    body = json.dumps({"messages": messages, **more}).encode()
    return MESSAGES.parse(body, NoMemory(MESSAGES)).prompt


OF_BLOCKS = [
    Case(
        "instructions-outside",
        asked(user("Hi"), system="Be brief."),
        asked(user("Hi"), system="Be long."),
        "system",
        "edit",
        3,
    ),
    Case(
        "behind-instructions-outside",
        asked(user("Hi"), system="Be brief."),
        asked(user("Ho"), system="Be brief."),
        "messages[0].content",
        "edit",
        1,
    ),
    Case(
        "arguments",
        asked(assistant([USE])),
        asked(assistant([USE | {"input": {"b": 2, "a": 1}}])),
        "messages[0].content[0].input",
        "arguments",
        2,
    ),
    Case(
        "other-arguments",
        asked(assistant([USE])),
        asked(assistant([USE | {"input": {"a": 5, "b": 2}}])),
        "messages[0].content[0].input",
        "edit",
        5,
    ),
]


@pytest.mark.parametrize("case", OF_BLOCKS, ids=lambda case: case.id)
def test_a_difference_in_blocks_is_named_by_its_path(case: Case) -> None:
    found = first_difference(case.before, case.after)

    assert found is not None
    assert (found.path, found.cause, found.offset) == (case.path, case.cause, case.offset)


def generated(arguments: str) -> Prompt:
    """The same call as its model wrote it: arguments are text in a reply."""
    whole = asked(assistant([USE]))
    call = ToolCall("c", "f", arguments)
    return replace(whole, messages=(changed(whole.messages[0], parts=(CallPart(call),)),))


ALIKE = [
    pytest.param(asked(user("Hi")), asked(user([{"type": "text", "text": "Hi"}])), id="one-text"),
    pytest.param(asked(user(RESULTS)), asked(user(RESULTS), user("More")), id="goes-on"),
    pytest.param(
        generated('{"a": 1, "b": 2}'), asked(assistant([USE])), id="blanks-of-generated-arguments"
    ),
    pytest.param(
        generated(""), asked(assistant([USE | {"input": {}}])), id="no-arguments-generated"
    ),
]


@pytest.mark.parametrize(("before", "after"), ALIKE)
def test_what_templates_show_alike_is_no_difference(before: Prompt, after: Prompt) -> None:
    assert first_difference(before, after) is None


def responses(*items: Json, instructions: str = "Be kind.") -> Prompt:
    body = {"instructions": instructions, "input": items}
    return RESPONSES.parse(json.dumps(body).encode(), NoMemory(RESPONSES)).prompt


THOUGHT: Json = {"type": "reasoning", "summary": [], "content": [{"text": "Hm."}]}
ELSEWHERE = [
    pytest.param(responses(instructions="Be quick."), "instructions", 0, id="instructions"),
    pytest.param(responses(user("B")), "input[0].content", 1, id="item"),
    pytest.param(
        responses(user("A"), THOUGHT, assistant("C")), "input[1:3].content", 2, id="several-items"
    ),
    pytest.param(
        responses(user("A"), THOUGHT, assistant("B"), user("D")),
        "input[3].content",
        3,
        id="behind-several-items",
    ),
]


@pytest.mark.parametrize(("after", "path", "message"), ELSEWHERE)
def test_a_path_is_that_of_the_body(after: Prompt, path: str, message: int) -> None:
    """Instructions stand beside the array, and a message may be several elements of it."""
    before = responses(user("A"), THOUGHT, assistant("B"), user("C"))

    found = first_difference(before, after)

    assert found is not None
    assert (found.path, found.message) == (path, message)


ROLES = {"s": "system", "u": "user", "a": "assistant"}


def spoken(*texts: str) -> Prompt:
    """A prompt of `u:text` and so on."""
    pairs = (text.split(":", 1) for text in texts)
    return Prompt(tuple(chat_message(ROLES[role], text) for role, text in pairs))


GONE = [
    pytest.param(
        spoken("s:Be brief.", "u:One.", "u:Reminder.", "a:Done."),
        spoken("s:Be brief.", "u:One.", "a:Done.", "u:Two.", "u:Reminder."),
        ("messages[2]", "transient-block", "Reminder."),
        id="a-message-behind-the-question",
    ),
    pytest.param(
        spoken("s:Be brief.", "u:One.", "a:Done.", "u:Two.", "a:Done too."),
        spoken("s:Be brief.", "u:Two.", "a:Done too.", "u:Three."),
        ("messages[1]", "window", "One.\nDone."),
        id="the-oldest-turn",
    ),
    pytest.param(
        spoken("s:Be brief.", "u:One.", "a:Done.", "u:Two.", "a:Done too."),
        spoken("s:Be brief.", "u:Two.", "a:Another.", "u:Three."),
        ("messages[1].content", "edit", "One."),
        id="not-what-follows",
    ),
    pytest.param(
        spoken("s:Be brief.", "u:[12:00]\nWhat is in the file?", "a:Text."),
        spoken("s:Be brief.", "u:What is in the file?", "a:Text.", "u:And?"),
        ("messages[1].content", "transient-block", "[12:00]\nWhat is in the file?"),
        id="a-part-of-the-newest-question",
    ),
    pytest.param(
        spoken("s:Be brief.", "u:Use the sources: abc. Question: What is it? Answer.", "a:Text."),
        spoken("s:Be brief.", "u:What is it?", "a:Text.", "u:And?"),
        ("messages[1].content", "transient-block", "Use the sources: abc. Question: What is it? Answer."),
        id="the-frame-of-the-newest-question",
    ),
    pytest.param(
        spoken("s:Be brief.", "u:Start here, and then stop.", "a:Text."),
        spoken("s:Be brief.", "u:Start here then stop.", "a:Text.", "u:And?"),
        ("messages[1].content", "edit", "Start here, and then stop."),
        id="a-few-characters-are-no-block",
    ),
    pytest.param(
        spoken("s:Be brief.", "u:[12:00]\nWhat is in it?", "a:Text.", "u:More.", "a:More text."),
        spoken("s:Be brief.", "u:What is in it?", "a:Text.", "u:More.", "a:More text.", "u:And?"),
        ("messages[1].content", "edit", "[12:00]\nWhat is in it?"),
        id="an-older-question",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "told"), GONE)
def test_what_has_vanished_is_told_from_what_was_edited(
    before: Prompt, after: Prompt, told: tuple[str, str, str]
) -> None:
    found = first_difference(before, after)

    assert found is not None
    assert (found.path, found.cause, found.before) == told
    assert found.cause == "edit" or not found.is_block


@pytest.mark.parametrize(
    ("block", "is_block"), [("<context>\nold\n</context>\n", True), ("[now]\nold\n", False)]
)
def test_a_block_of_a_known_kind_is_told_from_others(block: str, is_block: bool) -> None:
    before = spoken("s:Be brief.", f"u:{block}What is it?", "a:Text.")
    found = first_difference(before, spoken("s:Be brief.", "u:What is it?", "a:Text.", "u:And?"))

    assert found is not None
    assert (found.cause, found.is_block) == ("transient-block", is_block)
