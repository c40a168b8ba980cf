"""The last turn of each recent conversation, to compare the next one with."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from warmprefix.core.explain.saving import held
from warmprefix.core.memo import ENTRY_BYTES
from warmprefix.core.memory.alignment import History
from warmprefix.core.memory.continuation import Continuation, belief
from warmprefix.core.memory.ledger import Conversation, Node
from warmprefix.core.messages import all_written
from warmprefix.core.types import CacheStats, Message, Prompt

_MAX_BYTES = 32 * 1024 * 1024
"""Bound on the text of the prompts: dozens of long conversations. Most messages are shared with the
canonicalizer's memory, so the real cost is lower."""


_BRANCHES = 3  # last turns besides the newest: a title, tags, a summary


@dataclass(frozen=True, slots=True)
class Last:
    """A conversation's last turn. `number`: counts the turns of all conversations, in order.

    `index`: its position among the conversation's turns. `model`: as the reply named it; `asked_model`: as the
    request did. `generation`: which start of the `backend` answered. `landmarks`: keys by which it is
    recognised if its beginning changes: of its latest replies, or of the end of a plain text. `shadow`: if the
    proxy only observes, the prompt that it would have sent, otherwise None; `reply`: what the backend generated
    then; `state`: the conversation as of then. `prewarmed`: tokens evaluated afterwards for the coming prompt;
    then `stats` count what the slot holds. `head`: what the prompt begins with, the same if templates render it
    alike; `scope`: the root of its chain keys, which no other credential has. `outlived`: whether what the
    conversation's turns left in the backend was still there after others had run in between; None if none ever
    did, or if it is unknown. `history`: what to compare the client's next history with. `is_read_back`: out
    of the ledger, so what the backend did since is unknown; `number` and `generation` are then 0. `start`: if
    another proxy had the turn, what the backend said of its last start, instead of `generation`; None if it was
    ours.
    """

    conversation: str
    turn: str
    index: int
    number: int
    prompt: Prompt
    stats: CacheStats
    model: str | None
    asked_model: str | None
    generation: int
    landmarks: tuple[bytes, ...]
    session: str | None
    shadow: Prompt | None = None
    reply: Message | None = None
    state: Conversation | None = None
    backend: str = ""
    prewarmed: int | None = None
    head: bytes = b""
    scope: bytes = b""
    outlived: bool | None = None
    history: History | None = None
    is_side: bool = False
    is_read_back: bool = False
    start: str | None = None

    def is_before(self, generation: int, start: str) -> bool:
        """Whether the backend has started since, if this is its present start."""
        if self.start is None:
            return generation != self.generation
        return self.start != start and "" not in (self.start, start)

    @property
    def tip(self) -> bytes:
        """Chain key of the last message that was sent."""
        return self.state.tip if self.state else b""

    @property
    def is_counted(self) -> bool:
        """Whether the backend says what it reuses."""
        return self.stats.cached_tokens is not None or self.prewarmed is not None


