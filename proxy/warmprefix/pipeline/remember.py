"""A turn that has ended: built, explained, remembered, never waited for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from warmprefix.core.explain.cache_break import CacheBreak, Evidence, Volatile, explain
from warmprefix.core.explain.prefix import characters, common_prefix
from warmprefix.core.explain.saving import Reaches, held
from warmprefix.core.identity.keys import Identifier
from warmprefix.core.memory.continuation import has_outlived
from warmprefix.core.memory.ledger import Place
from warmprefix.core.stats import cache_stats
from warmprefix.core.turn import Times, Turn
from warmprefix.core.types import Outcome, Prompt, Reply
from warmprefix.counters import Counters
from warmprefix.guard import guard
from warmprefix.pipeline.entries import entry_of
from warmprefix.pipeline.observe import Observer
from warmprefix.pipeline.prepared import Prepared
from warmprefix.pipeline.recent import Last, Recent
from warmprefix.stores.base import Store

_CERTAIN = frozenset({"no-cache", "other-backend"})
"""Causes about which the backend need not be asked."""

_RIVALS = 4
"""Of the turns that ran in between, so many of the latest are compared."""


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
        self._reaches = Reaches()

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
        last = replace(last, state=entry.conversation, outlived=self._learn(turn, before))
        self._recent.put(last, prepared.keys)
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
            cache_prompt=request.reuses,
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
            head=prepared.head,
        )

    def _learn(self, turn: Turn, before: Last | None) -> bool | None:
        """Whether the conversation's turns outlive others, as the last of them that tells."""
        outlived = self._outlived(turn, before)
        if outlived is not None:
            self._recent.outlived = outlived
            return outlived
        return before.outlived if before is not None else None

    def _outlived(self, turn: Turn, before: Last | None) -> bool | None:
        """Whether what the turn before had left in the backend was still there, though others had run since;
        None if none had, or if that cannot be told."""
        if before is None or before.number == self._recent.number or turn.prefix is None:
            return None
        cached, left = turn.stats.cached_tokens, before.stats.prompt_tokens
        if cached is None or not left or turn.prefix.messages < len(before.prompt.messages):
            return None
        rivals = self._recent.since(before.number, _RIVALS)
        return has_outlived(
            cached,
            left,
            [self._reaches.of(held(rival.prompt, rival.reply), before.prompt) for rival in rivals],
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
