"""Where a request stands: what is remembered of its history, and which conversation it goes on from."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from warmprefix.core.memory.ancestry import ancestry
from warmprefix.core.memory.ledger import (
    NOTHING,
    Ancestry,
    Conversation,
    Found,
    Place,
    kind_of_history,
    known_messages,
    place,
)
from warmprefix.core.types import Kind, Message
from warmprefix.counters import Counters
from warmprefix.dialects.base import Dialect
from warmprefix.guard import guard
from warmprefix.pipeline.parsed import Parsed
from warmprefix.pipeline.plain import place_plain
from warmprefix.pipeline.recent import Recent
from warmprefix.pipeline.rulesets import RuleSets
from warmprefix.pipeline.stages import Placed, Understood
from warmprefix.stores.base import Store


class Placer:
    """Finds the place of requests."""

    def __init__(
        self,
        store: Store,
        counters: Counters,
        recent: Recent,
        rules: RuleSets,
        parsed_of: Callable[[Dialect], Parsed],
    ) -> None:
        """`parsed_of`: the parsed messages of a dialect."""
        self._store = store
        self._counters = counters
        self._recent = recent
        self._rules = rules
        self._parsed_of = parsed_of
        self._identifier = rules.strict

    async def place(self, understood: Understood) -> Placed:
        """The canonical form, the chain keys and the place of a request."""
        if understood.request.prompt.is_plain:
            return await place_plain(understood, self._find, self._recent)
        came, received = understood.came, understood.request.prompt
        rules = self._rules.of(came.client.client)
        canonical = rules.canonicalizer.run(received)
        for name in canonical.failed:
            self._counters.failed_open(f"rule {name}", came.failed_open)
        messages = canonical.prompt.messages
        keys = rules.identifier.chain_keys(messages, understood.scope)
        found = await self._find(keys, came.failed_open)
        parse = self._parsed_of(understood.request.dialect).message
        known = ancestry(received.messages, keys, found, parse, came.turn, came.client.session)
        where, before = self._locate(understood, messages, keys, known)
        return Placed(
            came=came,
            understood=understood,
            canonical=canonical.prompt,
            rules=(*understood.request.read_as, *canonical.rules),
            keys=keys,
            ancestry=known,
            head=rules.identifier.head_of(canonical.prompt),
            place=where,
            before=before,
            is_side=came.client.side or self._is_branch(where, messages),
        )

    async def _find(self, keys: Sequence[bytes], noted: list[str]) -> Found:
        """What is remembered of a history; nothing if the store cannot say."""
        with guard(self._counters, "store", noted):
            return await self._store.find(keys)
        return NOTHING

    def _locate(
        self,
        understood: Understood,
        messages: Sequence[Message],
        keys: tuple[bytes, ...],
        known: Ancestry,
    ) -> tuple[Place, Conversation | None]:
        """The place of a request, and the conversation as it was after the turn that it goes on from."""
        came, first_user = understood.came, _first_user(messages)
        where, before = place(keys, first_user, known, came.turn), known.conversation
        last = self._recent.get(where.conversation, keys)
        if last is not None and last.state is not None and last.tip in keys:
            # Compare it with the branch that it goes on from, not with the latest of the conversation.
            before = last.state
            where = replace(where, kind=kind_of_history(keys, where.known, before))
        is_new = where.kind is Kind.COLD and known_messages(keys, known.nodes) <= first_user
        if is_new and not came.client.side:  # a side request may have the session of another one
            where = self._loosely(understood, messages, keys) or where
        return where, before

    def _loosely(
        self, understood: Understood, messages: Sequence[Message], keys: tuple[bytes, ...]
    ) -> Place | None:
        """The place of a request that differs or was shortened before its first user message; None if it begins
        a conversation.

        Either its messages are the same but for the system text, or its session id and its system text both say
        that it goes on. Only a conversation never seen is cold.
        """
        came, scope = understood.came, understood.scope
        goes_on = any(message.role == "assistant" for message in messages)
        last = None
        if goes_on:
            last = self._recent.by_lineage(self._identifier.lineage(messages, scope))
        if last is not None:
            return Place(last.conversation, last.index + 1, last.turn, Kind.EDIT, 0)
        last = self._recent.by_session(came.client.session)
        if last is None:
            return None
        theirs = (last.shadow or last.prompt).messages
        identifier = self._rules.of(came.client.client).identifier
        if identifier.chain_keys(theirs[:1], scope) != keys[:1]:
            return None
        is_shorter = len(messages) < len(theirs)
        if not goes_on and not is_shorter:
            return None
        kind = Kind.COMPACTION if is_shorter else Kind.EDIT
        return Place(last.conversation, last.index + 1, last.turn, kind, 0)

    def _is_branch(self, where: Place, messages: Sequence[Message]) -> bool:
        """Whether a request branches off at the very beginning of a conversation that has gone further: with a
        second user message and no reply in between, like summaries and titles that share its head."""
        roles = [message.role for message in messages]
        return (
            where.index > 0
            and "assistant" not in roles
            and roles.count("user") > 1
            and self._recent.has_longer(where.conversation, len(roles))
        )


def _first_user(messages: Sequence[Message]) -> int:
    users = (at for at, message in enumerate(messages) if message.role == "user")
    return next(users, len(messages) - 1)
