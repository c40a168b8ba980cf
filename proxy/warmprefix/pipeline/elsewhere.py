"""What other proxies on the same ledger have done: their turns become recent ones here, as if they were ours.

Whoever compares a request with the turn before it (placing.py, remember.py) need not know which proxy had it.
"""

from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b

from warmprefix.core.identity.keys import DIGEST_BYTES, Identifier, tool_set_key
from warmprefix.core.memory.ledger import Asked, Conversation, Found, Marks
from warmprefix.core.types import Prompt
from warmprefix.counters import Counters
from warmprefix.guard import guard
from warmprefix.pipeline.past import Parse, last_of
from warmprefix.pipeline.recent import Last, Recent
from warmprefix.pipeline.stages import Understood

_SEEN = 8  # of the latest turns, which need not be sent again


def marks_of(understood: Understood, tool_keys: Sequence[bytes]) -> Marks:
    """By what a request is recognised besides its history. `tool_keys`: of each of its tools."""
    scope, session = understood.scope, understood.came.client.session
    tools = scope + tool_set_key(tool_keys) if tool_keys else b""
    named = b"" if session is None or understood.came.client.side else _session(scope, session)
    return Marks(scope, named, tools)


def _session(scope: bytes, session: str) -> bytes:
    return blake2b(scope + session.encode(), digest_size=DIGEST_BYTES, person=b"session").digest()


class Elsewhere:
    """The turns of other proxies."""

    def __init__(self, recent: Recent, identifier: Identifier, counters: Counters) -> None:
        """`identifier`: the strict one."""
        self._recent = recent
        self._identifier = identifier
        self._counters = counters

    def asked(self, understood: Understood, prompt: Prompt, marks: Marks, first_user: int) -> Asked:
        """What a shared store is asked about a request. Housekeeping is compared with nothing."""
        came, scope, recent = understood.came, understood.scope, self._recent
        landmarks = self._identifier.reply_keys(prompt.messages, scope)
        if came.client.side:
            return Asked(replace(marks, scope=b"", session=b""), (), first_user + 1)
        near = (recent.by_landmark(landmarks), recent.by_session(came.client.session, scope))
        branches = [last for one in near if one for last in recent.branches(one.conversation)]
        seen = (last.turn for last in (*branches, *recent.since(0, _SEEN)))
        return Asked(
            marks, landmarks, first_user + 1, tuple(dict.fromkeys(seen)), rivals=self._seeks_rivals
        )

    @property
    def _seeks_rivals(self) -> bool:
        """Whether it can be seen and was not yet whether turns outlive others: without knowing those, it cannot
        be."""
        is_counted = all(last.is_counted for last in self._recent.since(0, 1))
        return self._recent.outlived is None and is_counted

    def learn(
        self,
        found: Found,
        known: Conversation | None,
        understood: Understood,
        parse: Parse,
        identifier: Identifier,
    ) -> None:
        """Take over the turns that a shared store has answered, the latest last. `known`: the conversation that
        the request goes on from, by its history; `identifier`: of the client's rules."""
        if found.number is not None:
            self._recent.number = max(self._recent.number, found.number)
        with guard(self._counters, "store", understood.came.failed_open):
            for past in sorted(found.pasts, key=lambda one: one.number or 0):
                last = last_of(past, understood, parse, self._identifier, identifier)
                is_own = last is not None and known is not None and last.conversation == known.id
                if last is not None and (is_own or not self._is_foreign(last, understood)):
                    self._put(last, [node.key for node in past.path])
        if found.outlived is not None:  # what other proxies have seen of the backend holds here too
            self._recent.outlived = found.outlived

    def _is_foreign(self, last: Last, understood: Understood) -> bool:
        """Whether a turn has replies in common with what another session of the same user shows."""
        session = understood.came.client.session
        if None in (session, last.session) or session == last.session:
            return False
        shown = self._identifier.reply_keys(understood.request.prompt.messages, understood.scope)
        return bool({*shown} & {*last.landmarks})

    def _put(self, last: Last, keys: Sequence[bytes]) -> None:
        own = self._recent.get(last.conversation)
        if own is None or own.index <= last.index:
            self._recent.put(last, keys)

    def forget(self, conversation: Conversation | None) -> None:
        """Forget the last turn of a conversation that has gone on elsewhere, if the ledger does not say how."""
        if conversation is None:
            return
        branches = self._recent.branches(conversation.id)
        if branches and conversation.turn not in {last.turn for last in branches}:
            self._recent.drop(conversation.id)
