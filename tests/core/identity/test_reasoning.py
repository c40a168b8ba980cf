"""Reasoning in the text of a reply: only the head is looked at, and nothing of it is lost."""

from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.chat_dialect import chat_message
from warmprefix.core.identity.reasoning import same_reasoning, split_reasoning, text_of
from warmprefix.core.types import Content, OpaquePart, RawJson, TextPart

TAG = "thinking-content-" + "0af1" * 8


class Case(NamedTuple):
    id: str
    content: str
    reasoning: str
    visible: str
    source: str


CASES = [
    Case("none", "Hello <b>", "", "Hello <b>", "own"),
    Case("think", "<think>\na\n</think>\n\nHello", "\na\n", "Hello", "gptme 0.35.1"),
    Case("blanks-in-front", "\n <think>a</think>b", "a", "b", "Qwen3 through hermes-agent"),
    Case("tag-of-aider", f"<{TAG}>\na\n</{TAG}>\n\nb", "\na\n", "b", "aider reasoning_tags.py"),
    Case("reasoning-tag", "<reasoning>a</reasoning>b", "a", "b", "hermes-agent 0.19.0"),
    Case(
        "details",
        '<details type="reasoning" done="true" duration="3">\n<summary>Thought for 3 seconds'
        "</summary>\n> a\n> b\n</details>\nHello",
        "a\nb",
        "Hello",
        "https://github.com/open-webui/open-webui/issues/21815",
    ),
    Case(
        "details-without-summary",
        '<details type="reasoning">\n> a <summary>b</summary>\n</details>Hello',
        "a <summary>b</summary>",
        "Hello",
        "own: only a summary in front is the client's",
    ),
    Case("empty-block", "<think>\n\n</think>\n\nHello", "\n\n", "Hello", "Qwen3 without thinking"),
    Case("never-closed", "<think>a", "", "<think>a", "own: a cut reply"),
    Case("closed-by-another", "<think>a</thinking>b", "", "<think>a</thinking>b", "own"),
    Case("further-down", "See: <think>a</think>", "", "See: <think>a</think>", "own: an answer"),
    Case("other-details", "<details>a</details>b", "", "<details>a</details>b", "own: HTML"),
    Case("only-the-first", "<think>a</think><think>b</think>", "a", "<think>b</think>", "own"),
]


TEXTS = [
    pytest.param("x", "x", id="string"),
    pytest.param(None, "", id="nothing"),
    pytest.param((TextPart("x"),), "x", id="one-part"),
    pytest.param((TextPart("x"), TextPart("y")), "", id="several-parts"),
    pytest.param((OpaquePart(RawJson(b"{}")),), "", id="picture"),
]


@pytest.mark.parametrize(("content", "expected"), TEXTS)
def test_the_text_of_a_message(content: str | tuple[Content, ...] | None, expected: str) -> None:
    assert text_of(chat_message("user", content)) == expected


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_reasoning_is_told_from_the_answer(case: Case) -> None:
    split = split_reasoning(case.content)

    assert (split.reasoning, split.visible) == (case.reasoning, case.visible)


PIECES = st.sampled_from(["<think>", "</think>", '<details type="reasoning">', "</details>"])


@given(st.lists(PIECES | st.text(max_size=3), max_size=6).map("".join))
@settings(max_examples=100)
def test_block_and_answer_are_the_text(content: str) -> None:
    split = split_reasoning(content)

    assert split.block + split.visible == content


@pytest.mark.parametrize(
    ("one", "other", "same"), [("a b\n", "\na  b", True), ("a b", "ab", False), ("", " ", True)]
)
def test_reasoning_is_the_same_but_for_white_space(one: str, other: str, same: bool) -> None:
    assert same_reasoning(one, other) is same
