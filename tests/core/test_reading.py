"""What is known of a request while its prompt is read."""

from dataclasses import replace

import pytest

from tests.chat_dialect import parse
from tests.fakes.scripted_replies import dump
from warmprefix.core.messages import piece
from warmprefix.core.reading import Running, State, estimated_tokens, words_of
from warmprefix.core.types import Progress, Prompt

READS = Running(
    "t", "c", "hermes", "/v1/chat/completions", "m", None, "b", 1.0, 12.4, "reading", 12034, None
)
TEXT = {"type": "text", "text": "four" * 10}
PICTURE = {"type": "image_url", "image_url": {"url": "data:" + "x" * 4000}}
CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": '{"a": 1}'}}],
}
MESSAGES: list[tuple[str, list[object], int]] = [
    ("text", [{"role": "user", "content": "four" * 10}], 10),
    ("reasoning", [{"role": "assistant", "content": "", "reasoning_content": "four"}], 1),
    ("a-picture-is-nothing", [{"role": "user", "content": [TEXT, PICTURE]}], 10),
    ("call", [CALL], 2),
    ("result", [CALL, {"role": "tool", "tool_call_id": "1", "content": "four"}], 3),
]


@pytest.mark.parametrize(
    ("messages", "tokens"), [r[1:] for r in MESSAGES], ids=[r[0] for r in MESSAGES]
)
def test_a_prompt_has_a_token_for_four_characters(messages: list[object], tokens: int) -> None:
    assert estimated_tokens(parse(dump({"messages": messages})).prompt) == tokens


def test_tools_are_part_of_a_prompt() -> None:
    tool = {"type": "function", "function": {"name": "f", "description": "four" * 10}}
    body = {"messages": [], "tools": [tool]}

    assert estimated_tokens(parse(dump(body)).prompt) == len(dump(tool)) // 4


def test_a_plain_text_has_as_many() -> None:
    prompt = Prompt((piece("four" * 3), piece("four")), is_plain=True)

    assert estimated_tokens(prompt) == 4


WORDS: list[tuple[str, Running, str]] = [
    ("nothing-reported", READS, "a prompt of hermes, about 12,034 tokens, is still being read after 12 s"),
    ("not-understood", replace(READS, estimated_tokens=None),
     "a prompt of hermes is still being read after 12 s"),
    ("a-client-that-no-profile-knows", replace(READS, client="unknown"),
     "a prompt, about 12,034 tokens, is still being read after 12 s"),
    ("a-reply-that-is-no-stream", replace(READS, state="answering", estimated_tokens=None),
     "a prompt of hermes is still being read or answered after 12 s"),
    ("reported", replace(READS, progress=Progress(11000, 1000, 4000, 8000.0)),
     "a prompt of hermes is still being read after 12 s: "
     "5,000 of 11,000 tokens read (1,000 cached), about 12 s left"),
    ("just-begun", replace(READS, progress=Progress(11000, 1000, 0, 0.0)),
     "a prompt of hermes is still being read after 12 s: 1,000 of 11,000 tokens read (1,000 cached)"),
]  # fmt: skip


@pytest.mark.parametrize(("running", "words"), [r[1:] for r in WORDS], ids=[r[0] for r in WORDS])
def test_the_operator_reads_how_far_it_is(running: Running, words: str) -> None:
    assert words_of(running) == words


@pytest.mark.parametrize(
    ("state", "is_read"),
    [("waiting", False), ("reading", True), ("answering", True), ("writing", False)],
)
def test_only_what_may_be_read_is_a_long_read(state: State, is_read: bool) -> None:
    assert replace(READS, state=state).is_read is is_read
