"""Conversations hold together: whatever a client does to a history, it is told what happened to which one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from tests.builders import Json, assistant, system, user
from tests.ledger_driver import Driver
from warmprefix.core.types import Timings

BRIEF = "Be brief and be exact. " * 40
LEAD = system(BRIEF)
PLANNING = system("Now you plan and change no file. " * 20)
ASKED = [user(f"Question {n} about the harbour and its boats. " * 4) for n in range(6)]
SAID = [assistant(f"Answer {n}: the boats of berth {n} leave at noon.") for n in range(6)]
SUMMARY = "The user asked about boats in the harbour; each leaves at noon from its own berth."
SUMMED_UP = user(f"What was said so far: {SUMMARY}")
ABOUT = system("You sum up conversations. " * 6)
SUM_UP = user("Sum up what was said.")
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
    for name in ("read", "write")
]


def turns(first: int, last: int) -> list[Json]:
    """Questions with their answers, up to question `last`, which has none yet."""
    pairs = (message for n in range(first, last) for message in (ASKED[n], SAID[n]))
    return [*pairs, ASKED[last]]


@dataclass(frozen=True)
class Sent:
    """A request, its reply, and how it must be told: the number of its conversation, its kind, the cause and
    the path of its break."""

    messages: Sequence[Json]
    reply: Json
    conversation: int
    kind: str
    cause: str | None = None
    path: str | None = None
    session: str | None = None
    tools: list[Json] | None = None


def told(messages: Sequence[Json], kind: str, *place: str, **more: Any) -> Sent:
    """A request that belongs to the first conversation."""
    tools = more.pop("tools", TOOLS)
    reply = more.pop("reply", SAID[5])
    conversation = more.pop("conversation", 0)
    cause, path = place or (None, None)
    return Sent(messages, reply, conversation, kind, cause, path, tools=tools, **more)


def begun(upto: int, **more: Any) -> Sent:
    reply = more.pop("reply", SAID[upto])
    return told([LEAD, *turns(0, upto)], "cold", reply=reply, **more)


def case(*sent: Sent, id: str) -> Any:
    return pytest.param(sent, id=id.replace(" ", "-"))


CASES = [
    case(
        begun(2),
        told([LEAD, user("Else."), *turns(0, 3)[1:]], "edit", "edit", "messages[1].content"),
        id="the first question changes",
    ),
    case(
        begun(2),
        told([LEAD, *turns(0, 3)[1:]], "edit", "window", "messages[1]"),
        id="the first question drops out",
    ),
    case(
        begun(3),
        told([LEAD, *turns(2, 4)], "edit", "window", "messages[1]"),
        id="a window slides",
    ),
    case(
        told(turns(0, 3), "cold", reply=SAID[3]),
        told(turns(2, 4), "edit", "window", "messages[0]"),
        id="a window slides, and there are no instructions",
    ),
    case(
        begun(1),
        told([LEAD, system("Be kind."), *turns(0, 2)], "edit", "edit", "messages[1]"),
        id="a system line is put in behind the instructions",
    ),
    case(
        begun(2),
        told(
            [LEAD, *turns(0, 1)[:2], system("Be kind."), *turns(0, 3)[2:]],
            "edit",
            "edit",
            "messages[3]",
        ),
        id="a system line is put in between",
    ),
    case(
        begun(1, session="s"),
        told([PLANNING, *turns(0, 2)], "edit", "edit", "messages[0].content", session="s"),
        id="other instructions in the same session",
    ),
    case(
        begun(0, session="s"),
        told([PLANNING, ASKED[1]], "cold", conversation=1, session="s"),
        id="other instructions and another question are a sub-agent of the session",
    ),
    case(
        begun(0, session="s"),
        told(
            [system(f"{BRIEF}You are tired."), ASKED[0]],
            "edit",
            "edit",
            "messages[0].content",
            session="s",
        ),
        id="the first question is asked again behind other words",
    ),
    case(
        begun(0, session="s"),
        told([PLANNING, ASKED[0]], "cold", conversation=1, session="s"),
        id="the first question is asked of another agent",
    ),
    case(
        begun(0, session="s"),
        told([system(f"{BRIEF}You title."), ASKED[0]], "cold", conversation=1, session="s", tools=None),
        id="the first question is asked without the tools",
    ),
    case(
        begun(0, session="s"),
        told([system(f"{BRIEF}You are tired."), ASKED[0]], "cold", "edit", "messages[0].content",
             conversation=1),
        id="the first question is asked again without a session",
    ),
    case(
        begun(3, session="s"),
        told([LEAD, user("We spoke of boats."), ASKED[4]], "compaction", "compaction",
             "messages[1].content", session="s"),
        id="a shorter history in the same session",
    ),
    case(
        begun(3, session="s"),
        told([LEAD, ASKED[0], user("Give this a name.")], "side", session="s"),
        id="a title of what the session began with",
    ),
    case(
        begun(3),
        told([LEAD, user("We spoke of boats."), *turns(3, 4)], "compaction", "compaction",
             "messages[1].content"),
        id="a summary in front of what is kept",
    ),
    case(
        begun(3),
        told([ABOUT, *turns(0, 3), SAID[3], SUM_UP], "side", tools=None, reply=assistant(SUMMARY)),
        told([LEAD, SUMMED_UP, ASKED[4]], "compaction", "compaction", "messages[1].content"),
        told([LEAD, SUMMED_UP, ASKED[4], SAID[5], ASKED[5]], "append"),
        id="a summary that was asked for with other instructions",
    ),
    case(
        begun(3),
        told([LEAD, *turns(0, 3), SAID[3], SUM_UP], "append", reply=assistant(SUMMARY)),
        told([LEAD, SUMMED_UP, ASKED[4]], "compaction", "compaction", "messages[1].content"),
        id="a summary that was asked for as a turn",
    ),
    case(
        begun(3),
        told([ABOUT, *turns(0, 3), SAID[3], SUM_UP], "side", tools=None, reply=assistant(SUMMARY)),
        told([LEAD, *turns(0, 4)], "append"),
        told([ABOUT, *turns(0, 4), SAID[5], SUM_UP], "side", tools=None, reply=assistant(SUMMARY)),
        id="a conversation goes on as if no summary had been asked for",
    ),
    case(
        begun(1),
        told([PLANNING, *turns(0, 2)], "side", tools=None),
        told([PLANNING, *turns(0, 2), SAID[5], ASKED[3]], "append", tools=None),
        id="another mode without tools is a side request once",
    ),
    case(
        begun(1, tools=None),
        told([PLANNING, *turns(0, 2)], "edit", "edit", "messages[0].content", tools=None),
        id="other instructions if there never were tools",
    ),
    case(
        begun(3),
        told([LEAD, *turns(0, 3), SAID[3], SUM_UP], "append", reply=assistant(SUMMARY)),
        told([PLANNING, SUMMED_UP], "cold", conversation=2),
        told([user(f"Name this: {SUMMARY}")], "cold", conversation=3),
        id="a summary that is said to somebody else",
    ),
    case(
        begun(0, reply=assistant(SUMMARY)),
        told([LEAD, user(f"Name this chat. {ASKED[0]['content']} {SUMMARY}")], "cold", conversation=1),
        id="a reply that is quoted among others",
    ),
]  # fmt: skip


@pytest.mark.parametrize("sent", CASES)
async def test_a_conversation_holds_together(sent: Sequence[Sent]) -> None:
    driver = Driver()
    seen: list[str] = []
    for number, one in enumerate(sent):
        headers = {"x-session-id": one.session} if one.session else None
        cached = 100 if number else 0
        counted = Timings(cache_n=cached, prompt_n=1000 - cached, prompt_ms=2000.0, predicted_n=20)
        await driver.send(one.messages, one.tools, one.reply, headers, counted)
        turn = driver.turn
        assert turn is not None
        assert turn.place is not None
        seen.append(turn.place.conversation)
        assert seen.index(turn.place.conversation) == one.conversation, number
        assert turn.kind is not None
        assert turn.kind.value == one.kind
        found = turn.cache_break
        is_told = found is not None and found.side == "client"  # the cached tokens are made up
        told = (found.cause, found.path) if found is not None and is_told else (None, None)
        assert told == (one.cause, one.path)
    assert not driver.counters.fail_open
