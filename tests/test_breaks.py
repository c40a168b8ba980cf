"""Every way in which clients and backends break a prompt, told by path, cause, side and hint.

Two turns go through the whole proxy but its sockets, which only observes: nothing is mended, so the
break is there. None may be called cold or unknown.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.builders import assistant, call, system, user
from tests.ledger_driver import Driver, Json
from warmprefix.core.types import Kind, Timings

CAPTURED_BREAKS = 40


def tool(name: str, **properties: Any) -> Json:
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": f"Calls {name}.",
            "parameters": {"type": "object", "properties": properties or {"x": {}, "y": {}}},
        },
    }


TOOLS = [tool("read"), tool("write"), tool("list")]
ARGUMENTS = '{"path": "a.txt", "limit": 5}'
SYSTEM = "You help.\nCurrent time: 10:00\nUse tools."


FIRST: list[Json] = [
    system(SYSTEM),
    user("Read it.\n\n<system-reminder>\nBe quick.\n</system-reminder>"),
]
LOOP: list[Json] = [
    assistant("Reading.", reasoning_content="why", tool_calls=[call(ARGUMENTS, "read")]),
    {"role": "tool", "tool_call_id": "c1", "name": "read", "content": "text"},
]
ANSWER: Json = assistant("Here it is.\n", reasoning_content="so")
NEXT: Json = user("Now the other.")

Change = Callable[[list[Json]], list[Json]]


def edited(at: int, **fields: Any) -> Change:
    """The history with fields of one message set; None removes one."""

    def change(history: list[Json]) -> list[Json]:
        message = {**history[at], **fields}
        kept = {key: value for key, value in message.items() if value is not None}
        return [*history[:at], kept, *history[at + 1 :]]

    return change


def system_text(old: str, new: str) -> Change:
    """The history with another system text."""

    def change(history: list[Json]) -> list[Json]:
        return edited(0, content=history[0]["content"].replace(old, new))(history)

    return change


def same(history: list[Json]) -> list[Json]:
    return history


@dataclass(frozen=True)
class Case:
    """What happens to the second turn, and what must be said of it."""

    id: str
    cause: str
    path: str | None
    hint: str
    change: Change = same
    first_system: str = SYSTEM
    tools: list[Json] = field(default_factory=lambda: TOOLS)
    options: dict[str, Any] = field(default_factory=dict)
    cached: int = 3
    kind: Kind | None = None
    side: str = "client"
    restore: bool = False


def clock(name: str, cause: str, old: str, new: str, hint: str = "freeze-volatile") -> Case:
    """A volatile line in the system text that moves."""
    first = SYSTEM.replace("Current time: 10:00", old)
    return Case(name, cause, "messages[0].content", hint, system_text(old, new), first)


CASES = (
    clock("iso-clock", "clock", "Now 2026-05-01T10:00:00Z", "Now 2026-05-01T10:00:09Z"),
    clock("time-of-day", "clock", "Current time: 10:00", "Current time: 10:01"),
    clock("home-assistant", "clock", "Current time is 10:00:00. Today's date is 2026-05-01.",
          "Current time is 10:00:07. Today's date is 2026-05-01."),
    clock("open-webui", "clock", "It is 2026-05-01 10:00:00 AM", "It is 2026-05-01 10:04:00 AM"),
    clock("goose", "clock", "The current date is 2026-05-01 10:00.", "The current date is 2026-05-01 10:05."),
    clock("epoch", "clock", "seed 1795492554", "seed 1795492999", "no rule knows"),
    clock("claude-code-date", "date", "Today's date is 2026-05-01.", "Today's date is 2026-05-02."),
    clock("opencode-date", "date", "  Today's date: Fri May 01 2026", "  Today's date: Sat May 02 2026"),
    clock("pi-date", "date", "Current date: 2026-05-01", "Current date: 2026-05-02"),
    clock("cline-date", "date", "2. Date: 5/1/2026", "2. Date: 5/2/2026"),
    clock("qwen-date", "date", "Today's date is Friday, May 1, 2026 (local).",
          "Today's date is Saturday, May 2, 2026 (local)."),
    clock("hermes-start", "date", "Conversation started: Friday", "Conversation started: Saturday"),
    clock("any-date", "date", "since 2026-05-01 up", "since 2026-05-02 up"),
    clock("memory-counter", "counter", "MEMORY [49% — 1,085/2,200 chars]", "MEMORY [50% — 1,100/2,200 chars]"),
    clock("tokens-left", "counter", "12,345 tokens left", "11,999 tokens left"),
    clock("context-usage", "counter", "12,345 / 200K tokens used (6%)", "13,345 / 200K tokens used (7%)"),
    clock("session-id", "id", "Session ID: abc1", "Session ID: abd2"),
    clock("uuid", "id", "run 01234567-89ab-cdef-0123-456789abcdef",
          "run 01234567-89ab-cdef-0123-456789abcdee"),
    clock("request-id", "id", "for req_0a1b2c3d4e", "for req_0a1b2c3d4f"),
    clock("pid", "id", "as pid 4711", "as pid 4712"),
    clock("model-line", "model-name", "Model: a", "Model: b"),
    Case("system-edited", "edit", "messages[0].content", "another text", system_text("You help", "You watch")),
    Case("answer-edited", "edit", "messages[4].content", "another text", edited(4, content="Changed.")),
    Case("question-edited", "edit", "messages[1].content", "another text", edited(1, content="Write it.")),
    Case("result-edited", "edit", "messages[3].content", "another text", edited(3, content="other")),
    Case("reminder-gone", "transient-block", "messages[1].content", "restore-transient-blocks",
         edited(1, content="Read it.")),
    Case("answer-stripped", "whitespace", "messages[4].content", "warmprefix serve",
         edited(4, content="Here it is.")),
    Case("question-stripped", "whitespace", "messages[1].content", "warmprefix serve",
         edited(1, content=FIRST[1]["content"] + "\n")),
    Case("reasoning-dropped", "reasoning", "messages[2].reasoning_content", "warmprefix serve",
         edited(2, reasoning_content=None)),
    Case("reasoning-in-text", "reasoning", "messages[4].content", "warmprefix serve",
         edited(4, content="<think>so</think>Here it is.\n", reasoning_content=None)),
    Case("arguments-sorted", "arguments", "messages[2].tool_calls[0].function.arguments", "warmprefix serve",
         edited(2, tool_calls=[call('{"limit":5,"path":"a.txt"}', "read")])),
    Case("arguments-compact", "arguments", "messages[2].tool_calls[0].function.arguments", "warmprefix serve",
         edited(2, tool_calls=[call('{"path":"a.txt","limit":5}', "read")])),
    Case("argument-changed", "edit", "messages[2].tool_calls[0].function.arguments", "another text",
         edited(2, tool_calls=[call('{"path": "b.txt", "limit": 5}', "read")])),
    Case("ids-renamed", "id", "messages[2].tool_calls[0].id", "warmprefix serve",
         edited(2, tool_calls=[call(ARGUMENTS, "read", "zz")])),
    Case("name-lost", "edit", "messages[3].name", "another text", edited(3, name=None)),
    Case("tools-shuffled", "tool-order", "tools[0]", "warmprefix serve", tools=TOOLS[::-1]),
    Case("tool-in-front", "tool-set", "tools[0]", "other tools", tools=[tool("new"), *TOOLS]),
    Case("tool-gone", "tool-set", "tools[2]", "other tools", tools=TOOLS[:2]),
    Case("schema-keys", "tool-schema", "tools[0].function.parameters.properties", "describes a tool",
         tools=[tool("read", y={}, x={}), *TOOLS[1:]]),
    Case("schema-value", "tool-schema", "tools[1].function.parameters.properties.x", "describes a tool",
         tools=[TOOLS[0], tool("write", x={"type": "string"}, y={}), TOOLS[2]]),
    Case("description", "tool-schema", "tools[2].function.description", "freeze-tool-descriptions",
         tools=[*TOOLS[:2], {**TOOLS[2], "function": {**TOOLS[2]["function"], "description": "Z"}}]),
    Case("thinking-off", "template-option", "enable_thinking", "something else",
         options={"enable_thinking": False}),
    Case("effort", "template-option", "reasoning_effort", "something else",
         options={"reasoning_effort": "high"}),
    Case("cache-prompt-false", "no-cache", None, "cache_prompt", options={"cache_prompt": False}),
    Case("compaction", "compaction", "messages[1].content", "shortened",
         lambda history: [history[0], {"role": "user", "content": "Summary so far."}]),
)  # fmt: skip


def test_the_table_is_as_long_as_was_promised() -> None:
    assert len(CASES) >= CAPTURED_BREAKS


async def second_turn(case: Case) -> Driver:
    """A proxy behind two turns of the case."""
    driver = Driver(observe=True)
    first = [{"role": "system", "content": case.first_system}, *FIRST[1:], *LOOP]
    counted = Timings(cache_n=0, prompt_n=1000, prompt_ms=2000.0, predicted_n=20)
    session = {"x-session-id": "one"}
    await driver.send(first, TOOLS, ANSWER, session, counted)
    again = Timings(
        cache_n=case.cached, prompt_n=1100 - case.cached, prompt_ms=2194.0, predicted_n=20
    )
    history = case.change([*first, ANSWER, NEXT])
    await driver.send(history, case.tools, ANSWER, session, again, **case.options)
    return driver


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
async def test_a_break_is_told_by_path_cause_and_hint(case: Case) -> None:
    driver = await second_turn(case)

    turn = driver.turn
    assert turn is not None
    assert turn.kind is not None
    assert turn.kind is not Kind.COLD
    found = turn.cache_break
    assert found is not None
    assert (found.path, found.cause, found.side) == (case.path, case.cause, case.side)
    hint = found.hint
    assert case.hint in f"{hint.paste} {hint.text}"
    assert (hint.paste is None) is (hint.where == "none")
    assert found.tokens_lost == 1019 - case.cached
    assert found.seconds_lost == pytest.approx((1019 - case.cached) * 2 / 1000, rel=0.01)
    assert found.before != found.after or found.path is None
    assert not driver.counters.fail_open, json.dumps(driver.counters.fail_open)


def timings(prompt: int, cached: int) -> Timings:
    return Timings(cache_n=cached, prompt_n=prompt - cached, prompt_ms=2000.0, predicted_n=20)


LONG = "Be brief and be exact. " * 40
TURNS = [user("One. " * 30), assistant("First."), user("Two. " * 30), assistant("Second.")]


async def test_a_sliding_window_is_no_new_conversation() -> None:
    driver = Driver()
    await driver.send([system(LONG), *TURNS[:3]], None, TURNS[3], None, timings(1000, 0))
    await driver.send(
        [system(LONG), *TURNS[2:], user("Three.")], None, ANSWER, None, timings(900, 500)
    )

    assert driver.turn is not None
    found = driver.turn.cache_break
    assert driver.turn.kind is Kind.EDIT
    assert found is not None
    assert (found.cause, found.path) == ("window", "messages[1]")


@pytest.mark.parametrize(("headers", "is_seen"), [(None, True), ({"authorization": "x"}, False)])
async def test_a_new_chat_says_which_words_keep_it_from_sharing_the_instructions(
    headers: dict[str, str] | None, is_seen: bool
) -> None:
    """Compared only with prompts of the same credential."""
    driver = Driver()
    for session in ("11", "22"):
        await driver.send(
            [system(f"Session ses_{session * 6}. {LONG}"), user(f"Do {session}.")],
            None, ANSWER, headers if session == "22" else None, timings(500, 5),
        )  # fmt: skip

    assert driver.turn is not None
    found = driver.turn.cache_break
    assert driver.turn.kind is Kind.COLD
    assert (found is not None) is is_seen
    assert found is None or (found.cause, found.hint.where) == ("id", "none")


@pytest.mark.parametrize(("cached", "cause"), [(5, "not-held"), (950, None), (None, None)])
async def test_after_a_restart_of_the_proxy_the_ledger_knows_what_was_held(
    cached: int | None, cause: str | None
) -> None:
    driver = Driver()
    await driver.send([system(LONG), TURNS[0]], None, TURNS[1], None, timings(800, 0))
    again = Driver(store=driver.store)
    counts = None if cached is None else timings(1000, cached)
    await again.send([system(LONG), *TURNS[:3]], None, ANSWER, None, counts)

    assert again.turn is not None
    found = again.turn.cache_break
    assert again.turn.kind is Kind.APPEND
    assert (found.cause if found else None) == cause
    if found is not None:
        assert found.side == "backend"
        assert found.hint.paste == "--slot-save-path FOLDER"


@pytest.mark.parametrize(
    ("rival", "cause"),
    [
        pytest.param([system(LONG), user("Another.")], "cut", id="shares-most"),
        pytest.param([system("Other words."), user("Another.")], "evicted", id="shares-nothing"),
    ],
)
async def test_a_slot_that_was_cut_is_told_from_one_that_was_taken(
    rival: list[Json], cause: str
) -> None:
    """What shares half or more cuts a slot without a copy, so a cache in RAM is no cure."""
    driver = Driver()
    await driver.send([system(LONG), TURNS[0]], None, TURNS[1], None, timings(800, 0))
    await driver.send(rival, None, ANSWER, None, timings(700, 0))
    await driver.send([system(LONG), *TURNS[:3]], None, ANSWER, None, timings(1000, 5))

    assert driver.turn is not None
    found = driver.turn.cache_break
    assert found is not None
    assert (found.cause, found.hint.where) == (cause, "none" if cause == "cut" else "backend")
