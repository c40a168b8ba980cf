"""What a client changed between two replies: the same, text that ticks, text that was there only while new.

A gap is what stands between two anchors of a history (alignment.py). A pure comparison of two forms of it.
"""

from collections.abc import Callable, Collection, Container, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from warmprefix.core.identity.blocks import is_block
from warmprefix.core.identity.keys import match_key
from warmprefix.core.identity.reasoning import (
    reasoning_of,
    same_reasoning,
    split_reasoning,
)
from warmprefix.core.identity.ticking import Ticked
from warmprefix.core.memory.anchors import is_user
from warmprefix.core.memory.put_in import is_note, is_put_in, is_rewritten
from warmprefix.core.messages import changed
from warmprefix.core.types import Message, OpaquePart, TextPart
from warmprefix.core.wire.slices import compact

_LONGEST_TEXT = 512 * 1024
"""Characters. What was put into a longer text is not looked for: 1 MB takes 90 ms, in steps of up to 20."""

FREEZE, RESTORE = "freeze-volatile", "restore-transient-blocks"
TRANSIENT = "transient-block"
Ticks = Callable[[str, str, bool], Ticked | None]
"""What ticked between two forms of a text; whether a user wrote it."""


@dataclass(frozen=True, slots=True)
class Gap:
    """How two forms of a gap differ. `cause`: as in a `CacheBreak`; `cures`: for each thing that differs the
    rules each of which undoes it, the better first; `said`: lines that ticked, as they are now; `carried`:
    messages that are new here, and are said in the newest turn instead."""

    cause: str = ""
    cures: tuple[tuple[str, ...], ...] = ()
    said: tuple[str, ...] = ()
    carried: tuple[Message, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What is undone, in words of the log."""
        return tuple(dict.fromkeys(_NAMES[cures[0]] for cures in self.cures))


SAME = Gap()
_BACK = Gap(TRANSIENT, ((RESTORE,),))
_NAMES = {FREEZE: "volatile", RESTORE: "transient"}


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Match keys of what stands in other gaps: `now` of the client's history, `ours` of what was sent,
    as far as it still counts. `moving`: roles of messages that a client moves on and writes anew on the way."""

    now: Container[bytes] = frozenset()
    ours: Container[bytes] = frozenset()
    moving: Collection[str | None] = frozenset()


KeyOf = Callable[[Message], bytes]
"""The match key of a message."""


def is_same(one: Message, other: Message, key_of: KeyOf = match_key) -> bool:
    """Whether two messages are the same but for what clients change when they store them."""
    if one is other or (one.raw is not None and one.raw == other.raw):
        return True
    return key_of(one) == key_of(other)


def compare(
    before: Sequence[Message],
    after: Sequence[Message],
    ticks: Ticks,
    *,
    is_newest: bool = False,
    is_running: bool = False,
    is_unread: bool = False,
    has_lead: bool = False,
    elsewhere: Callable[[], Elsewhere] = Elsewhere,
) -> Gap | None:
    """How `after` differs from `before`; None if it is an edit.

    `is_newest`: it belonged to the newest turn when it was sent, so that the client may have put text into it
    only for that turn; `is_running`: and nobody has said anything since. `is_unread`: it stands behind the
    last reply of a model, so what is not of a user may have been put in for that turn, too. `has_lead`: it
    begins with the instructions of the whole conversation, which stay.
    """
    if len(before) == len(after) and all(map(is_same, before, after)):
        return SAME
    gone, new = left(before, after)
    if has_lead and has_lost_question(before, after):
        return None
    leads = (*before[:1], *after[:1]) if has_lead else ()
    found: list[Gap] = []
    for message in new:
        may_change = is_running and message not in leads
        pair, change = _partner(message, gone, ticks, is_newest=is_newest, is_running=may_change)
        if change is not None and pair is not None:
            gone.remove(pair)
            found.append(change)
        elif match_key(message) in elsewhere().ours:
            found.append(_BACK)
        elif message not in leads and message.role in elsewhere().moving:
            found.append(replace(_BACK, carried=(message,)))
        else:
            return None
    for message in gone:
        is_told = is_newest or (is_unread and message.role != "user")
        may_go = is_told or message.role in elsewhere().moving
        if (message in leads or not may_go) and match_key(message) not in elsewhere().now:
            return None
        found.append(_BACK)
    return Gap(
        found[0].cause if found else TRANSIENT,  # only the order of the messages differs
        tuple(cures for gap in found for cures in gap.cures) or ((RESTORE,),),
        tuple(line for gap in found for line in gap.said),
        tuple(message for gap in found for message in gap.carried),
    )


def left(
    before: Sequence[Message], after: Sequence[Message]
) -> tuple[list[Message], list[Message]]:
    """What is only in one of the two, in order."""
    keys = [match_key(m) for m in before], [match_key(m) for m in after]
    gone: list[Message] = []
    new: list[Message] = []
    for what, a, b, c, d in SequenceMatcher(None, *keys, autojunk=False).get_opcodes():
        if what != "equal":
            gone += before[a:b]
            new += after[c:d]
    return gone, new


def has_lost_question(before: Sequence[Message], after: Sequence[Message]) -> bool:
    """Whether nothing of a user's is left where a conversation began: its oldest messages have gone."""
    return any(map(is_user, before)) and not any(map(is_user, after))


def _partner(
    message: Message, gone: Sequence[Message], ticks: Ticks, *, is_newest: bool, is_running: bool
) -> tuple[Message | None, Gap | None]:
    for other in gone:
        change = text_change(other, message, ticks, is_newest=is_newest, is_running=is_running)
        if change is not None:
            return other, change
    return None, None


def without_partner(
    sent: Sequence[Message], after: Sequence[Message], ticks: Ticks
) -> Iterator[Message]:
    """What was sent in a gap as messages of their own that the client does not have there any more."""
    _, gone = left(after, sent)
    return (
        message
        for message in gone
        if not any(text_change(message, other, ticks, is_newest=True) for other in after)
    )


def puts_back(sent: Sequence[Message], theirs: Sequence[Message], ticks: Ticks) -> bool:
    """Whether more was sent in a gap than its client has there, but for text that ticks."""
    return not all(
        any(is_same(message, other) or has_ticked(message, other, ticks) for other in theirs)
        for message in sent
    )


def has_ticked(before: Message, after: Message, ticks: Ticks) -> bool:
    """Whether two messages are one whose text ticks."""
    change = text_change(before, after, ticks, is_newest=False)
    return change is not None and (FREEZE,) in change.cures


def is_other_form(reply: Message, given: Message) -> bool:
    """Whether a client gives a reply back in another form: with other line feeds, its reasoning written out,
    a blank text beside its own, its calls under other ids. Calls that are written into the text are no such
    form (written_calls.py): what a client says of them stands in a message of the user, so not every template
    takes them back."""
    if not (reply.role == given.role == "assistant") or reply.opaque or given.opaque:
        return False
    if _without_text(reply) != _without_text(given):
        return False
    own, thought = reasoning_of(reply), reasoning_of(given)
    if own.strip() and thought.strip() and not same_reasoning(own, thought):
        return False
    one, other = _shown_lines(reply), _shown_lines(given)
    return bool(one) and one == other


def has_lost_block(result: Message, given: Message, *, is_newest: bool = False) -> bool:
    """Whether a client gives a tool's result back without a block that it had put in front of it or behind it:
    a reminder between tags, while the result was new. What the tool itself said is the same. `is_newest`: it
    belonged to the newest turn, so a note in a paragraph of its own is one, too."""
    if not (
        len(result.results) == len(given.results) == len(result.parts) == len(given.parts) == 1
    ):
        return False
    old, new = _whole_text(result), _whole_text(given).strip()
    at = old.find(new) if new and result.tool_call_id == given.tool_call_id else -1
    if at < 0:
        return False
    around = (old[:at], old[at + len(new) :])
    gone = [text for text in around if text.strip()]
    return bool(gone) and (all(map(is_block, gone)) or (is_newest and is_note(around)))


def is_alike(one: Sequence[Message], other: Sequence[Message]) -> bool:
    """Whether these are the same messages."""
    return len(one) == len(other) and all(map(is_same, one, other))


def first_difference(one: Sequence[Message], other: Sequence[Message]) -> int:
    """The position of the first message that is not the same; how many there are in the shorter, if all are."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, pair in pairs if not is_same(*pair)), min(len(one), len(other)))


def _without_text(message: Message) -> bytes:
    """Who a reply is but for what it shows: its calls, in any spelling."""
    return match_key(changed(message, content=None))


def given_back(reply: Message, given: Message) -> Message:
    """A reply that a client gives back in another form, as it was generated: but under the ids that the
    client's results name, and without reasoning that the client dropped (restore.py decides about that)."""
    if reply.reasoning is not None and not reasoning_of(given).strip():
        reply = changed(reply, reasoning=None)
    ids = [call.id for call in given.tool_calls]
    if not ids or ids == [call.id for call in reply.tool_calls]:
        return reply  # under its own ids if the client has written its calls into a text
    pairs = zip(reply.tool_calls, ids, strict=True)  # one form has as many as the other
    return changed(reply, tool_calls=tuple(replace(call, id=name) for call, name in pairs))


def _shown_lines(message: Message) -> list[str]:
    lines = split_reasoning(_whole_text(message)).visible.splitlines()
    return [stripped for line in lines if (stripped := line.rstrip())]


def _whole_text(message: Message) -> str:
    """The text of a reply, its parts joined; that of a picture is empty."""
    content = message.content
    if not isinstance(content, tuple):
        return content or ""
    texts = [part.text for part in content if isinstance(part, TextPart)]
    return "\n".join(text for text in texts if text.strip()) if len(texts) == len(content) else ""


def text_change(
    before: Message, after: Message, ticks: Ticks, *, is_newest: bool, is_running: bool = False
) -> Gap | None:
    """How two messages differ if they are one message in two forms; None if they are not."""
    if (before.role, before.name, before.extra) != (after.role, after.name, after.extra):
        return None
    old, new = _shown(before), _shown(after)
    if old is None or new is None or not set(new.pictures) <= set(old.pictures):
        return None
    is_fewer = len(new.pictures) < len(old.pictures)
    ticked = None if is_fewer else ticks(old.text, new.text, before.role == "user")
    freeze = () if ticked is None else (FREEZE,)
    is_users = before.role == "user"
    was_put_in = max(len(old.text), len(new.text)) <= _LONGEST_TEXT and (
        ((is_users or is_running) and is_rewritten(old.text, new.text, is_running=is_running))
        or (is_users and is_newest and is_put_in(old.text, new.text))
    )
    restore = (RESTORE,) if was_put_in else ()
    if not restore and not freeze:
        return None
    cause = TRANSIENT if restore or ticked is None else ticked.cause
    return Gap(cause, ((*restore, *freeze),), ticked.now if ticked else ())


@dataclass(frozen=True, slots=True)
class _Shown:
    text: str
    pictures: tuple[bytes, ...]


def _shown(message: Message) -> _Shown | None:
    """The texts of a message, and what else it shows; None if it has other parts."""
    if message.opaque or not all(isinstance(p, TextPart | OpaquePart) for p in message.parts):
        return None
    texts = [part.text for part in message.parts if isinstance(part, TextPart)]
    others = [compact(part.raw) for part in message.parts if isinstance(part, OpaquePart)]
    return _Shown("\n".join(texts), tuple(others))
