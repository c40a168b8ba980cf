"""Whether remembered bytes continue what the backend was last sent better than the client's own do.

Remembered bytes are what a conversation sent or got before. They are worth sending only if the backend still
holds them: two histories that templates render alike fill one slot (`system` and `developer`, two keys of one
user), and a chat that begins like another one takes its slot. The evidence is the backend's last turn among
those that begin alike, and whether earlier turns were still there after other requests had run in between.
"""

from collections.abc import Callable, Sequence
from enum import Enum

from warmprefix.core.explain.saving import Reach, shown
from warmprefix.core.messages import changed
from warmprefix.core.types import Message


class Belief(Enum):
    """Whether the backend still holds what a conversation left there.

    HELD: nothing has run since, or earlier turns outlived others. UNKNOWN: others have run, and there is no
    evidence. GONE: the last time that others ran in between, what was left was gone. DOUBTED: the same, but
    what another conversation left was still there after that.
    """

    HELD = "held"
    UNKNOWN = "unknown"
    DOUBTED = "doubted"
    GONE = "gone"


def belief(*, is_last: bool, outlived: bool | None, others_outlived: bool | None) -> Belief:
    """What to believe of a turn. `is_last`: nothing has run since. `outlived`: whether this conversation's
    turns were still there after others had run in between, None if none ever did; `others_outlived`: the same
    for any conversation."""
    if is_last or outlived:
        return Belief.HELD
    if outlived is False:
        return Belief.DOUBTED if others_outlived else Belief.GONE
    return Belief.HELD if others_outlived else Belief.UNKNOWN


_STAKE = 32
"""Remembered bytes that are doubted are worth a try if they are longer than the client's own by at most one
part in so many of what they would bring back. A conversation that is gone each time then costs at most three
hundredths more than directly; one that is still there costs many times less."""

_LEAST_TOKENS = 32
"""Fewer of a turn prove nothing: templates and checkpoints alone can make such a difference."""


def has_outlived(cached: int, left: int, reaches: Sequence[Reach]) -> bool | None:
    """Whether what a turn left in the backend was still there for the next one although others had run since;
    None if that cannot be decided.

    `cached`: tokens that the next one reused; `left`: tokens of the turn's prompt, with all of which it began;
    `reaches`: how much of that prompt each of the others shares. What they share may be left by them.
    """
    own = left * min((reach.left / max(reach.total, 1) for reach in reaches), default=1.0)
    return None if own < _LEAST_TOKENS else cached >= left - own / 2


class Continuation:
    """Chooses, message by message, between remembered bytes and the client's own.

    `last`: what the backend held after the last turn that begins like the request. `near`: the belief about
    that; `far`: the belief about anything else that the conversation left in the backend.
    """

    def __init__(
        self,
        last: Sequence[Message] = (),
        near: Belief = Belief.HELD,
        far: Belief = Belief.HELD,
    ) -> None:
        self._last = last
        self._near, self._far = near, far
        self._at = 0
        self._follows = True
        self._is_theirs = False
        self._extra = 0

    def choose(
        self,
        before: Sequence[Message],
        ours: Message,
        theirs: Message,
        *,
        was_sent: bool,
        behind: Callable[[], int] = int,
    ) -> Message:
        """The message to send behind those of `before`, which only grow from one choice to the next. `ours`:
        with remembered bytes, `was_sent` if they were sent before and not only generated; `behind`: characters
        of the remembered messages that follow.

        Once the client's own bytes are chosen, what is remembered after them is of no use.
        """
        if ours is theirs or ours == theirs:
            return ours
        if not self._is_theirs:
            believed = self._believed(ours, theirs, self._held_behind(before))
            is_there = believed is Belief.HELD or (believed is Belief.UNKNOWN and was_sent)
            if not is_there:
                self._is_theirs = believed is None or not self._is_tried(
                    ours, theirs, believed, behind
                )
        return theirs if self._is_theirs else ours

    def _held_behind(self, before: Sequence[Message]) -> Message | None:
        """What the backend held behind these messages; None if it did not hold them all, or nothing more."""
        while self._follows and self._at < len(before):
            held = self._last[self._at] if self._at < len(self._last) else None
            self._follows = held is not None and _is_alike(before[self._at], held)
            self._at += 1
        is_there = self._follows and self._at < len(self._last)
        return self._last[self._at] if is_there else None

    def _believed(self, ours: Message, theirs: Message, held: Message | None) -> Belief | None:
        """What is believed of the remembered bytes; None if the backend has the client's own instead."""
        if held is not None:
            if _is_alike(ours, held):
                return self._near
            if _is_alike(theirs, held):
                return None
        return self._far

    def _is_tried(
        self, ours: Message, theirs: Message, believed: Belief, behind: Callable[[], int]
    ) -> bool:
        """Whether remembered bytes that may be gone are worth a try: if evaluating them again costs no more
        than the client's own, or, if they are doubted, little of what they may bring back."""
        own, other = shown(ours), shown(theirs)
        if len(own) <= len(other):
            return True
        self._extra += len(own) - len(other)
        return believed is Belief.DOUBTED and self._extra * _STAKE <= len(own) + behind()


def _is_alike(one: Message, other: Message) -> bool:
    """Whether templates show two messages alike: llama-server hands `developer` to them as `system`
    (common/chat.cpp:1279-1282), except to those of gpt-oss."""
    if one is other or (one.raw is not None and one.raw == other.raw):
        return True
    return shown(_as_system(one)) == shown(_as_system(other))


def _as_system(message: Message) -> Message:
    return changed(message, role="system") if message.role == "developer" else message
