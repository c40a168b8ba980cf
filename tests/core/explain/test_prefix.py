"""How far two prompts are the same, in messages and characters of what is sent."""

from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings

from tests.strategies import prompt_of, prompts
from warmprefix.core.explain.prefix import Prefix, characters, common_prefix, same_head
from warmprefix.core.types import Prompt, RawJson
from warmprefix.dialects.chat_completions.messages import parse_message

ONE = {"role": "user", "content": "one"}
SIZE = len('{"role":"user","content":"one"}')
HEAD = len('{"role":"user","content":"')


class Case(NamedTuple):
    id: str
    before: list[Any]
    after: list[Any]
    expected: Prefix


CASES = [
    Case("nothing", [], [], Prefix(0, 0)),
    Case("first-request", [], [ONE], Prefix(0, 0)),
    Case("same", [ONE], [ONE], Prefix(1, SIZE)),
    Case("longer", [ONE], [ONE, ONE], Prefix(1, SIZE)),
    Case("shorter", [ONE, ONE], [ONE], Prefix(1, SIZE)),
    Case("last-word", [ONE], [ONE | {"content": "ore"}], Prefix(0, HEAD + 1)),
    Case("second-message", [ONE, ONE], [ONE, ONE | {"content": "x"}], Prefix(1, SIZE + HEAD)),
    Case("role", [ONE], [ONE | {"role": "tool"}], Prefix(0, len('{"role":"'))),
    Case(
        "characters-not-bytes",
        [{"content": "é\U0001f600a", "role": "user"}],
        [{"content": "é\U0001f600b", "role": "user"}],
        Prefix(0, len('{"content":"é\U0001f600')),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_shared_part_is_counted(case: Case) -> None:
    before, after = prompt_written(case.before), prompt_written(case.after)

    assert common_prefix(before, after) == case.expected


def prompt_written(messages: list[Any]) -> Prompt:
    """The prompt with every message written by us, so that no escapes are left."""
    found = prompt_of(messages).messages
    return Prompt(tuple(replace(message, raw=None) for message in found))


def test_escapes_of_json_are_no_difference() -> None:
    old, new = (
        b'{"role":"user","content":"\\u00fcber"}',
        '{"role":"user","content":"über"}'.encode(),
    )
    before, after = (Prompt((parse_message(raw),)) for raw in (old, new))

    assert common_prefix(before, after) == Prefix(1, len(new.decode()))


def test_blanks_between_tokens_are_no_difference() -> None:
    before = Prompt((parse_message(b'{"role":"user","content":"one"}'),))
    after = Prompt((parse_message(b'{ "role": "user", "content": "one" }'),))

    assert common_prefix(before, after) == Prefix(1, characters(after.messages))


TOOL = {"type": "function", "function": {"name": "f"}}
HEADS = [
    pytest.param(prompt_of([ONE], [TOOL]), prompt_of([ONE], [TOOL]), True, id="same-tools"),
    pytest.param(prompt_of([ONE]), prompt_of([ONE], []), True, id="no-tools"),
    pytest.param(prompt_of([ONE]), prompt_of([ONE], [TOOL]), False, id="tool-added"),
    pytest.param(
        prompt_of([ONE], [TOOL, TOOL | {"x": 1}]),
        prompt_of([ONE], [TOOL | {"x": 1}, TOOL]),
        False,
        id="tool-order",
    ),
    pytest.param(
        prompt_of([ONE]),
        Prompt(prompt_of([ONE]).messages, None, {"tool_choice": RawJson(b'"none"')}),
        False,
        id="template-option",
    ),
]


@pytest.mark.parametrize(("before", "after", "same"), HEADS)
def test_tools_and_template_options_come_before_the_messages(
    before: Prompt, after: Prompt, same: bool
) -> None:
    assert same_head(before, after) is same
    assert common_prefix(before, after) == (Prefix(1, SIZE) if same else Prefix(0, 0))


def test_a_message_with_half_a_character_is_counted_and_compared() -> None:
    """Raw surrogate bytes: Python's lenient parser reads them, UTF-8 does not."""
    half = parse_message(b'{"role":"user","content":"\xed\xa0\xbd"}')
    whole = parse_message(b'{"role":"user","content":"x"}')

    assert half.opaque
    assert characters((half,)) >= HEAD
    assert common_prefix(Prompt((half,)), Prompt((whole,))) == Prefix(0, HEAD)


@given(prompts())
@settings(max_examples=50)
def test_a_prompt_shares_all_of_itself_and_any_part(prompt: Prompt) -> None:
    for count in range(len(prompt.messages) + 1):
        part = Prompt(prompt.messages[:count], prompt.tools, prompt.template_options)
        expected = Prefix(count, characters(part.messages))

        assert common_prefix(prompt, part) == common_prefix(part, prompt) == expected
