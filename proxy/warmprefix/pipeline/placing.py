"""Where a request stands: what is remembered of its history, and which conversation it goes on from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from warmprefix.aside import Run
from warmprefix.core.explain.prefix import shared_characters
from warmprefix.core.identity.keys import Identifier, match_key, tool_key, tool_set_key
from warmprefix.core.memory.alignment import Alignment, align
from warmprefix.core.memory.ancestry import ancestry
from warmprefix.core.memory.anchors import has_anchor
from warmprefix.core.memory.ledger import (
    NO_MARKS,
    NOTHING,
    Ancestry,
    Asked,
    Conversation,
    Found,
    Place,
    goes_on,
    kind_of_history,
    known_messages,
    place,
)
from warmprefix.core.rules.base import with_messages
from warmprefix.core.types import Kind, Message, Prompt
from warmprefix.counters import Counters
from warmprefix.guard import guard
from warmprefix.pipeline.elsewhere import Elsewhere, marks_of
from warmprefix.pipeline.past import goes_on_alike, last_of
from warmprefix.pipeline.plain import place_plain
from warmprefix.pipeline.recent import Last, Recent
from warmprefix.pipeline.rulesets import RuleSet
from warmprefix.pipeline.stages import Placed, Understood
from warmprefix.profiles.base import Recognised, text
from warmprefix.stores.base import Store

_INSTRUCTING = frozenset({"system", "developer"})
_SUMMARIES = 8  # of the latest turns, whose replies may be one
_SUMMARY_IN = 4  # messages in front, in which a client says it
_LEAST_SUMMARY = 40
"""Characters: a shorter reply stands in other texts by accident."""


class Placer:
    """Finds the place of requests."""

    def __init__(
        self,
        store: Store,
        counters: Counters,
        recent: Recent,
        strict: Identifier,
        is_gone: Callable[[Last], bool],
    ) -> None:
        """`is_gone`: as of the pipeline."""
        self._is_gone = is_gone
        self._store = store
        self._counters = counters
        self._recent = recent
        self._identifier = strict
        self._elsewhere = Elsewhere(recent, strict, counters)
        self._is_shared = store.leases is not None  # by other proxies

    async def place(self, understood: Understood, run: Run) -> Placed:
        """The canonical form, the chain keys and the place of a request. `run`: does its long steps."""
        if understood.request.prompt.is_plain:
            forget = self._elsewhere.forget
            return await place_plain(understood, run, self._find, self._recent, forget)
        came, received = understood.came, understood.request.prompt.messages
        rules = understood.rules
        canonical, who = await run(rules.canonical, understood.request.prompt, understood.scope)
        for name in canonical.failed:
            self._counters.failed_open(f"rule {name}", came.failed_open)
        prompt, client = canonical.prompt, canonical.prompt.messages
        marks, asked = NO_MARKS, None
        if self._is_shared:
            marks = marks_of(understood, who.tools)
            asked = self._elsewhere.asked(understood, prompt, marks, _first_user(client))
        found = await self._found(understood, run, who.keys, received, asked)
        first_tools = found.remembered.tools
        last = await self._last(understood, prompt, found)
        aligned = None
        if last is not None:
            aligned = await run(_compared, last, prompt, rules, is_gone=self._is_gone(last))
        if aligned is not None and aligned.undone:
            prompt = with_messages(prompt, aligned.messages)
            received = _as_they_came(aligned, received)
            who = await run(rules.identifier.identity_of, prompt, understood.scope)
            found = await self._found(understood, run, who.keys, received)
        compared = _Compared(last, aligned) if last is not None and aligned is not None else None
        where, before = self._locate(understood, prompt.messages, found, compared)
        return Placed(
            came=came,
            understood=understood,
            canonical=prompt,
            received=received,
            client=client,
            alignment=aligned,
            rules=(*understood.request.read_as, *canonical.rules),
            keys=found.keys,
            ancestry=found.ancestry,
            head=who.head,
            tool_keys=who.tools,
            place=where,
            before=before,
            is_side=came.client.side
            or _is_about(came.client, compared, prompt)
            or self._is_branch(came.client, where, prompt.messages),
            marks=marks,
            first_tools=first_tools,
        )

    async def _find(
        self, keys: Sequence[bytes], noted: list[str], asked: Asked | None = None
    ) -> Found:
        """What is remembered of a history; nothing if the store cannot say."""
        with guard(self._counters, "store", noted):
            return await self._store.find(keys, asked)
        return NOTHING

    async def _found(
        self,
        understood: Understood,
        run: Run,
        keys: tuple[bytes, ...],
        received: Sequence[Message],
        asked: Asked | None = None,
    ) -> "_Found":
        """What is remembered of a history. `received`: its messages as they came."""
        came, session = understood.came, understood.came.client.session
        remembered = await self._find(keys, came.failed_open, asked)
        parse = understood.parsed.message
        known = await run(ancestry, received, keys, remembered, parse, came.turn, session)
        own = known.conversation
        if self._is_shared:
            self._elsewhere.learn(remembered, own, understood, parse, understood.rules.identifier)
        last = None if own is None else self._recent.get(own.id, keys)
        return _Found(keys, known, remembered, last)

    async def _last(self, understood: Understood, prompt: Prompt, found: "_Found") -> Last | None:
        """The turn that a history should be compared with; None if it goes on from it, or if there is none. One
        without replies has nothing in common with any (core/memory/alignment.py)."""
        if understood.came.client.side:
            return None
        last = found.last
        if last is None:
            landmarks = self._identifier.reply_keys(prompt.messages, understood.scope)
            last = self._recent.by_landmark(landmarks)
        if last is None and found.remembered.number is None:
            last = await self._read_back(understood, prompt, found, landmarks)
        if last is None or last.history is None or not has_anchor(prompt.messages):
            return None
        # Keys that leave blocks out also go on if a block was only written anew.
        is_strict = understood.rules.identifier is self._identifier
        if is_strict and last.state is not None and goes_on(found.keys, last.state):
            return None
        return last

    async def _read_back(
        self,
        understood: Understood,
        prompt: Prompt,
        found: "_Found",
        landmarks: Sequence[bytes],
    ) -> Last | None:
        """The same out of the ledger, which is asked only if the history does not go on from what it knows, or
        if only loose keys say so. What is read is kept, so it is asked once."""
        known, is_strict = (
            found.ancestry.conversation,
            understood.rules.identifier is self._identifier,
        )
        first_user = _first_user(prompt.messages)
        if known is not None:
            if known_messages(found.keys, found.ancestry.nodes) <= first_user:
                known = None  # it only begins with the same instructions
            elif is_strict and goes_on_alike(found.keys, known, prompt):
                return None
        if known is None and not landmarks:
            return None
        came = understood.came
        last: Last | None = None
        with guard(self._counters, "store", came.failed_open):
            name = None if known is None else known.id
            past = await self._store.past(name, landmarks)
            parse = understood.parsed.message
            if past is not None:
                last = last_of(
                    past, understood, parse, self._identifier, understood.rules.identifier
                )
        if last is None:
            return None
        if known is None or known.id != last.conversation:
            session = came.client.session
            is_foreign = None not in (session, last.session) and session != last.session
            if is_foreign or _aligned(last, prompt.messages, understood.rules) is None:
                return None
        self._recent.put(last)
        return last

    def _locate(
        self,
        understood: Understood,
        messages: Sequence[Message],
        found: "_Found",
        compared: "_Compared | None",
    ) -> tuple[Place, Conversation | None]:
        """The place of a request, and the conversation as it was after the turn that it goes on from."""
        keys, known = found.keys, found.ancestry
        came, first_user = understood.came, _first_user(messages)
        where, before = place(keys, first_user, known, came.turn), known.conversation
        last = None
        if where.known:  # it may have been read back since it was looked for
            last = found.last or self._recent.get(where.conversation, keys)
        if last is not None and last.state is not None and last.tip in keys:
            # Compare it with the branch that it goes on from, not with the latest of the conversation.
            before = last.state
            where = replace(where, kind=kind_of_history(keys, where.known, before))
        is_new = where.kind is Kind.COLD and known_messages(keys, known.nodes) <= first_user
        if is_new and not came.client.side:  # a side request may have the session of another one
            where = self._loosely(understood, messages, keys, compared) or where
        return where, before

    def _loosely(
        self,
        understood: Understood,
        messages: Sequence[Message],
        keys: tuple[bytes, ...],
        compared: "_Compared | None",
    ) -> Place | None:
        """The place of a request that differs or was shortened before its first user message; None if it begins
        a conversation.

        Either it has the replies of that conversation or quotes what was generated of it, or its session id and
        its system text both say that it goes on. Only a conversation never seen is cold.
        """
        if compared is not None:
            return compared.place
        return self._summed_up(understood, messages, keys) or self._of_session(
            understood, messages, keys
        )

    def _summed_up(
        self,
        understood: Understood,
        messages: Sequence[Message],
        keys: tuple[bytes, ...],
    ) -> Place | None:
        """The place of a request with a user message that is little else than what was generated lately: a
        client has asked for a summary of a conversation, and goes on from it with the same instructions."""
        if not messages or messages[0].role not in _INSTRUCTING:
            return None
        lately = [x for x in self._recent.since(0, _SUMMARIES) if x.scope == understood.scope]
        replies = [(last, text(last.reply).strip()) for last in lately if last.reply is not None]
        summaries = [one for one in replies if len(one[1]) >= _LEAST_SUMMARY]
        if not summaries:
            return None
        said = [text(message) for message in messages[:_SUMMARY_IN] if message.role == "user"]
        for last, summary in summaries:
            # Housekeeping that no profile knows may quote a reply among others.
            if any(summary in one and 2 * len(summary) >= len(one) for one in said) and any(
                understood.rules.identifier.chain_keys(branch.prompt.messages[:1], last.scope)
                == keys[:1]
                for branch in self._recent.branches(last.conversation)
            ):
                return Place(last.conversation, last.index + 1, last.turn, Kind.COMPACTION, 0)
        return None

    def _of_session(
        self,
        understood: Understood,
        messages: Sequence[Message],
        keys: tuple[bytes, ...],
    ) -> Place | None:
        """The place of a request that has the session id of a conversation, and its system text with earlier
        replies or fewer messages; or its tools and its first question, with a few other words before that."""
        came, scope = understood.came, understood.scope
        last = self._recent.by_session(came.client.session, scope)
        if last is None:
            return None
        prompt = last.shadow or last.prompt
        theirs = prompt.messages
        kind = Kind.COMPACTION if len(messages) < len(theirs) else Kind.EDIT
        where = Place(last.conversation, last.index + 1, last.turn, kind, 0)
        if understood.rules.identifier.chain_keys(theirs[:1], scope) == keys[:1]:
            has_replies = any(message.role == "assistant" for message in messages)
            return where if has_replies or kind is Kind.COMPACTION else None
        is_asked_again = _is_asked_again(prompt, understood.request.prompt)
        return replace(where, kind=Kind.EDIT) if is_asked_again else None

    def _is_branch(self, client: Recognised, where: Place, messages: Sequence[Message]) -> bool:
        """Whether a request branches off at the very beginning of a conversation that has gone further: with a
        second user message and no reply in between, like summaries and titles that share its head.

        What follows a summary looks alike, if the client sends the old questions with it. Codex does, and says
        that it is a turn.
        """
        roles = [message.role for message in messages]
        return (
            not client.is_said
            and where.known > 0
            and "assistant" not in roles
            and roles.count("user") > 1
            and self._recent.has_longer(where.conversation, len(roles))
        )


@dataclass(frozen=True, slots=True)
class _Compared:
    """The turn of which a history is another form, and how it differs."""

    last: Last
    alignment: Alignment

    @property
    def place(self) -> Place:
        """Of that history."""
        change = self.alignment.change
        is_short = change is not None and change.cause == "compaction"
        kind = Kind.COMPACTION if is_short else Kind.EDIT
        return Place(self.last.conversation, self.last.index + 1, self.last.turn, kind, 0)


def _is_about(client: Recognised, compared: _Compared | None, prompt: Prompt) -> bool:
    """Whether a request has the history of a conversation, but none of its tools and quite other instructions:
    to sum it up, or to answer from what was found so far. The conversation goes on without it.

    If it goes on from it instead, the next request has no fewer tools than the turn before.
    """
    if client.is_said or compared is None or prompt.tools or not compared.last.prompt.tools:
        return False
    change, theirs = compared.alignment.change, compared.last.prompt.messages
    if change is None or change.at > 0:
        return False
    return not _are_alike(theirs[0], prompt.messages[0])


def _is_asked_again(before: Prompt, now: Prompt) -> bool:
    """Whether two prompts have the same tools and the same first question, and instructions that are alike."""
    first, again = _first_user(before.messages), _first_user(now.messages)
    if first != again or first < 1 or not _are_alike(before.messages[0], now.messages[0]):
        return False
    if sorted(map(tool_key, before.tools or ())) != sorted(map(tool_key, now.tools or ())):
        return False
    return match_key(before.messages[first]) == match_key(now.messages[again])


def _are_alike(one: Message, other: Message) -> bool:
    """Whether two texts begin with the same half."""
    old, new = text(one), text(other)
    return 2 * shared_characters(old, new) >= max(len(old), len(new))


@dataclass(frozen=True, slots=True)
class _Found:
    """The chain keys of a history, what it goes on from, and the last turn of that, if it is a recent one."""

    keys: tuple[bytes, ...]
    ancestry: Ancestry
    remembered: Found
    last: Last | None


def _compared(last: Last, prompt: Prompt, rules: RuleSet, *, is_gone: bool) -> Alignment | None:
    """How a history compares with that of the turn `last`. `is_gone`: the backend has lost that."""
    is_broken = is_gone or _other_head(last.prompt, prompt, rules)
    return _aligned(last, prompt.messages, rules, is_broken=is_broken)


def _other_head(before: Prompt, after: Prompt, rules: RuleSet) -> bool:
    """Whether what templates print in front of all messages has changed."""
    if dict(before.template_options) != dict(after.template_options):
        return True
    if before.tools == after.tools:
        return False
    keys = (rules.identifier.tool_keys(prompt.tools or ()) for prompt in (before, after))
    one, other = map(tool_set_key, keys)
    return one != other


def _aligned(
    last: Last, messages: Sequence[Message], rules: RuleSet, *, is_broken: bool = False
) -> Alignment | None:
    if last.history is None:
        return None
    return align(last.history, messages, rules.undoing, rules.ticks, is_broken=is_broken)


def _as_they_came(aligned: Alignment, received: Sequence[Message]) -> tuple[Message, ...]:
    pairs = zip(aligned.messages, aligned.origin, strict=True)
    return tuple(message if at is None else received[at] for message, at in pairs)


def _first_user(messages: Sequence[Message]) -> int:
    users = (at for at, message in enumerate(messages) if message.role == "user")
    return next(users, len(messages) - 1)
