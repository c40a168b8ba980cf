"""All rules in order, each guarded, with what they made of a message remembered."""

from typing import Any

import pytest
from hypothesis import given, settings

from tests.chat_dialect import chat_message
from tests.strategies import Json, conversations, prompt_of, prompts
from warmprefix.core.canonical import Canonicalizer, choose_rules, continued
from warmprefix.core.messages import written
from warmprefix.core.rules import RULES
from warmprefix.core.rules.base import Rule, message_rule
from warmprefix.core.types import Message, Prompt, RawJson, Risk

DEFAULT = choose_rules()
NOISY: list[Json] = [
    {"role": "system", "content": "Be brief.\n"},
    {"role": "assistant", "content": "a ", "finish_reason": "stop"},
    {"role": "user", "content": "b"},
]


def broken(message: Message) -> Message:
    raise RuntimeError(message.role)


def broken_for_all(prompt: Prompt) -> Prompt:
    raise RuntimeError(len(prompt.messages))


BROKEN = message_rule("broken", Risk.LOSSLESS, broken, why="", source="")
BROKEN_FOR_ALL = Rule("broken-for-all", Risk.LOSSLESS, broken_for_all, why="", source="")
MEANING = message_rule("opt-in", Risk.MEANING, broken, why="", source="")

CHOICES = [
    pytest.param({}, [BROKEN], id="on-by-default"),
    pytest.param({"enable": ["opt-in"]}, [BROKEN, MEANING], id="named"),
    pytest.param({"disable": ["broken"]}, [], id="switched-off"),
    pytest.param({"enable": ["opt-in"], "disable": ["opt-in"]}, [BROKEN], id="off-wins"),
]


@pytest.mark.parametrize(("choice", "expected"), CHOICES)
def test_rules_are_chosen_by_name_and_risk(choice: Any, expected: list[Rule]) -> None:
    assert list(choose_rules(**choice, rules=(BROKEN, MEANING))) == expected


def test_the_rules_that_changed_something_are_named() -> None:
    canonical = Canonicalizer(DEFAULT).run(prompt_of(NOISY))

    assert set(canonical.rules) == {"edge-whitespace", "unknown-fields"}
    assert canonical.failed == ()
    assert [message.content for message in canonical.prompt.messages] == ["Be brief.", "a", "b"]


def test_a_rule_that_raises_is_skipped_and_named() -> None:
    rules = (BROKEN, *DEFAULT, BROKEN_FOR_ALL)
    canonicalizer = Canonicalizer(rules)

    for _ in range(2):  # the second time from memory
        canonical = canonicalizer.run(prompt_of(NOISY))

        assert canonical.failed == ("broken", "broken-for-all")
        assert canonical.prompt == Canonicalizer(DEFAULT).run(prompt_of(NOISY)).prompt


def test_a_rule_that_raises_is_told_of_whenever_it_is_run() -> None:
    told: list[tuple[str, str]] = []
    canonicalizer = Canonicalizer(
        (BROKEN, BROKEN_FOR_ALL), lambda name, error: told.append((name, str(error)))
    )

    for _ in range(2):  # the second time the messages are remembered
        canonicalizer.run(prompt_of(NOISY))

    for_each = [("broken", message["role"]) for message in NOISY]
    assert told == [*for_each, ("broken-for-all", "3"), ("broken-for-all", "3")]


def test_a_reply_to_be_continued_stays_as_it_is() -> None:
    begun = {"role": "assistant", "content": "The answer is \n", "finish_reason": None}
    prompt = prompt_of([*NOISY, begun])

    canonical = Canonicalizer(DEFAULT).run(prompt)

    assert continued(prompt) == prompt.messages[-1:]
    assert canonical.prompt.messages[-1] is prompt.messages[-1]
    assert canonical.prompt.messages[1].content == "a"


@pytest.mark.parametrize("messages", [[], NOISY], ids=["nothing", "a-user-last"])
def test_nothing_is_continued_but_a_reply(messages: list[Json]) -> None:
    assert continued(prompt_of(messages)) == ()


def test_a_message_without_received_bytes_is_canonical_too() -> None:
    prompt = Prompt((chat_message("user", "x\n"), chat_message("user", "y")))

    canonical = Canonicalizer(DEFAULT).run(prompt)

    assert [written(message) for message in canonical.prompt.messages] == [
        b'{"role":"user","content":"x"}',
        b'{"role":"user","content":"y"}',
    ]


CALLED: list[Json] = [
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        ],
    },
    {"role": "tool", "tool_call_id": "c", "content": "r"},
]


def test_a_canonicalizer_tells_its_state() -> None:
    """Rules of one message, the others, and how many messages are remembered."""
    canonicalizer = Canonicalizer((*DEFAULT[:2], DEFAULT[-1]))
    canonicalizer.run(prompt_of(NOISY))

    assert repr(canonicalizer) == "Canonicalizer(2 + 1 rules, 3)"


@given(prompts())
@settings(max_examples=80)
def test_the_canonical_form_is_its_own(prompt: Prompt) -> None:
    """And rules in a row are the same as the canonicalizer, remembered or not."""
    canonicalizer = Canonicalizer(DEFAULT)
    first = canonicalizer.run(prompt)
    again = canonicalizer.run(first.prompt)
    remembered = canonicalizer.run(prompt)

    assert again.prompt is first.prompt
    assert again.rules == again.failed == first.failed == ()
    assert (remembered.prompt, remembered.rules) == (first.prompt, first.rules)
    assert list(map(written, remembered.prompt.messages)) == list(
        map(written, first.prompt.messages)
    )


@given(conversations())
@settings(max_examples=80)
def test_the_canonicalizer_does_what_the_rules_do_in_a_row(messages: list[Json]) -> None:
    expected = prompt = prompt_of([*messages, {"role": "user", "content": "next"}])
    for rule in RULES:
        if rule.on_by_default:
            expected = rule.apply(expected)

    found = Canonicalizer(DEFAULT).run(prompt).prompt

    assert list(map(written, found.messages)) == list(map(written, expected.messages))


def test_an_opaque_message_stays_as_it_is() -> None:
    opaque = chat_message(None, opaque=True, raw=RawJson(b'{"role":"user","role":"user"}'))
    prompt = Prompt((opaque, chat_message("user", "x", raw=RawJson(b"{}"))))

    assert Canonicalizer(DEFAULT).run(prompt).prompt is prompt
