"""A break is named by cause, cost and side, from the prompts and what the backend told; never by guess."""

import re
from dataclasses import dataclass, replace

import pytest

from tests.chat_dialect import chat_message
from warmprefix.core.explain.alike import most_alike
from warmprefix.core.explain.cache_break import (
    CacheBreak,
    Volatile,
    explain,
    explain_alike,
    seconds,
    tokens_lost,
)
from warmprefix.core.explain.evidence import Evidence, TemplateBreak, template_break
from warmprefix.core.explain.hint import InForce, OwnBlock, OwnText
from warmprefix.core.explain.saving import Reaches
from warmprefix.core.identity.transient import Block
from warmprefix.core.memory.alignment import Change
from warmprefix.core.messages import shown_parts
from warmprefix.core.types import CacheStats, Message, Prompt, RawJson, Shape
from warmprefix.dialects.chat_completions.shape import SHAPE as CHAT
from warmprefix.dialects.responses.shape import SHAPE as RESPONSES

CLOCK = Volatile(re.compile(r"(?m)^Time: .{1,20}$"), "clock", acts=True)
DATE = Volatile(re.compile(r"\b\d{4}-\d{2}-\d{2}\b"), "date", acts=False)
HELD = CacheStats(1000, 0, 1000, 51, 2000.0, 100.0, "timings")
"""Behind such a turn the backend holds 1,050 tokens."""


def asked(text: str, *more: Message) -> Prompt:
    return Prompt((chat_message("system", text), chat_message("user", "Go."), *more))


def counted(
    prompt: int | None, cached: int | None, milliseconds: float | None = 500.0
) -> CacheStats:
    processed = None if prompt is None or cached is None else prompt - cached
    return CacheStats(prompt, cached, processed, 10, milliseconds, 50.0, "timings")


WENT_ON = (chat_message("assistant", "Done."), chat_message("user", "And?"))
BEFORE = asked("Be brief.")
AFTER = asked("Be brief.", *WENT_ON)


def told(
    after: Prompt,
    stats: CacheStats,
    evidence: Evidence | None = None,
    before: Prompt = BEFORE,
    kind: str = "append",
) -> CacheBreak | None:
    return explain(
        kind,
        before,
        len(before.messages),
        HELD,
        after,
        stats,
        evidence or Evidence(),
        (CLOCK, DATE),
    )


@dataclass(frozen=True)
class Case:
    """A prompt that went on, but was read again: what the backend says decides."""

    id: str
    evidence: Evidence
    cached: int
    cause: str
    side: str


