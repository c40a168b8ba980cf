"""Histories of a client, turn by turn, and what becomes of the newest."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.builders import Json, assistant, call, calling, result, system, user
from warmprefix.core.identity.ticking import Ticked
from warmprefix.core.memory.alignment import Alignment, Change, History, Undoing, align
from warmprefix.core.messages import written
from warmprefix.core.types import Message
from warmprefix.dialects.chat_completions.messages import parse_message

FREEZE, RESTORE = "freeze-volatile", "restore-transient-blocks"
ALL = Undoing(ticks=True, transient=True)
_CLOCK = re.compile(r"\d\d:\d\d")


def ticks(before: str, after: str, is_user: bool) -> Ticked | None:
    """A clock, and nothing else, ticks; in a user's text only on a line that begins with it."""
    if before == after or _CLOCK.sub("", before) != _CLOCK.sub("", after):
        return None
    now = tuple(line for line in after.splitlines() if line not in before.splitlines())
    return Ticked("clock", now) if not is_user or all(map(_CLOCK.match, now)) else None


def messages(*values: Any) -> tuple[Message, ...]:
    return tuple(parse_message(json.dumps(value).encode()) for value in values)


DONE = "Done: the harbour has nine berths, and seven of them are taken until Friday."


@dataclass(frozen=True)
class Turn:
    """What the client sent, and the reply."""

    sent: Sequence[Json]
    reply: Json = field(default_factory=lambda: assistant(DONE))


def play(turns: Sequence[Turn], now: Sequence[Json], undoing: Undoing) -> Alignment | None:
    first, *others = turns
    sent = messages(*first.sent)
    history = History(sent, sent, messages(first.reply)[0], read=0)
    replies = [history.reply]
    for turn in others:
        client = messages(*turn.sent)
        aligned = align(history, client, undoing, ticks)
        aligned = aligned or Alignment(client, ())
        reply, ours = messages(turn.reply)[0], aligned.messages
        read = max((at for at, m in enumerate(ours, 1) if m in replies), default=0)
        history = History(client, ours, reply, aligned.undone, aligned.restless, read)
        replies.append(reply)
    return align(history, messages(*now), undoing, ticks)


S, U, A, NEXT = system("Be brief."), user("A question."), assistant(DONE), user("Next.")
CALLS, RESULT = calling(call()), result("c1")
REMINDER = user("<note>\nBe kind.\n</note>")
LORE = system("[Lore: dragons.]")
FRAMED = user("Use these sources:\n<src>\nfacts\n</src>\n\nA question.")
PICTURE = {"type": "image_url", "image_url": {"url": "data:,x"}}
BLANK_FIRST = [{"type": "text", "text": text} for text in (" ", "One.")]
LONG = "A question that is long enough to be found again."


@dataclass(frozen=True)
class Case:
    """`then`: earlier turns; `now`: the client's history; `sent`: what goes out instead, None: as it came."""

    id: str
    then: Sequence[Turn]
    now: Sequence[Json]
    sent: Sequence[Json] | None = None
    undone: tuple[str, ...] = ()
    change: Change | None = None
    undoing: Undoing = ALL


def assert_undone(case: Case) -> None:
    """What goes out, the names of what was undone, and the change that stays."""
    found = play(case.then, case.now, case.undoing)

    assert found is not None
    wanted = messages(*(case.now if case.sent is None else case.sent))
    assert [json.loads(written(m)) for m in found.messages] == [
        json.loads(written(m)) for m in wanted
    ]
    assert found.undone == case.undone
    assert found.change == case.change