class Recent:
    """The last turns by conversation; the longest unused conversation leaves first.

    If a conversation branches (a side request that shares its head, a fork, an edit), it has several last
    turns: one that goes on from another replaces it, others are added.
    """

    def __init__(self, max_bytes: int = _MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._last: OrderedDict[str, tuple[tuple[Last, ...], int]] = OrderedDict()
        self._landmarks: dict[bytes, str] = {}
        self._session: dict[tuple[bytes, str], str] = {}
        self._heads: dict[bytes, Last] = {}
        self.number = 0
        self.outlived: bool | None = None
        """Whether what a turn leaves outlives others: as seen the last time that others ran in between; None if
        none ever did."""

    def get(self, conversation: str, keys: Sequence[bytes] = ()) -> Last | None:
        """The last turn that a history goes on from, given its chain keys, or else the newest that is no side
        request; None if the conversation is forgotten."""
        found = self._last.get(conversation)
        if found is None:
            return None
        at = {key: position for position, key in enumerate(keys)}
        newest = next((x for x in reversed(found[0]) if not x.is_side), found[0][-1])
        return max(found[0], key=lambda last: at.get(last.tip, -1 + (last is newest) / 2))

    def branches(self, conversation: str) -> tuple[Last, ...]:
        """The last turns of a conversation, the newest last."""
        found = self._last.get(conversation)
        return found[0] if found is not None else ()

    def has_longer(self, conversation: str, messages: int) -> bool:
        """Whether a branch of the conversation has more than this number of messages."""
        found = self._last.get(conversation)
        return found is not None and any(len(x.prompt.messages) > messages for x in found[0])

    def by_landmark(self, keys: Sequence[bytes]) -> Last | None:
        """The last turn of the conversation that has the first of these landmarks that is known."""
        names = (self._landmarks.get(key) for key in keys)
        return next((self.get(name) for name in names if name is not None), None)

    def by_session(self, session: str | None, scope: bytes = b"") -> Last | None:
        """The last turn of the conversation in which a client's session id was last seen. `scope`: the root of
        its chain keys; under another credential the same id is another session."""
        name = self._session.get((scope, session or ""))
        return self.get(name) if name is not None else None

    def like(self, head: bytes) -> Last | None:
        """The newest turn, of any conversation, whose prompt has this head."""
        return self._heads.get(head)

    def continuation(self, head: bytes, leaf: Node | None, keys: Sequence[bytes]) -> Continuation:
        """What the backend is believed to hold of a prompt that has this head and goes on from `leaf`. `keys`:
        its chain keys."""
        last = self.like(head)
        if last is None or leaf is None or not last.is_counted:
            return Continuation()
        own = self.get(leaf.conversation, keys)
        outlived = own.outlived if own is not None else None
        is_last = last.number == self.number
        near = belief(is_last=is_last, outlived=outlived, others_outlived=self.outlived)
        others_outlived = None if outlived is None else self.outlived
        far = belief(is_last=False, outlived=outlived, others_outlived=others_outlived)
        return Continuation(held(last.shadow or last.prompt, last.reply).messages, near, far)

    def since(self, number: int, most: int) -> list[Last]:
        """The turns after number `number` that are remembered, newest first, at most `most`."""
        found = (last for lasts, _ in self._last.values() for last in lasts if last.number > number)
        return sorted(found, key=lambda last: -last.number)[:most]

    def put(self, last: Last, keys: Sequence[bytes] = ()) -> tuple[str, ...]:
        """Remember a turn. `keys`: its chain keys; the last turns that it goes on from, which are returned, are
        forgotten."""
        before = self.branches(last.conversation)
        self.drop(last.conversation)
        beside = tuple(other for other in before if other.tip not in keys)[-_BRANCHES:]
        size = sum(map(_size, (*beside, last)))
        self._last[last.conversation] = ((*beside, last), size)
        self._bytes += size
        self.number = max(self.number, last.number)
        for key in last.landmarks:
            self._landmarks[key] = last.conversation
        for one in (*beside, last):
            if one.head and one.number >= self._number_like(one.head):
                self._heads[one.head] = one
        if last.session:
            self._session[last.scope, last.session] = last.conversation
        while self._bytes > self._max_bytes and len(self._last) > 1:
            self.drop(next(iter(self._last)))
        return tuple(other.turn for other in before if other.tip in keys)

    def prewarmed(self, conversation: str, turn: str, tokens: int, held: int | None) -> None:
        """The coming prompt was read ahead after a turn. `held`: tokens that the slot now holds instead of the
        turn's own, None if the reading was broken off."""
        self._change(conversation, lambda x: _ahead(x, tokens, held) if x.turn == turn else x)

    def ran_anew(self, before: Last, prompt: Prompt, generation: int) -> None:
        """The backend had started anew between the turn `before` and the one that sent `prompt`. So that one
        lost what others had not taken: what was known until then of turns that outlive others still holds."""
        anew = partial(replace, generation=generation, outlived=before.outlived)
        self._change(before.conversation, lambda x: anew(x) if x.prompt is prompt else x)

    def _change(self, conversation: str, change: Callable[[Last], Last]) -> None:
        """What is known of each last turn of a conversation, changed; none of them grows."""
        found = self._last.get(conversation)
        if found is not None:
            self._last[conversation] = tuple(map(change, found[0])), found[1]

    def drop(self, conversation: str) -> None:
        """Forget a conversation."""
        found = self._last.pop(conversation, None)
        if found is None:
            return
        self._bytes -= found[1]
        for last in found[0]:
            for key in last.landmarks:
                if self._landmarks.get(key) == conversation:
                    del self._landmarks[key]
            name = (last.scope, last.session or "")
            if self._session.get(name) == conversation:
                del self._session[name]
            newest = self._heads.get(last.head)
            if newest is not None and newest.conversation == conversation:
                del self._heads[last.head]

    def _number_like(self, head: bytes) -> int:
        newest = self._heads.get(head)
        return newest.number if newest is not None else 0


def _size(last: Last) -> int:
    """What a turn's messages cost, the reply included: that may be megabytes after a short question."""
    messages = last.prompt.messages if last.reply is None else (*last.prompt.messages, last.reply)
    return sum(map(len, all_written(messages))) + ENTRY_BYTES * len(messages)


def _ahead(last: Last, tokens: int, held: int | None) -> Last:
    stats = last.stats if held is None else CacheStats(prompt_tokens=held)
    return replace(last, stats=stats, prewarmed=tokens or None)
