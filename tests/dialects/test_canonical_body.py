"""One body in canonical form, with what each rule did to it."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from tests.strategies import Json, body_of, conversations, tool_lists
from warmprefix.core.errors import NotUnderstood
from warmprefix.core.rules.base import Rule
from warmprefix.core.types import Prompt, Risk
from warmprefix.dialects import dialect_by_shape
from warmprefix.dialects.canonical_body import canonicalize_body

TOOL = {"function": {"name": "f"}, "type": "function"}
NOISY: list[Json] = [
    {"role": "user", "content": "x\n"},
    {"content": "y", "role": "assistant", "finish_reason": "stop"},
    {"role": "user", "content": "z"},
]


def test_every_change_is_told_with_its_place_and_reason() -> None:
    canonical = canonicalize_body(body_of(NOISY, [TOOL]))

    assert [(step.rule, step.path) for step in canonical.steps] == [
        ("unknown-fields", "messages[1]"),
        ("user-edge-newlines", "messages[0]"),
        ("key-order", "messages[1]"),
        ("tool-key-order", "tools[0]"),
    ]
    step = canonical.steps[1]
    assert (step.before, step.after) == (
        '{"role":"user","content":"x\\n"}',
        '{"role":"user","content":"x"}',
    )
    assert step.risk == "neutral"
    assert step.why
    assert json.loads(canonical.body)["messages"] == [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": "y"},
        {"role": "user", "content": "z"},
    ]


def test_dropped_tools_are_told() -> None:
    (step,) = canonicalize_body(body_of([], [])).steps

    assert (step.rule, step.path, step.before, step.after) == ("empty-tools", "tools", "[]", "")


CHOICES: list[Any] = [
    pytest.param(["user-edge-newlines"], {"role": "user", "content": "x\n"}, id="one-is-off"),
    pytest.param([], {"role": "user", "content": "x"}, id="all-are-on"),
]


@pytest.mark.parametrize(("disable", "expected"), CHOICES)
def test_rules_can_be_switched_off(disable: list[str], expected: Json) -> None:
    body = canonicalize_body(body_of(NOISY[:1]), disable=disable).body

    assert json.loads(body)["messages"] == [expected]


def test_a_reply_to_be_continued_stays_as_it_is() -> None:
    canonical = canonicalize_body(body_of([{"role": "assistant", "content": "Well, "}]))

    assert canonical.steps == ()
    assert json.loads(canonical.body)["messages"][0]["content"] == "Well, "


def test_an_opaque_message_is_kept() -> None:
    body = b'{"messages":[{ "role":"user","content":"\\ud83d" }]}'

    assert canonicalize_body(body).body == body


def test_a_body_that_is_not_understood_is_refused() -> None:
    with pytest.raises(NotUnderstood):
        canonicalize_body(b"[]")


@given(conversations(), tool_lists())
@settings(max_examples=60)
def test_a_canonical_body_is_its_own(messages: list[Json], tools: list[Json] | None) -> None:
    canonical = canonicalize_body(body_of(messages, tools)).body

    assert canonicalize_body(canonical).body == canonical
    assert canonicalize_body(canonical).steps == ()


def test_a_rule_that_raises_is_not_skipped_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Prompt) -> Prompt:
        raise RuntimeError("broken")

    broken = Rule("broken", Risk.LOSSLESS, fail, why="", source="")
    monkeypatch.setattr("warmprefix.dialects.canonical_body.choose_rules", lambda *_: (broken,))

    with pytest.raises(RuntimeError, match="broken"):
        canonicalize_body(body_of([{"role": "user", "content": "Hi."}]))


def test_what_was_read_as_several_messages_is_told() -> None:
    result = {"type": "tool_result", "tool_use_id": "a", "content": "r"}
    question = {"role": "user", "content": [result, {"type": "text", "text": "Go."}]}
    call = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
    messages = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": [call]},
        question,
    ]
    body = json.dumps({"messages": messages}).encode()

    steps = canonicalize_body(body, dialect=dialect_by_shape(body)).steps

    assert [(step.rule, step.path) for step in steps if step.rule == "results-first"] == [
        ("results-first", "messages[2]")
    ]


def test_what_only_we_read_otherwise_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def apply(prompt: Prompt) -> Prompt:
        return replace(prompt, messages=tuple(replace(m) for m in prompt.messages))

    rule = Rule("reread", Risk.LOSSLESS, apply, why="", source="")
    monkeypatch.setattr("warmprefix.dialects.canonical_body.choose_rules", lambda *_: (rule,))

    assert canonicalize_body(body_of(NOISY)).steps == ()
