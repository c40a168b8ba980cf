"""A captured session once more without a backend: what is counted, compared and named. The command:
tests/cli/test_replay.py."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from tests.builders import call, calling, result, system, user
from tests.request_stages import unread
from warmprefix.capture.line import Captured
from warmprefix.capture.replay import (
    LEDGER,
    Step,
    acted,
    difference,
    ended_as,
    replayed,
    without_each,
)
from warmprefix.config import Config
from warmprefix.core.types import CacheStats, Outcome

SYSTEM = system("You help.")
ONE, TWO = user("One?"), user("Two?")
REPLY = calling(call('{"b": 1, "a": 2}'))
RESPELLED = calling(call('{"a":2,"b":1}'))
COUNTS = CacheStats(40, 30, 10, 2, 5.0, 20.0)


def body(*messages: Any) -> bytes:
    return orjson.dumps({"messages": messages, "model": "m"})


def answered(message: Any) -> bytes:
    return orjson.dumps({"choices": [{"message": message, "finish_reason": "stop"}]})


def captured(number: int, request: bytes, response: bytes = b"", **changed: Any) -> Captured:
    turn = Captured(
        f"2026-03-01T12:00:0{number}Z",
        f"turn{number}",
        "/v1/chat/completions",
        {},
        200,
        "ok",
        True,
        COUNTS,
        request,
        response or answered(REPLY),
    )
    return replace(turn, **changed)


SESSION = [
    captured(1, body(SYSTEM, ONE)),
    captured(2, body(SYSTEM, ONE, RESPELLED, result("c1", "Done. " * 40), TWO)),
]


async def steps_of(*session: Captured, **options: Any) -> list[Step]:
    return await replayed(session, Config(), **options)


async def test_turns_have_the_ids_that_were_captured() -> None:
    first, second = await steps_of(*SESSION)

    assert [step.turn.id for step in (first, second)] == ["turn1", "turn2"]
    assert first.turn.place is not None
    assert second.turn.place is not None
    assert (second.turn.place.conversation, second.turn.place.parent) == (
        first.turn.place.conversation,
        "turn1",
    )
    assert (first.before, second.before) == (None, 0)


async def test_what_the_ledger_would_have_put_back_is_compared() -> None:
    _, second = await steps_of(*SESSION)

    assert second.compared is not None
    assert second.compared.through.left < second.compared.direct.left
    assert second.written is not None
    assert second.written.restored


async def test_without_memory_nothing_is_put_back() -> None:
    _, second = await steps_of(*SESSION, remembers=False)

    assert second.written is not None
    assert second.written.restored == ()


async def test_a_body_that_is_not_understood_keeps_its_place() -> None:
    first, odd, second = await steps_of(SESSION[0], captured(3, b"odd"), SESSION[1])

    assert (odd.compared, odd.before, odd.turn.id) == (None, None, "turn3")
    assert (first.before, second.before) == (None, 0)


ENDED: list[tuple[str, dict[str, Any], Outcome, tuple[int | None, int | None]]] = [
    # counts of the prompt and of what was cached
    ("counts-beside-it", {}, Outcome.OK, (40, 30)),
    ("no-counts", {"stats": CacheStats()}, Outcome.OK, (None, None)),
    ("failed", {"outcome": "backend_error"}, Outcome.BACKEND_ERROR, (40, 30)),
    ("unheard-of-outcome", {"outcome": "moon"}, Outcome.OK, (40, 30)),
    (
        "counts-of-its-own",
        {"response": orjson.dumps({"usage": {"prompt_tokens": 7, "completion_tokens": 1}})},
        Outcome.OK,
        (7, None),
    ),
    (
        "stream",
        {"response": b'data: {"choices":[{"delta":{"content":"a"}}]}\n\ndata: [DONE]\n\n'},
        Outcome.OK,
        (40, 30),
    ),
]


@pytest.mark.parametrize(
    ("changed", "outcome", "counts"), [row[1:] for row in ENDED], ids=[row[0] for row in ENDED]
)
def test_a_turn_ends_as_it_was_captured(
    changed: dict[str, Any], outcome: Outcome, counts: tuple[int | None, int | None]
) -> None:
    ended = ended_as(captured(1, body(ONE), **changed), unread(body(ONE)))
    usage = ended.reply.usage

    assert ended.outcome is outcome
    assert usage is not None
    assert (usage.prompt_tokens, usage.cached_tokens) == counts


async def test_a_turn_that_was_mended_on_its_way_is_estimated_by_its_texts() -> None:
    """Its counts are those of what the proxy sent."""
    plain = await steps_of(*SESSION)
    mended = await steps_of(SESSION[0], replace(SESSION[1], as_received=False))
    savings = [steps[1].turn.would_save for steps in (plain, mended)]

    assert savings[0] is not None
    assert savings[1] is not None
    assert savings[0].tokens != savings[1].tokens


async def test_what_acted_is_switched_off_by_itself() -> None:
    steps = await steps_of(*SESSION)
    rows = await without_each(SESSION, Config(), steps)

    assert {row.name for row in rows} == {*acted(Config(), steps), LEDGER}
    costs = {row.name: row for row in rows}
    assert costs[LEDGER].characters > 0
    assert costs[LEDGER].turns == 1
    assert [row.characters for row in rows] == sorted((r.characters for r in rows), reverse=True)


async def test_a_run_costs_nothing_more_than_itself() -> None:
    steps = await steps_of(*SESSION)
    row = difference("x", steps, steps)

    assert (row.turns, row.characters, row.tokens) == (0, 0, 0)


async def test_without_counts_nothing_is_told_in_tokens() -> None:
    session = [replace(turn, stats=CacheStats()) for turn in SESSION]
    steps, others = await steps_of(*session), await steps_of(*session, remembers=False)
    row = difference("x", steps, others)

    assert row.characters > 0
    assert row.tokens is None


USE = {"type": "tool_use", "id": "a", "name": "f", "input": {"n": 1}}
IN_MESSAGES = [
    captured(
        number,
        orjson.dumps({"system": f"x-anthropic-billing-header: cch={number};\nYou help.",
                      "messages": messages, "tools": tools, **more}),
        orjson.dumps({"type": "message", "role": "assistant", "content": [{**USE, "id": f"a{number}"}],
                      "stop_reason": "tool_use",
                      "usage": {"cache_read_input_tokens": 30, "input_tokens": 10, "output_tokens": 2}}),
        path="/v1/messages",
        headers={"user-agent": "claude-cli/2.1.197", "x-claude-code-session-id": "s", **headers},
    )
    for number, messages, tools, more, headers in (
        (1, [ONE], [{"name": "f"}], {}, {}),
        (2, [user("<session>One?</session>")], [],
         {"output_config": {"format": {"type": "json_schema"}}}, {}),
        (3, [ONE], [{"name": "f"}], {}, {"x-claude-code-agent-id": "a1"}),
        (4, [ONE, {"role": "assistant", "content": [
             {**USE, "id": "a1", "input": {"all": False, "n": 1}}]},
             {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a1", "content": "x"}]}],
         [{"name": "f"}], {}, {}),
    )
]  # fmt: skip
"""A turn of Claude Code, its request for a title, a sub-agent with the same task, and the next turn."""

CALLED = {"type": "function_call", "call_id": "a", "name": "f", "arguments": '{"n": 1}'}
IN_RESPONSES = [
    captured(
        number,
        orjson.dumps({"input": items}),
        orjson.dumps({"object": "response", "status": "completed", "output": [CALLED],
                      "usage": {"input_tokens": 40, "output_tokens": 2,
                                "input_tokens_details": {"cached_tokens": 30}}}),
        path="/v1/responses",
        headers={"user-agent": "codex-tui/0.171.0", "session-id": "s",
                 "x-codex-turn-metadata": f'{{"request_kind": "{kind}"}}'},
    )
    for number, items, kind in (
        (1, [ONE], "turn"),
        (2, [ONE, {**CALLED, "arguments": '{"n":1}'},
             {"type": "function_call_output", "call_id": "a", "output": "x"}], "turn"),
        (3, [ONE, CALLED, user("Summarise.")], "compaction"),
    )
]  # fmt: skip


async def test_a_session_of_the_messages_api_is_read_as_the_proxy_reads_it() -> None:
    steps = await replayed(IN_MESSAGES, Config())

    first, title, agent, last = (step.turn for step in steps)
    assert [step.turn.client for step in steps] == ["claude-code"] * 4
    kinds = [turn.kind and turn.kind.value for turn in (first, title, agent, last)]
    assert kinds == ["cold", "side", "cold", "append"]
    assert last.place is not None
    assert last.place.parent == "turn1"
    assert agent.place is not None
    assert agent.place.conversation != last.place.conversation
    assert (last.stats.cached_tokens, last.stats.processed_tokens) == (30, 10)
    assert steps[3].written is not None
    assert "billing-line" in steps[3].written.rules
    assert steps[3].written.restored == ("arguments",)


async def test_a_session_of_the_responses_api_is_read_as_the_proxy_reads_it() -> None:
    steps = await replayed(IN_RESPONSES, Config())

    first, second, compaction = (step.turn for step in steps)
    kinds = [turn.kind and turn.kind.value for turn in (first, second, compaction)]
    assert kinds == ["cold", "append", "side"]
    assert second.stats.cached_tokens == 30
    assert steps[1].written is not None
    assert steps[1].written.restored == ("arguments",)