TEMPLATE = TemplateBreak(10, "before", "after", "reasoning")
OTHERWISE = replace(TEMPLATE, cause="unknown")
CASES = (
    Case("cache-prompt-false", Evidence(cache_prompt=False), 0, "no-cache", "client"),
    Case("restarted", Evidence(restarted=True), 0, "restarted", "backend"),
    Case("other-model", Evidence(model_before="a", model_after="b"), 0, "model-switch", "backend"),
    Case("moved", Evidence(has_moved=True, restarted=True, others=1), 0, "other-backend", "backend"),
    Case("template", Evidence(template=TEMPLATE), 600, "reasoning", "template"),
    Case("template-otherwise", Evidence(template=OTHERWISE), 600, "unknown", "template"),
    Case("evicted", Evidence(others=1), 0, "evicted", "backend"),
    Case("cut-by-another", Evidence(others=2), 600, "evicted", "backend"),
    Case("checkpoint", Evidence(), 872, "checkpoint", "backend"),
    Case("no-evidence", Evidence(), 0, "unknown", "unknown"),
    Case("asked-by-others-too", Evidence(), 60, "unknown", "unknown"),
    Case("read-back", Evidence(is_read_back=True, others=3), 0, "not-held", "backend"),
    Case("restart-beats-others", Evidence(restarted=True, others=3), 0, "restarted", "backend"),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_loss_that_the_prompts_do_not_explain_is_the_backends(case: Case) -> None:
    found = told(AFTER, counted(1100, case.cached), case.evidence)

    assert found is not None
    assert (found.cause, found.side) == (case.cause, case.side)
    assert found.tokens_lost == 1050 - case.cached
    assert found.seconds_lost == seconds(found.tokens_lost, counted(1100, case.cached))
    assert found.hint.text


@pytest.mark.parametrize(
    ("tokens", "cached", "cause"),
    [(600, 1, "checkpoint"), (600, 0, "unknown"), (1045, 1, "unknown"), (1100, 1, "unknown")],
)
def test_a_prompt_that_ends_earlier_may_have_fallen_back_to_the_first_checkpoint(
    tokens: int, cached: int, cause: str
) -> None:
    """It had to be cut, which a sliding window or a recurrent model cannot do at any token."""
    found = told(AFTER, counted(tokens, cached))

    assert found is not None
    assert found.cause == cause


TEXT = "You keep the notes of a small team, and answer in one line. " * 20
EDITED = asked(TEXT.replace("notes", "books", 9).replace("books", "notes", 8), *WENT_ON)
"""Changed at four tenths of the first message."""


@pytest.mark.parametrize(
    ("evidence", "cached", "cause", "side", "is_split"),
    [
        (Evidence(), 0, "edit", "client", False),
        (Evidence(others=1), 380, "edit", "client", False),
        (Evidence(others=1), 150, "edit", "client", True),
        (Evidence(others=1, expected=900, was_restored=True), 0, "edit", "client", True),
        (Evidence(restarted=True), 0, "edit", "client", True),
    ],
)
def test_what_the_backend_had_lost_in_front_of_a_change_is_counted(
    evidence: Evidence, cached: int, cause: str, side: str, is_split: bool
) -> None:
    found = told(EDITED, counted(1100, cached), evidence, asked(TEXT))

    assert found is not None
    assert (found.cause, found.side, found.path) == (cause, side, "messages[0].content")
    assert found.tokens_lost == 1050 - cached
    assert (found.evicted_tokens > 0) is is_split


@pytest.mark.parametrize(
    ("evidence", "cause", "side"),
    [
        (Evidence(others=1), "evicted", "backend"),
        (Evidence(restarted=True), "restarted", "backend"),
        (Evidence(is_read_back=True), "not-held", "backend"),
        (Evidence(cache_prompt=False), "no-cache", "client"),
        (Evidence(others=1, expected=900), "slot-choice", "proxy"),
        (Evidence(others=1, expected=900, was_restored=True), "slot-restore", "proxy"),
        (Evidence(others=1, template=TEMPLATE), "evicted", "backend"),
    ],
)
def test_if_that_is_the_larger_part_it_is_the_cause(
    evidence: Evidence, cause: str, side: str
) -> None:
    before = asked(TEXT, WENT_ON[0], chat_message("user", "Then?"))
    found = told(
        asked(TEXT, WENT_ON[0], chat_message("user", "So?")), counted(1100, 0), evidence, before
    )

    assert found is not None
    assert (found.cause, found.side) == (cause, side)
    assert 900 < found.evicted_tokens <= (found.tokens_lost or 0)
    assert found.path == "messages[3].content"
    assert (found.hint.saves_tokens or found.evicted_tokens) == found.evicted_tokens


def test_what_the_question_for_a_summary_has_taken_belongs_to_the_compaction() -> None:
    before = asked(TEXT, WENT_ON[0], chat_message("user", "Then?"))
    after = asked(TEXT, WENT_ON[0], chat_message("user", "In short."))
    found = told(after, counted(1100, 0), Evidence(others=1), before, "compaction")

    assert found is not None
    assert (found.cause, found.side, found.hint.where) == ("compaction", "client", "backend")
    assert found.evicted_tokens > 900


def test_a_template_that_rewrites_history_shows_where() -> None:
    found = told(AFTER, counted(1100, 600), Evidence(template=TEMPLATE))

    assert found is not None
    assert (found.path, found.offset) == ("rendered prompt", 10)
    assert (found.before, found.after) == ("before", "after")


@pytest.mark.parametrize(
    ("text", "cause", "hint"),
    [
        pytest.param("Time: 10:05", "clock", "setting", id="a-rule-knows-it"),
        pytest.param("Be back by 2026-05-02 or so", "date", "none", id="only-the-client-can-help"),
        pytest.param("Files: 8", "counter", "setting", id="it-shows-that-it-ticks"),
        pytest.param("Be long.", "edit", "none", id="a-real-edit"),
    ],
)
def test_a_change_of_text_is_named_by_what_it_is(text: str, cause: str, hint: str) -> None:
    earlier = {
        "clock": "Time: 10:00",
        "date": "Be back by 2026-05-01 or so",
        "edit": "Be brief.",
        "counter": "Files: 7",
    }[cause]

    found = told(asked(text, *WENT_ON), counted(1100, 5), before=asked(earlier), kind="edit")

    assert found is not None
    assert (found.path, found.cause, found.side) == ("messages[0].content", cause, "client")
    assert found.tokens_lost == 1045
    assert found.hint.where == hint


def test_the_volatile_span_that_changed_is_found_behind_others() -> None:
    before = asked("Time: 10:00\nTime: 11:00")

    found = told(asked("Time: 10:00\nTime: 11:05", *WENT_ON), counted(1100, 5), before=before)

    assert found is not None
    assert found.cause == "clock"


def test_two_volatile_spans_are_the_same_place_only_behind_the_same_text() -> None:
    before, after = asked("AB\nTime: 10:00"), asked("A\nTime: 10:00\nmore", *WENT_ON)

    found = told(after, counted(1100, 5), before=before)

    assert found is not None
    assert found.cause == "edit"


def test_a_volatile_span_further_on_does_not_name_an_earlier_change() -> None:
    found = told(
        asked("Be long.\nTime: 10:00", *WENT_ON),
        counted(1100, 5),
        before=asked("Be brief.\nTime: 10:00"),
    )

    assert found is not None
    assert found.cause == "edit"


def test_a_shortened_history_is_a_compaction() -> None:
    found = told(asked("Summary."), counted(300, 5), before=AFTER, kind="compaction")

    assert found is not None
    assert found.cause == "compaction"


def test_a_value_that_is_new_has_no_before() -> None:
    after = Prompt(AFTER.messages, None, {"reasoning_effort": b'"low"'})  # type: ignore[dict-item]

    found = told(after, counted(1100, 5))

    assert found is not None
    assert (found.cause, found.before, found.after) == ("template-option", None, '"low"')


def test_long_texts_are_clipped_around_the_change() -> None:
    before, after = asked("a" * 500 + "X" + "b" * 500), asked("a" * 500 + "Y" + "b" * 500)

    found = told(after, counted(1100, 5), before=before)

    assert found is not None
    assert found.offset == 500
    assert found.before == "…" + "a" * 60 + "X" + "b" * 59 + "…"
    assert found.after == "…" + "a" * 60 + "Y" + "b" * 59 + "…"


@pytest.mark.parametrize(
    ("prompt", "cached", "lost"),
    [
        pytest.param(1100, 1050, 0, id="all-that-was-held"),
        pytest.param(1100, 1000, 50, id="not-the-reply"),
        pytest.param(1000, 999, 0, id="the-same-again"),
        pytest.param(1100, 1080, 0, id="more-than-held"),
        pytest.param(1100, None, None, id="cached-not-reported"),
        pytest.param(None, 5, None, id="prompt-not-reported"),
    ],
)
def test_what_was_lost_is_counted_by_the_backends_own_figures(
    prompt: int | None, cached: int | None, lost: int | None
) -> None:
    assert tokens_lost(HELD, counted(prompt, cached)) == lost


def test_nothing_is_lost_where_the_turn_before_was_not_counted() -> None:
    assert tokens_lost(CacheStats(), counted(1100, 5)) is None


@pytest.mark.parametrize("cached", [1050, 1010, 1000])
def test_a_reply_that_renders_otherwise_than_it_was_generated_is_no_break(cached: int) -> None:
    """Up to the tokens of the reply itself: its edges and end mark."""
    assert told(AFTER, counted(1100, cached)) is None


def spoken(shape: Shape, role: str, text: str) -> Message:
    return Message(role, shown_parts(text), shape=shape)


@pytest.mark.parametrize(("cached", "is_break"), [(1045, False), (900, True)])
@pytest.mark.parametrize("shape", [CHAT, RESPONSES], ids=repr)
def test_a_reply_given_back_in_another_form_is_a_break_if_it_costs(
    shape: Shape, cached: int, is_break: bool
) -> None:
    """Whatever a dialect calls its messages."""
    asked_first, asked_next = spoken(shape, "user", "Go."), spoken(shape, "user", "And?")
    held = Prompt((asked_first, spoken(shape, "assistant", "Done.\n")))
    after = Prompt((asked_first, spoken(shape, "assistant", "Done."), asked_next))

    found = explain("append", held, 1, HELD, after, counted(1100, cached), Evidence(), ())

    assert (found is not None) is is_break
    assert found is None or (found.cause, found.side) == ("whitespace", "client")


def test_without_counts_an_unbroken_prompt_is_no_break() -> None:
    assert told(AFTER, CacheStats()) is None


def test_a_break_without_counts_is_still_named() -> None:
    found = told(asked("Be long."), CacheStats())

    assert found is not None
    assert (found.cause, found.tokens_lost, found.seconds_lost) == ("edit", None, None)


@pytest.mark.parametrize(
    ("stats", "expected"),
    [
        pytest.param(counted(1100, 600), 0.5, id="at-the-turns-own-rate"),
        pytest.param(counted(1100, 600, None), None, id="no-time"),
        pytest.param(counted(1100, 1100), None, id="nothing-processed"),
        pytest.param(counted(None, None), None, id="no-counts"),
    ],
)
def test_seconds_are_those_of_the_turns_own_rate(stats: CacheStats, expected: float | None) -> None:
    assert seconds(500, stats) == expected


def test_no_tokens_cost_no_known_time() -> None:
    assert seconds(None, counted(1100, 600)) is None


HISTORY = "<user>a<assistant><think>why</think>" + "b" * 100
INVITATION = "<assistant>\n<think>\n"


def test_a_rendering_that_goes_on_is_no_break() -> None:
    assert template_break(HISTORY, HISTORY + "<user>c", ["why"]) is None


def test_the_invitation_to_reply_need_not_be_repeated() -> None:
    assert template_break(HISTORY + INVITATION, HISTORY + "<user>c", []) is None


def test_a_rendering_that_is_a_part_of_the_one_before_is_no_break() -> None:
    assert template_break(HISTORY, HISTORY[:40] + INVITATION, []) is None


@pytest.mark.parametrize(
    ("reasoning", "cause"),
    [
        pytest.param(["other", "why"], "reasoning", id="reasoning-gone"),
        pytest.param(["other", " "], "unknown", id="something-else"),
    ],
)
def test_a_rendering_that_leaves_the_one_before_says_where(
    reasoning: list[str], cause: str
) -> None:
    found = template_break(HISTORY, HISTORY.replace("<think>why</think>", ""), reasoning)

    assert found is not None
    assert (found.offset, found.cause) == (18, cause)
    assert found.before.startswith("<user>a<assistant><think>why")
    assert found.after.startswith("<user>a<assistant>bbb")


LONG = "h" * 300
INVITED = f"{LONG}<assistant>\n<think>\n\n</think>\n\n"


def test_a_change_that_cost_no_token_is_no_break() -> None:
    assert told(asked("Be long.", *WENT_ON), counted(1100, 1050)) is None


def test_an_option_that_the_template_does_not_print_is_no_break() -> None:
    after = replace(AFTER, template_options={"tool_choice": RawJson(b'"none"')})
    printed = told(after, counted(1100, 5))
    unseen = told(after, counted(1100, 5), Evidence(prints_options=False, others=1))

    assert printed is not None
    assert unseen is not None
    assert (printed.cause, unseen.cause) == ("template-option", "evicted")


def test_a_change_that_the_rendering_does_not_show_is_not_the_cause() -> None:
    evidence = Evidence(rendered=(LONG, f"{LONG}more"), others=1)
    found = told(asked("Be long.", *WENT_ON), counted(1100, 5), evidence)

    assert found is not None
    assert (found.cause, found.path) == ("evicted", None)


@pytest.mark.parametrize(
    ("cached", "cause"),
    [
        pytest.param(990, "invitation", id="the-reply-and-a-little-more"),
        pytest.param(700, "checkpoint", id="much-more-than-that"),
    ],
)
def test_an_invitation_that_is_not_repeated_costs_the_reply(cached: int, cause: str) -> None:
    evidence = Evidence(rendered=(INVITED, f"{LONG}<assistant>\nDone.{LONG}"))
    found = told(AFTER, counted(1100, cached), evidence)

    assert found is not None
    assert found.cause == cause
    assert found.hint.where == ("none" if cause == "invitation" else "backend")


def test_a_repeated_invitation_is_no_cause() -> None:
    found = told(AFTER, counted(1100, 990), Evidence(rendered=(INVITED, f"{INVITED}Done.{LONG}")))

    assert found is not None
    assert found.cause == "checkpoint"


def test_bytes_that_we_put_back_in_vain_are_named_as_ours() -> None:
    found = told(asked("Be long.", *WENT_ON), counted(1100, 5), Evidence(received=AFTER))

    assert found is not None
    assert (found.cause, found.side) == ("restored", "proxy")


@pytest.mark.parametrize(
    ("evidence", "cause"),
    [
        pytest.param(Evidence(expected=1000, others=1), "slot-choice", id="our-choice"),
        pytest.param(Evidence(expected=1000, others=1, was_restored=True), "slot-restore", id="file"),
        pytest.param(Evidence(expected=7, others=1), "evicted", id="as-much-as-we-said"),
        pytest.param(Evidence(expected=1000, restarted=True), "restarted", id="restarted"),
        pytest.param(Evidence(expected=1000), "unknown", id="nothing-ran-in-between"),
    ],
)  # fmt: skip
def test_a_slot_that_we_asked_for_in_vain_is_named_as_ours(evidence: Evidence, cause: str) -> None:
    found = told(AFTER, counted(1100, 5), evidence)

    assert found is not None
    assert found.cause == cause
    assert (found.side == "proxy") is cause.startswith("slot-")


def test_a_vanished_block_is_read_from_what_the_slot_held() -> None:
    text = "".join(map(str, range(2000)))
    before = asked("Be brief.", chat_message("user", f"[12:00]\n{text}"))
    after = asked("Be brief.", chat_message("user", text), *WENT_ON)
    rendered = (f"{LONG}[12:00]\n{text}<end>", f"{LONG}{text}<end>Done.")
    stats = counted(len(rendered[1]), len(LONG))
    evidence = Evidence(rendered=rendered)
    held = replace(evidence, held=f"{rendered[0]}Done.")

    found = [
        explain("edit", before, 3, replace(HELD, prompt_tokens=9000), after, stats, known, ())
        for known in (evidence, held)
    ]

    assert [f.hint.paste for f in found if f] == ["--cache-reuse 256"] * 2
    assert [f.hint.saves_tokens for f in found if f] == [len(text) + 5, len(text) + 9]


CURED = Change(0, "clock", "freeze-volatile", (WENT_ON[-1],))


@pytest.mark.parametrize(
    ("after", "stats", "saves"),
    [
        (asked("Be very brief.", *WENT_ON), counted(1000, 100), True),
        (asked("Be very brief.", *WENT_ON), CacheStats(1000, None, None), False),
    ],
    ids=["counted", "not-counted"],
)
def test_a_rule_saves_what_is_no_new_message(after: Prompt, stats: CacheStats, saves: bool) -> None:
    found = told(after, stats, Evidence(change=CURED), kind="edit")

    assert found is not None
    assert found.cause == "clock"
    assert found.hint.command is not None
    assert "freeze-volatile" in found.hint.command
    saved = found.hint.saves_tokens
    assert (saved is not None and 0 < saved < 900) is saves


MOOD = OwnText("mood", re.compile("Mood: [a-z]+"))
NOTES = OwnBlock("notes", Block("<notes>", "</notes>", "the settings"))
OTHER = OwnBlock("other", Block("<other>", "</other>", "the settings"))


@pytest.mark.parametrize(
    ("old", "new", "role", "cause"),
    [
        ("Mood: calm", "Mood: wild", "system", "own-text"),
        ("Mood: calm", "Mood: calm. Hurry", "system", "edit"),
        ("Go.\n<notes>1</notes>", "Go.", "user", "transient-block"),
        ("<notes>one</notes>", "<notes>two</notes>", "system", "edit"),
        ("Go.", "Stop.", "user", "edit"),
        ("At 10:00.", "At 10:01.", "tool", "edit"),
    ],
)
def test_what_the_settings_name_is_told_as_such(old: str, new: str, role: str, cause: str) -> None:
    force = InForce(texts=(MOOD,), blocks=(OTHER, NOTES))
    before, after = (Prompt((chat_message(role, text),)) for text in (old, new))
    after = Prompt(
        (*after.messages, chat_message("assistant", "Done."), chat_message("user", "And?"))
    )

    found = explain("edit", before, 1, HELD, after, counted(1000, 0), Evidence(), (), force)

    assert found is not None
    assert found.cause == cause


def test_another_conversation_that_begins_alike_is_told_by_where_it_leaves() -> None:
    others = [asked("Session 1. " + LONG)]
    after = asked("Session 2. " + LONG)
    alike = most_alike(others, after)
    assert alike is not None

    found = explain_alike(
        *("cold", alike, others[0], after, 900, counted(1000, 100)),
        *((CLOCK, DATE), InForce(), Reaches()),
    )

    assert found.tokens_lost == 900
    assert found.path == "messages[0].content"
