"""What is worth evaluating before the next user message, as tables of tokens and replies."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chat_dialect import chat_message
from warmprefix.core.messages import changed
from warmprefix.core.slots.prewarm import (
    PLACEHOLDER,
    Plan,
    beginnings,
    coming_message,
    coming_question,
    final_answer,
    forms,
    held_tokens,
    is_text,
    kept_reply,
    plan,
    shared_tokens,
    step_tokens,
)
from warmprefix.core.types import (
    CacheStats,
    Finish,
    Message,
    OpaquePart,
    Prompt,
    RawJson,
    Reply,
    TextPart,
    ToolCall,
)

ANSWER = chat_message("assistant", "Done.", keys=("role", "content"))
REPLY = Reply(message=ANSWER, finish=Finish.ANSWER, complete=True)
CALLS = changed(ANSWER, tool_calls=(ToolCall("a", "read", "{}"),))


def test_an_answer_that_came_to_its_end_is_final() -> None:
    assert final_answer(REPLY, 200) is ANSWER


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        pytest.param(REPLY, 500, id="failed"),
        pytest.param(replace(REPLY, message=None), 200, id="nothing"),
        pytest.param(replace(REPLY, message=CALLS), 200, id="calls-a-tool"),
        pytest.param(replace(REPLY, finish=Finish.OTHER), 200, id="cut"),
        pytest.param(replace(REPLY, complete=False), 200, id="broken-off"),
    ],
)
def test_anything_else_is_not(reply: Reply, status: int) -> None:
    assert final_answer(reply, status) is None


@pytest.mark.parametrize(
    ("message", "text"),
    [
        pytest.param(chat_message("user", "Hi"), True, id="text"),
        pytest.param(chat_message("user", (TextPart("Hi"),)), True, id="text-part"),
        pytest.param(chat_message("user", None), True, id="none"),
        pytest.param(
            chat_message("user", (TextPart("Hi"), OpaquePart(RawJson(b"{}")))), False, id="picture"
        ),
        pytest.param(
            chat_message(None, opaque=True, raw=RawJson(b"1")), False, id="not-understood"
        ),
    ],
)
def test_a_rendering_says_all_of_a_text_only(message: Message, text: bool) -> None:
    assert is_text(Prompt((message,))) is text


@pytest.mark.parametrize(
    ("stats", "held"),
    [
        pytest.param(CacheStats(prompt_tokens=100, generated_tokens=8), 107, id="all-but-the-last"),
        pytest.param(
            CacheStats(prompt_tokens=100, generated_tokens=0), 100, id="nothing-generated"
        ),
        pytest.param(CacheStats(prompt_tokens=100), None, id="not-reported"),
        pytest.param(CacheStats(generated_tokens=8), None, id="prompt-not-reported"),
    ],
)
def test_what_a_slot_holds_after_a_turn(stats: CacheStats, held: int | None) -> None:
    assert held_tokens(stats) == held


INF, NAN = float("inf"), float("nan")


@pytest.mark.parametrize(
    ("stats", "tokens"),
    [
        pytest.param(CacheStats(), 256, id="rate-not-known"),
        pytest.param(CacheStats(processed_tokens=10, prompt_ms=900.0), 256, id="too-few-to-tell"),
        pytest.param(CacheStats(processed_tokens=200), 256, id="no-time"),
        pytest.param(CacheStats(processed_tokens=1000, prompt_ms=4000.0), 125, id="half-a-second"),
        pytest.param(CacheStats(processed_tokens=1000, prompt_ms=40000.0), 64, id="slow"),
        pytest.param(CacheStats(processed_tokens=1000, prompt_ms=100.0), 512, id="fast"),
        pytest.param(CacheStats(processed_tokens=1000, prompt_ms=0.0), 256, id="in-no-time"),
        pytest.param(CacheStats(processed_tokens=1000, prompt_ms=1e-310), 512, id="in-hardly-any"),
        pytest.param(CacheStats(processed_tokens=1000, prompt_ms=1e308), 64, id="for-ever"),
        pytest.param(CacheStats(processed_tokens=1000, prompt_ms=INF), 64, id="and-longer"),
        pytest.param(CacheStats(processed_tokens=1000, prompt_ms=NAN), 256, id="no-number"),
        pytest.param(CacheStats(processed_tokens=1000, prompt_ms=-1.0), 256, id="below-zero"),
        pytest.param(CacheStats(processed_tokens=10**400, prompt_ms=1.0), 512, id="more-than-any"),
        pytest.param(CacheStats(processed_tokens=-5, prompt_ms=1.0), 256, id="fewer-than-none"),
    ],
)
def test_a_step_takes_no_longer_than_a_request_may_wait(stats: CacheStats, tokens: int) -> None:
    assert step_tokens(stats) == tokens


def test_a_reply_comes_back_with_its_reasoning_or_without() -> None:
    thought = changed(ANSWER, reasoning="Hm.")

    assert forms(ANSWER) == (ANSWER,)
    assert forms(thought) == (thought, ANSWER)


def test_a_reply_with_calls_keeps_them_without_its_reasoning() -> None:
    asked = changed(ANSWER, reasoning="Hm.", tool_calls=(ToolCall("c1", "f", "{}"),))

    assert [(form.reasoning, form.tool_calls) for form in forms(asked)] == [
        ("Hm.", asked.tool_calls),
        (None, asked.tool_calls),
    ]


def test_a_user_message_comes_after_an_answer_and_a_result_after_calls() -> None:
    asked = changed(ANSWER, tool_calls=(ToolCall("c1", "f", "{}"), ToolCall("c2", "f", "{}")))

    assert coming_message(ANSWER) == coming_question(ANSWER)
    result = coming_message(asked)
    assert (result.role, result.tool_call_id, result.content) == ("tool", "c1", PLACEHOLDER)


@pytest.mark.parametrize(
    ("status", "complete", "finish", "kept"),
    [
        (200, True, Finish.ANSWER, True),
        (200, True, Finish.CALLS, True),
        (200, True, Finish.OTHER, False),
        (200, False, Finish.ANSWER, False),
        (502, True, Finish.ANSWER, False),
    ],
)
def test_a_client_keeps_a_whole_reply(
    status: int, complete: bool, finish: Finish, kept: bool
) -> None:
    reply = Reply(message=ANSWER, complete=complete, finish=finish)

    assert (kept_reply(reply, status) is ANSWER) is kept


def test_the_rendering_ends_before_the_text_that_nobody_wrote_yet() -> None:
    assert beginnings(f"<user>\n{PLACEHOLDER}</user>") == ("<user>\nx", "<user>\n\n")
    assert beginnings("<user>\n") == ()


def test_only_what_every_form_begins_with_is_sure() -> None:
    assert plan([1, 2, 9, 9], [[1, 2, 3, 4, 5], [1, 2, 3, 7]]) == Plan((1, 2, 3), 2)
    assert plan([1, 2, 3, 4], [[1, 2, 3, 8], [1, 2, 3]]).loss == 0


def test_the_loss_is_read_in_steps() -> None:
    found = plan([0] * 10, [[0] * 10 + [1] * 25])

    assert found.loss == 25
    assert list(found.steps(10)) == [20, 30, 35]
    assert list(found.steps(25)) == [35]


@given(st.lists(st.integers(0, 1)), st.lists(st.integers(0, 1)), st.lists(st.integers(0, 1)))
def test_a_plan_is_the_beginning_of_every_form(
    held: list[int], one: list[int], other: list[int]
) -> None:
    found = plan(held, [one, other])

    assert list(found.tokens) == one[: len(found.tokens)] == other[: len(found.tokens)]
    assert held[: found.shared] == one[: found.shared]
    assert shared_tokens(one, other) == len(found.tokens)
