"""A turn that has ended: built, explained, remembered, never waited for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from proxy.core.explain import CacheBreak, Evidence, Volatile, explain
from proxy.core.identity import Identifier, chain_key, match_key
from proxy.core.ledger import Conversation, Entry, Node, Place
from proxy.core.prefix import characters, common_prefix
from proxy.core.saving import held
from proxy.core.stats import cache_stats
from proxy.core.turn import Times, Turn
from proxy.core.types import Outcome, Prompt, Reply
from proxy.core.wire import write_message
from proxy.counters import Counters
from proxy.guard import guard
from proxy.observing import Observer
from proxy.prepared import Prepared
from proxy.recent import Last, Recent
from proxy.stores.base import Store

_CERTAIN = frozenset({"no-cache", "other-backend"})
"""Causes about which the backend need not be asked."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How an exchange ended. `backend`: who answered, by name; `generation`: which start of it."""

    reply: Reply
    status: int | None
    outcome: Outcome
    times: Times
    generation: int = 0
    backend: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """A break that the prompts do not explain: what is needed to ask the backend about it."""

    turn: Turn
    before: Last
    after: Prompt
    evidence: Evidence


class Recorder:
    """Builds turns, explains them as far as can be without asking, and puts them into the ledger."""

    def __init__(
        self,
        store: Store,
        counters: Counters,
        recent: Recent,
        volatile: Sequence[Volatile] = (),
        identifier: Identifier | None = None,
    ) -> None:
        """`identifier`: the pipeline's, which has met each message before."""
        self._store = store
        self._counters = counters
        self._recent = recent
        self._volatile = volatile
        self._identifier = identifier or Identifier()
        self._observer = Observer()

    def record(
        self, prepared: Prepared, ended: Ended, turn: Turn | None = None
    ) -> tuple[Turn, Question | None]:
        """The turn, remembered, and what is left to ask. Never waits. `turn`: as it was built already.

        A turn that cannot be remembered is still returned.
        """
        turn = turn or turn_of(prepared, ended)
        with guard(self._counters, "record", prepared.failed_open):
            return self._remember(prepared, ended, turn)
        return turn, None

    def _remember(
        self, prepared: Prepared, ended: Ended, turn: Turn
    ) -> tuple[Turn, Question | None]:
        sent, where = prepared.sent, prepared.place
        if sent is None or where is None:
            return turn, None
        before = self._recent.get(where.conversation, prepared.keys)
        turn = replace(
            turn,
            prefix=common_prefix(before.prompt, sent) if before else None,
            prompt_characters=characters(sent.messages),
            prewarmed_tokens=before.prewarmed if before and not turn.side else None,
        )
        if turn.status != 200:
            return turn, None
        turn = replace(turn, would_save=self._observer.saving(prepared, turn, before))
        question = None
        if before is not None and not turn.side:  # housekeeping is no part of the conversation
            turn, question = self._explained(prepared, ended, turn, before)
        kept = prepared.shadow or sent
        entry = entry_of(prepared, kept, where, ended.reply, turn, ended.backend)
        last = self._last(prepared, kept, where, ended, turn)
        self._recent.put(replace(last, state=entry.conversation), prepared.keys)
        self._store.put(entry)
        return turn, question

    def _explained(
        self, prepared: Prepared, ended: Ended, turn: Turn, before: Last
    ) -> tuple[Turn, Question | None]:
        request, sent = prepared.request, prepared.sent
        assert request is not None
        assert sent is not None
        evidence = Evidence(
            has_moved=ended.backend != before.backend,
            restarted=ended.generation != before.generation,
            # Lemonade names the file in a stream and the requested name elsewhere; llama-server ignores
            # the requested name. Only where both are others did the model change.
            model_before=before.model if before.asked_model != request.model else None,
            model_after=turn.model if before.asked_model != request.model else None,
            cache_prompt=request.options.get("cache_prompt") is not False,
            others=self._recent.number - before.number,
        )
        found = self.explain(turn, before, sent, evidence)
        turn = replace(turn, cache_break=found)
        is_open = found is not None and found.path is None and found.cause not in _CERTAIN
        return turn, Question(turn, before, sent, evidence) if is_open else None

    def explain(
        self, turn: Turn, before: Last, after: Prompt, evidence: Evidence
    ) -> CacheBreak | None:
        """The break of a turn, given what is known by now."""
        kind = turn.kind.value if turn.kind else ""
        return explain(
            kind,
            held(before.prompt, before.reply),
            len(before.prompt.messages),
            before.stats,
            after,
            turn.stats,
            evidence,
            self._volatile,
        )

    def _last(
        self, prepared: Prepared, kept: Prompt, where: Place, ended: Ended, turn: Turn
    ) -> Last:
        reply = ended.reply.message
        return Last(
            conversation=where.conversation,
            turn=turn.id,
            index=where.index,
            number=self._recent.number + 1,
            prompt=prepared.sent or kept,
            stats=turn.stats,
            model=turn.model,
            asked_model=prepared.request.model if prepared.request else None,
            generation=ended.generation,
            backend=ended.backend,
            lineage=prepared.lineage(self._identifier, held(kept, reply).messages)[-2:],
            session=None if turn.side else prepared.client.session,
            shadow=prepared.shadow,
            reply=reply,
        )


def turn_of(prepared: Prepared, ended: Ended) -> Turn:
    """The turn by what its request and its reply say, without what is remembered."""
    reply, request = ended.reply, prepared.request
    return Turn(
        id=prepared.turn,
        client=prepared.client.client,
        endpoint=prepared.endpoint,
        model=reply.model or (request.model if request else None),
        stream=request is not None and request.stream,
        status=ended.status,
        outcome=ended.outcome,
        side=prepared.client.side or prepared.is_branch,
        place=prepared.place,
        prefix=None,
        prompt_characters=None,
        rules=prepared.rules if prepared.shadow is None else (),
        restored=prepared.restored if prepared.shadow is None else (),
        stats=cache_stats(reply),
        times=ended.times,
        error=reply.error,
        session=prepared.client.session,
        sent_messages=len(prepared.sent.messages) if prepared.sent else None,
    )


def entry_of(
    prepared: Prepared, sent: Prompt, where: Place, reply: Reply, turn: Turn, backend: str
) -> Entry:
    """What a turn adds to the ledger: the messages not yet known, those sent otherwise than they were
    remembered, and the reply."""
    parents = (prepared.scope, *prepared.keys)
    nodes: list[Node] = []
    for key, parent, message in zip(prepared.keys, parents, sent.messages, strict=False):
        known = prepared.found.nodes.get(key)
        raw = write_message(message)
        if known is None or (not known.generated and known.raw != raw):
            nodes.append(Node(key, parent, raw, False, where.conversation, turn.id))
    tip = prepared.keys[-1] if prepared.keys else prepared.scope
    answer = None
    if reply.message is not None:
        answer = chain_key(tip, match_key(reply.message))
        raw = write_message(reply.message)
        nodes.append(Node(answer, tip, raw, True, where.conversation, turn.id))
    conversation = Conversation(
        id=where.conversation,
        turns=where.index + 1,
        turn=turn.id,
        model=turn.model,
        tip=tip,
        messages=len(sent.messages),
        reply=answer,
        tools=tuple(tool.definition for tool in sent.tools or ()),
        options=sent.template_options,
        backend=backend,
    )
    return Entry(tuple(nodes), conversation)
