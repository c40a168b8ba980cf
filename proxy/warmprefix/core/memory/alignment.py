"""What a client changed in a history since its last request, and what of it can be undone.

Clients put text into their newest turn and take it out of there one turn later, let it tick, or move it on. The
evidence is the conversation itself: each reply in a history was generated behind the messages before it. If the
same reply still stands there, and what stands before it differs only by text that ticks, or by text that was
there while the turn was the newest, then the user has not edited the history: the client has written it anew.

Both histories are cut at what a client does not write itself, replies and results of tools: the *anchors*. What
stands between two of them, a *gap*, is compared as a whole (gap.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from warmprefix.core.identity.keys import match_key
from warmprefix.core.identity.reasoning import text_of
from warmprefix.core.identity.ticking import Ticked, ticked_again
from warmprefix.core.memory.anchors import Cut, is_user, same_bytes
from warmprefix.core.memory.gap import (
    FREEZE,
    RESTORE,
    SAME,
    TRANSIENT,
    Gap,
    Ticks,
    compare,
    first_difference,
    given_back,
    has_lost_block,
    has_lost_question,
    is_alike,
    is_other_form,
    is_same,
    puts_back,
)
from warmprefix.core.memory.moved import Moved
from warmprefix.core.memory.own_replies import moved_on, put_in
from warmprefix.core.memory.put_back import PutBack
from warmprefix.core.memory.written_calls import are_written_out
from warmprefix.core.types import Message

_LONG = 64
"""Characters of a reply that is not given in two conversations by accident."""


@dataclass(frozen=True, slots=True)
class History:
    """A conversation as of its last turn. `client`: the messages of its client; `ours`: what was made of them,
    with the same anchors, `undone` by name; `reply`: what was generated behind them. All in canonical form.
    `restless`: numbers of the gaps that its last turn changed. `read`: how many of `ours` stand up to the
    last reply of a model; the others have been read with the newest question. None: not known."""

    client: tuple[Message, ...]
    ours: tuple[Message, ...]
    reply: Message | None = None
    undone: tuple[str, ...] = ()
    restless: frozenset[int] = frozenset()
    read: int | None = None


@dataclass(frozen=True, slots=True)
class Undoing:
    """What may be undone. `ticks`: text that ticks keeps its first value; `transient`: text that was taken out
    is put back; `calls`: calls that were written into a text are calls again. `max_turns`: behind so many
    replies what was put back leaves, once the prefix breaks anyway; None: never."""

    ticks: bool = False
    transient: bool = False
    max_turns: int | None = None
    calls: bool = False


NO_UNDOING = Undoing()


@dataclass(frozen=True, slots=True)
class Change:
    """The first change that stays. `at`: the position of the message in the client's history. `cause`: as in
    a `CacheBreak`; `cure`: the rule that would undo it, None if none can; `fresh`: the messages that would be
    said behind all that is in both histories if it were undone."""

    at: int
    cause: str
    cure: str | None = None
    fresh: tuple[Message, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Alignment:
    """`messages`: the history, with what was undone. `origin`: the position of each in the client's history,
    None if it is not sent as the client has it. `undone`: names of what was undone, in order of first use.
    `said`: the lines that ticked, as they are now. `change`: None if nothing else was changed. `restless`:
    numbers of the gaps that were changed, whether that was undone or not. `left`: positions in `messages` of
    gaps that something put back has just left.
    """

    messages: tuple[Message, ...]
    origin: tuple[int | None, ...]
    undone: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    change: Change | None = None
    restless: frozenset[int] = frozenset()
    left: frozenset[int] = frozenset()


def align(
    history: History,
    now: Sequence[Message],
    undoing: Undoing,
    ticks: Ticks,
    *,
    is_broken: bool = False,
) -> Alignment | None:
    """`now` with everything undone that may be; None if it is the history of another conversation.

    `ticks`: compares two forms of a text (core/identity/ticking.py). `is_broken`: the prefix breaks in front of
    the messages whatever they are.
    """
    walk = _Walk(history, now, undoing, ticks)
    found = walk.run() if walk.has_common_anchor() else None
    if found is None or not walk.is_likely(found):
        return None
    if walk.has_old and (is_broken or walk.breaks_among):
        return _Walk(history, now, undoing, ticks, is_leaving=True).run()
    return found


class _Walk:
    """One comparison, from the front to the first change that stays."""

    def __init__(
        self,
        history: History,
        now: Sequence[Message],
        undoing: Undoing,
        ticks: Ticks,
        *,
        is_leaving: bool = False,
    ) -> None:
        """`is_leaving`: what was put back long ago leaves now."""
        reply = () if history.reply is None else (history.reply,)
        written = moved_on(history.client, history.reply, now)
        if history.ours is not history.client:  # something was put back
            written |= put_in(history.client, history.ours)
        self._client = Cut((*history.client, *reply), written)
        self._ours = Cut((*history.ours, *reply), written)
        self._now = Cut(now, written)
        self._ticks = ticks
        self._may_call = undoing.calls
        self._allowed = {FREEZE: undoing.ticks, RESTORE: undoing.transient}
        self._messages: list[Message] = []
        self._origin: list[int | None] = []
        self._undone: dict[str, None] = {}
        self._undone_before = history.undone
        self._restless_before = history.restless
        self._restless: set[int] = set()
        self._said: list[str] = []
        self._put_back = PutBack(self._client, self._ours, ticks, may_tick=undoing.ticks)
        self._read = None if history.read is None else self._ours.anchors_before(history.read)
        self._max_turns = undoing.max_turns
        self._is_leaving = is_leaving
        self._left: set[int] = set()
        self._carried: list[int] = []
        self.has_old = False
        """Whether anything was put back behind which there are more replies than may be."""
        self.breaks_among = False
        """Whether a change stays that takes away some of what is put back."""

    def has_common_anchor(self) -> bool:
        """Whether the histories have an anchor in common, wherever it stands."""
        if not len(self._now) or len(self._client) != len(self._ours):
            return False
        pairs = zip(self._client.anchors, self._now.anchors, strict=False)
        if any(self._is_kept(*pair) for pair in pairs):
            return True
        return not self._client.anchor_keys.isdisjoint(self._now.anchor_keys)

    def is_likely(self, found: Alignment) -> bool:
        """Whether it is the same conversation. A short reply is given in many: if what stands in front of it is
        an edit, a question or more must be the same, too."""
        if found.change is None or found.change.cure is not None or found.undone:
            return True
        asked = {match_key(m) for m in self._client.messages if is_user(m)}
        if any(is_user(m) and match_key(m) in asked for m in self._now.messages):
            return True
        common = self._client.anchor_keys
        return any(
            (message.tool_calls or len(text_of(message)) >= _LONG) and match_key(message) in common
            for message in self._now.anchors
        )

    def run(self) -> Alignment:
        """The alignment."""
        known = min(len(self._client), len(self._now))
        change = None
        for number in range(self._take_unchanged(known), known):
            change = self._step(number)
            if change is not None:
                gaps = range(number, len(self._client))
                self.breaks_among = any(self._puts_back(at, self._client.gap(at)) for at in gaps)
                break
        else:
            self._go_on(known)
        self._carry_on()
        return Alignment(
            tuple(self._messages),
            tuple(self._origin),
            tuple(self._undone),
            tuple(self._said),
            change,
            frozenset(self._restless),
            frozenset(self._left),
        )

    def _take_unchanged(self, known: int) -> int:
        """Take what is in front of all three histories with the same bytes, up to an anchor. Returns how many
        of the `known` anchors that were: `_step` would take each of them as it came, after some comparisons."""
        same = same_bytes(self._client.messages, self._ours.messages, self._now.messages)
        number = min(known, self._now.anchors_before(same))
        end = self._now.start(number)
        self._messages += self._now.messages[:end]
        self._origin += range(end)
        return number

    def _step(self, number: int) -> Change | None:
        """Take a gap and the anchor behind it. Returns the change that stays, if there is one."""
        before, after = self._client.gap(number), self._now.gap(number)
        found, is_newest = self._compared(number), number >= self._client.newest
        if found is not SAME:
            self._restless.add(number)
        anchor, given = self._client.anchor(number), self._now.anchor(number)
        is_kept = self._is_kept(anchor, given)
        has_lost = not is_kept and has_lost_block(anchor, given, is_newest=is_newest)
        is_kept = is_kept or (has_lost and self._allowed[RESTORE])
        start = self._now.start(number)
        cure = None if found is None or not is_kept else self._missing(found)
        if found is None or cure is not None or not (found is SAME or is_kept):
            self._take_rest(start)
            cause = found.cause if found is not None and cure is not None else "edit"
            if number == 0 and has_lost_question(before, after):
                cause = "window"
            if not is_kept:
                cause = self._cause(number)
            at = start + first_difference(before, after)
            return Change(at, cause, cure, self._fresh(number, cure))
        self._take(number, found)
        end = self._now.end(number)
        if not is_kept:
            self._take_rest(end)
            if has_lost:
                return Change(end, TRANSIENT, RESTORE, self._fresh(number + 1, RESTORE))
            return Change(end, self._cause(number))
        ours = self._ours.anchor(number)
        if is_same(ours, given):
            self._messages.append(given)
            self._origin.append(end)
        else:
            self._messages.append(given_back(ours, given))
            self._origin.append(None)
            self._undone["transient" if ours.logical_role == "tool" else "reply"] = None
        return None

    def _compared(self, number: int) -> Gap | None:
        is_newest = number >= self._client.newest  # of the turn that was the newest one
        is_written_anew = number in self._restless_before or self._is_running
        return compare(
            self._client.gap(number),
            self._now.gap(number),
            self._ticks_again if is_written_anew else self._ticks,
            is_newest=is_newest,
            is_running=is_newest and self._is_running,
            is_unread=self._read is not None and number >= self._read,
            has_lead=number == 0,
            elsewhere=lambda: self._moved.elsewhere(number),
        )

    def _is_kept(self, anchor: Message, given: Message) -> bool:
        """Whether an anchor is the same, maybe in a form that may be undone."""
        if is_same(anchor, given) or is_other_form(anchor, given):
            return True
        return self._may_call and are_written_out(anchor, given)

    def _go_on(self, number: int) -> None:
        """What comes behind all that is in both: as it came, unless it is what was sent before.

        A message that the client has moved on stays where it was sent first.
        """
        before, after = self._client.gap(number), self._now.gap(number)
        if after and is_alike(before, after):
            self._take(number, SAME)
            self._take_rest(self._now.end(number))
            return
        rest = range(self._now.start(number), len(self._now.messages))
        new = [rest[at] for at in self._put_back.not_in(self._now.messages[rest.start :])]
        if not new or len(new) == len(rest):
            self._take_rest(rest.start)
            return
        self._undone["transient"] = None
        self._messages += [self._now.messages[at] for at in new]
        self._origin += new

    def _take(self, number: int, found: Gap) -> None:
        """A gap as it went out before; with the client's own bytes if nothing was changed then, or now."""
        ours, start = self._ours.gap(number), self._now.start(number)
        if found is SAME and is_alike(ours, self._now.gap(number)):
            self._messages += self._now.gap(number)
            self._origin += range(start, self._now.end(number))
            return
        if self._is_old(number):
            self.has_old = True
            if self._is_leaving:
                first = len(self._messages)
                self._messages += self._now.gap(number)
                self._origin += range(start, self._now.end(number))
                self._left.update(range(first, len(self._messages)))
                return
        self._put_back.add(ours, self._now.gap(number))
        carried = set(map(id, found.carried))
        self._carried += [
            at
            for at in range(start, self._now.end(number))
            if id(self._now.messages[at]) in carried
        ]
        self._messages += ours
        self._origin += [None] * len(ours)
        self._undone.update(dict.fromkeys(found.names or self._undone_before))
        self._said += found.said

    def _carry_on(self) -> None:
        """Say in the newest turn what the client has put between turns that are read already."""
        if not self._carried:
            return
        anchors = (at for at, m in enumerate(self._messages) if self._now.is_anchor(m))
        newest = range(max(anchors, default=-1) + 1, len(self._messages))
        users = (at for at in newest if is_user(self._messages[at]))
        place = max(users, default=newest.stop)
        self._messages[place:place] = [self._now.messages[at] for at in self._carried]
        self._origin[place:place] = self._carried

    @cached_property
    def _moved(self) -> Moved:
        cuts = (self._client, self._ours, self._now)
        return Moved(*cuts, self._restless_before, self._put_back)

    @cached_property
    def _is_running(self) -> bool:
        """Whether the model is still at work with its tools, so that nobody has said anything since."""
        now = self._now.messages
        return now[-1].logical_role == "tool" and self._now.newest == self._client.newest

    def _take_rest(self, start: int) -> None:
        self._messages += self._now.messages[start:]
        self._origin += range(start, len(self._now.messages))

    def _is_old(self, number: int) -> bool:
        """Whether text was put back into a gap, and more replies stand behind it than may."""
        if self._max_turns is None or not self._puts_back(number, self._now.gap(number)):
            return False
        replies = sum(message.role == "assistant" for message in self._now.anchors[number:])
        return replies > self._max_turns

    def _puts_back(self, number: int, theirs: Sequence[Message]) -> bool:
        return puts_back(self._ours.gap(number), theirs, self._ticks)

    def _ticks_again(self, before: str, after: str, is_user: bool) -> Ticked | None:
        return self._ticks(before, after, is_user) or ticked_again(before, after)

    def _missing(self, found: Gap) -> str | None:
        """The rule without which this gap cannot be undone; None if it can."""
        wanting = (c for c in found.cures if not any(self._allowed[name] for name in c))
        return next((cures[0] for cures in wanting), None)

    def _fresh(self, number: int, cure: str | None) -> tuple[Message, ...]:
        """What would be said behind all that is in both, if the gaps from `number` on were undone."""
        known, last = min(len(self._client), len(self._now)), number
        while last < known and self._is_known(self._client.anchor(last), last):
            last += 1
        new, carried = self._now.messages[self._now.start(last) :], list[Message]()
        for at in range(number, last if cure == RESTORE else number):
            self._put_back.add(self._client.gap(at), self._now.gap(at))
            carried += (self._compared(at) or SAME).carried
        return (*carried, *([new[at] for at in self._put_back.not_in(new)] or new))

    def _is_known(self, anchor: Message, number: int) -> bool:
        given, is_newest = self._now.anchor(number), number >= self._client.newest
        return is_same(anchor, given) or has_lost_block(anchor, given, is_newest=is_newest)

    def _cause(self, number: int) -> str:
        """Why the rest is another history: its oldest messages left, maybe for a summary, or it was edited."""
        first = self._now.anchor(number)
        later = range(number + 1, len(self._client))
        if not any(is_same(self._client.anchor(at), first) for at in later):
            return "edit"
        gap = self._now.gap(number)
        is_summed_up = any(match_key(message) not in self._client.keys for message in gap)
        return "compaction" if is_summed_up else "window"
