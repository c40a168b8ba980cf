"""A request's stages: as it came, understood, placed, written, ended. Each is made once and never changed.

`Passed` is a request that goes on as it came; all other stages refer to it. Only one thing in a stage changes:
the list of what failed open on the way, which all stages of a request share.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypedDict

from warmprefix.backends.base import Headers
from warmprefix.core.explain.cache_break import CacheBreak
from warmprefix.core.explain.direct import Kept
from warmprefix.core.explain.evidence import Evidence
from warmprefix.core.explain.prefix import Prefix
from warmprefix.core.explain.saving import WouldSave
from warmprefix.core.memory.alignment import Alignment
from warmprefix.core.memory.ledger import NO_MARKS, Ancestry, Conversation, Marks, Node, Place
from warmprefix.core.memory.trail import Forms
from warmprefix.core.messages import written
from warmprefix.core.routing import Route
from warmprefix.core.slots.seat import NO_SEAT, AnySeat
from warmprefix.core.stats import cache_stats
from warmprefix.core.title import title_of
from warmprefix.core.turn import Times, Turn
from warmprefix.core.types import CacheStats, Kind, Message, Outcome, Prompt, RawJson, Reply
from warmprefix.dialects.base import Asked, Dialect, Request
from warmprefix.pipeline.parsed import Parsed
from warmprefix.pipeline.recent import Last
from warmprefix.pipeline.rulesets import RuleSet
from warmprefix.profiles.base import Recognised

_UNKNOWN = Recognised("unknown", None, False)
_ID_BYTES = 6
NO_ROUTE = Route("", "")


@dataclass(frozen=True, slots=True)
class Passed:
    """A request that goes on as it came: it was not read yet, it was not understood, or our part failed.

    `turn`: its id; `headers` by lower-case name. `client`, `model` and `request` are set as far as it was read,
    for the log and for the choice of a backend. `failed_open`: which of our parts failed (counters.py).
    """

    turn: str
    endpoint: str
    headers: Mapping[str, str]
    body: bytes
    client: Recognised = _UNKNOWN
    model: str | None = None
    request: Request | None = None
    failed_open: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Understood:
    """A request that was read. `scope`: the root of its chain keys; `parsed`: what was parsed before in its
    dialect; `rules`: those for its client."""

    came: Passed
    request: Request
    scope: bytes
    parsed: Parsed
    rules: RuleSet


@dataclass(frozen=True, slots=True)
class Placed:
    """A request that has its place.

    `canonical`: its prompt after `rules`, which are named, and with what its client took out of its history put
    back; `received`: the messages as they came, and what was put back. `client`: the messages after the rules
    alone; `alignment`: how they compare with the turn before, None if they go on from it. `keys`: the chain key
    of each message. `ancestry`: the remembered messages that it goes on from; `head`: what its prompt begins
    with, `tool_keys`: the key of each of its tools, both as of `Identity`.

    `place` follows from the messages alone; `before` is the conversation whose tools and template options are
    compared, None if there is none. `is_side`: it is no part of a conversation, as its client says or its place
    shows. `marks`: by what else other proxies recognise it; `first_tools`: its tools as the first of them
    sent them.
    """

    came: Passed
    understood: Understood
    canonical: Prompt
    received: tuple[Message, ...]
    client: tuple[Message, ...]
    alignment: Alignment | None
    rules: tuple[str, ...]
    keys: tuple[bytes, ...]
    ancestry: Ancestry
    head: bytes
    place: Place
    before: Conversation | None
    is_side: bool
    tool_keys: tuple[bytes, ...] = ()
    marks: Marks = NO_MARKS
    first_tools: tuple[RawJson, ...] = ()


@dataclass(frozen=True, slots=True)
class Asks:
    """What the user wants the backend to be asked in a stream: settings of the same names under `[backend]`."""

    usage: bool = False
    progress: bool = False


NOTHING_ASKED = Asks()


@dataclass(frozen=True, slots=True)
class Path:
    """What the ledger gets of a request, whatever is answered. `nodes`: those that it does not have yet; `end`:
    the id of the last one, empty if the prompt is plain; `client`, `ours`: as of `Trail`."""

    nodes: tuple[Node, ...]
    end: bytes
    client: Forms | None = None
    ours: Forms | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """A request as it goes out. `sent`: the prompt in its `body`.

    `ours`: the prompt that we make of it, by `rules` and `restored`; the same as `sent`, unless the proxy only
    observes (`is_observed`). `nodes`: the node of each of its messages, None if it is not sent as it was
    before. `place`: as in `placed`, but its kind is that of the request as it is written. `asked`: what the
    proxy has asked of the stream. `path`: worked out before the turn ends, as it is for a large request.
    """

    placed: Placed
    came: Passed
    request: Request
    place: Place
    body: bytes
    sent: Prompt
    ours: Prompt
    rules: tuple[str, ...]
    restored: tuple[str, ...]
    nodes: tuple[Node | None, ...]
    is_observed: bool = False
    asked: tuple[Asked, ...] = ()
    path: Path | None = None


Outgoing = Written | Passed
"""What can be sent."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A request whose exchange has ended.

    `body`: as it was sent, the slot included; `headers`: as they were sent. `model`: as the reply names it, or
    else the request. `generation`: which start of the backend answered, as counted here; `start`: what it says
    of that start itself, empty if nothing. `pieces`: the reply, if it is captured.
    """

    outgoing: Outgoing
    came: Passed
    body: bytes
    headers: Headers
    reply: Reply
    status: int | None
    outcome: Outcome
    times: Times
    model: str | None
    stats: CacheStats
    is_side: bool
    seat: AnySeat
    generation: int
    start: str
    route: Route
    pieces: Sequence[bytes] = ()

    @property
    def kind(self) -> Kind | None:
        """How the turn relates to its conversation; a side request is no part of one."""
        if self.is_side:
            return Kind.SIDE
        return self.outgoing.place.kind if isinstance(self.outgoing, Written) else None


@dataclass(frozen=True, slots=True)
class Question:
    """A break, and what is needed to ask the backend about it. `client`: whose settings matter for the hint;
    `asked_model`: as the request named it; `others_outlived`: whether turns outlived others, as seen before
    this one."""

    model: str | None
    kind: Kind | None
    stats: CacheStats
    before: Last
    after: Prompt
    evidence: Evidence
    dialect: Dialect
    client: str = ""
    asked_model: str | None = None
    others_outlived: bool | None = None


class Patch(TypedDict, total=False):
    """What a listener adds to a turn that has ended. `question`: what is left to ask about it; `kind`: another
    one than its place says; `opened`: it began with a saved opening."""

    prefix: Prefix | None
    prompt_characters: int
    prewarmed_tokens: int | None
    put_back_tokens: int | None
    would_save: WouldSave | None
    cache_break: CacheBreak | None
    question: Question
    kind: Kind
    slot: int | None
    slot_reason: str | None
    opened: bool
    kept: Kept | None


def as_it_came(endpoint: str, headers: Mapping[str, str], body: bytes) -> Passed:
    """A request that was not read yet, under an id of its own."""
    return Passed(secrets.token_hex(_ID_BYTES), endpoint, headers, body)


def ended_of(
    outgoing: Outgoing,
    reply: Reply,
    status: int | None,
    outcome: Outcome,
    times: Times,
    *,
    body: bytes | None = None,
    headers: Headers | None = None,
    seat: AnySeat = NO_SEAT,
    generation: int = 0,
    start: str = "",
    route: Route = NO_ROUTE,
    pieces: Sequence[bytes] = (),
) -> Ended:
    """The end of an exchange. `body`: the one that was sent; by default the one that was written."""
    if isinstance(outgoing, Written):
        came, is_side = outgoing.came, outgoing.placed.is_side
    else:
        came, is_side = outgoing, outgoing.client.side
    said = reply.message
    if said is not None and said.raw is None:  # write it once, for all listeners
        reply = replace(reply, message=replace(said, raw=written(said)))
    return Ended(
        outgoing=outgoing,
        came=came,
        body=outgoing.body if body is None else body,
        headers=headers or [],
        reply=reply,
        status=status,
        outcome=outcome,
        times=times,
        model=reply.model or came.model,
        stats=cache_stats(reply),
        is_side=is_side,
        seat=seat,
        generation=generation,
        start=start,
        route=route,
        pieces=pieces,
    )


def turn_of(ended: Ended, patch: Patch, *, has_title: bool = True) -> Turn:
    """The turn: from its request, its reply, and what the listeners have added. `has_title`: that is looked
    for, among the words of the user."""
    came, request = ended.came, ended.came.request
    ours = ended.outgoing if isinstance(ended.outgoing, Written) else None
    acting = None if ours is None or ours.is_observed else ours
    return Turn(
        id=came.turn,
        client=came.client.client,
        endpoint=came.endpoint,
        model=ended.model,
        stream=request is not None and request.stream,
        status=ended.status,
        outcome=ended.outcome,
        kind=patch.get("kind", ended.kind),
        place=ours.place if ours else None,
        prefix=patch.get("prefix"),
        prompt_characters=patch.get("prompt_characters"),
        rules=acting.rules if acting else (),
        restored=(
            *(acting.restored if acting else ()),
            *(("opening",) if patch.get("opened") else ()),
        ),
        stats=ended.stats,
        times=ended.times,
        error=ended.reply.error,
        cache_break=patch.get("cache_break"),
        slot=patch.get("slot"),
        slot_reason=patch.get("slot_reason"),
        backend=ended.route.backend or None,
        backend_reason=ended.route.reason or None,
        would_save=patch.get("would_save"),
        session=came.client.session,
        sent_messages=_sent_messages(request.prompt) if request else None,
        prewarmed_tokens=patch.get("prewarmed_tokens"),
        kept=patch.get("kept"),
        put_back_tokens=patch.get("put_back_tokens"),
        title=title_of(request.prompt) if request and has_title else None,
        failed_open=tuple(came.failed_open),
        progress=ended.reply.progress,
    )


def _sent_messages(prompt: Prompt) -> int:
    """How many messages were sent; a plain text counts as one."""
    return 1 if prompt.is_plain else len(prompt.messages)
