"""Explains and remembers a turn that has ended. No request waits for that."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from warmprefix.core.explain.alike import lost_tokens, most_alike
from warmprefix.core.explain.cache_break import (
    CacheBreak,
    Volatile,
    explain,
    explain_alike,
    seconds,
)
from warmprefix.core.explain.cures import Broken, hint_of
from warmprefix.core.explain.evidence import Evidence
from warmprefix.core.explain.hint import Able, InForce
from warmprefix.core.explain.prefix import Prefix, characters, common_prefix
from warmprefix.core.explain.put_back import added_characters, put_back_tokens
from warmprefix.core.explain.saving import Reaches, held
from warmprefix.core.identity.keys import Identifier
from warmprefix.core.identity.plain import line_keys
from warmprefix.core.memory.alignment import History
from warmprefix.core.memory.continuation import has_outlived
from warmprefix.core.memory.ledger import Conversation
from warmprefix.core.messages import plain_text
from warmprefix.core.slots.seat import AnySeat, Seat
from warmprefix.core.slots.slot import SAVED_BELOW
from warmprefix.core.types import CacheStats, Kind, Message, Prompt
from warmprefix.pipeline.entries import entry_of
from warmprefix.pipeline.observe import Observer
from warmprefix.pipeline.recent import Last, Recent
from warmprefix.pipeline.stages import Ended, Patch, Placed, Question, Written
from warmprefix.stores.base import Store

_CERTAIN = frozenset({"no-cache", "other-backend"})
"""For these causes the backend need not be asked. For all others it says what its template prints of the
change, and what it is able to do against it."""

_RIVALS = 4
"""How many of the turns that ran in between are compared, the latest first."""

_ALIKE = 4  # of the latest turns are looked at, if one begins a conversation
_LEAST_LOST = 0.05  # of a prompt: what is lost is estimated here
_UNASKED = Able()


class Recorder:
    """Explains turns, as far as is possible without asking the backend, and puts them into the ledger."""

    reason = "record"

    def __init__(
        self,
        store: Store,
        recent: Recent,
        volatile: Sequence[Volatile] = (),
        identifier: Identifier | None = None,
        force: Callable[[str], InForce] = lambda _: InForce(),
        reaches: Reaches | None = None,
    ) -> None:
        """`identifier`: the pipeline's, which has seen each message before. `force`: what is set already for
        the requests of a client. `reaches`: shared by all that compare prompts."""
        self._store = store
        self._recent = recent
        self._volatile = volatile
        self._identifier = identifier or Identifier()
        self.force = force
        self._reaches = reaches or Reaches()
        self._observer = Observer(self._reaches)

    def ended(self, ended: Ended) -> Patch:
        """Explain the turn, as far as is possible without asking, and remember it. Never waits."""
        written = ended.outgoing
        if not isinstance(written, Written):
            return {}
        sent = written.sent
        before = self._recent.get(written.place.conversation, written.placed.keys)
        prefix = common_prefix(before.prompt, sent) if before else None
        patch = Patch(
            prefix=prefix,
            prompt_characters=characters(sent.messages),
            prewarmed_tokens=before.prewarmed if before and not ended.is_side else None,
        )
        if ended.status != 200:
            return patch
        evidence = self._evidence(written, ended, before) if before is not None else None
        if written.is_observed:
            patch["would_save"] = self._observer.saving(written, ended.stats, before)
        else:
            patch["put_back_tokens"] = self._put_back(written, ended.stats)
        if not ended.is_side:  # housekeeping is no part of the conversation
            if before is not None and evidence is not None:
                self._explain(patch, written, ended, before, evidence)
            elif written.place.known:
                patch["cache_break"] = self._not_held(written, ended)
            else:
                self._explain_alone(patch, written, ended)
        landmarks = self._landmarks(
            written.ours, ended.reply.message, written.placed.understood.scope
        )
        shown = self._outlived(ended.stats, prefix, before, evidence)
        outlived = self._learn(shown, before)
        key_of = self._identifier.match_key
        entry = entry_of(written, ended, landmarks, outlived=outlived, key_of=key_of)
        last = self._last(written, ended, entry.conversation, landmarks, outlived)
        replaces = self._recent.put(last, written.placed.keys)
        self._store.put(replace(entry, replaces=replaces, outlived=shown))
        return patch

    def _put_back(self, written: Written, stats: CacheStats) -> int | None:
        """Tokens of the prompt that its client did not send; None if the backend did not count."""
        if stats.prompt_tokens is None:
            return None
        if written.placed.alignment is None:
            return 0
        sent = written.sent
        added = added_characters(sent.messages, written.placed.client)
        return put_back_tokens(added, self._reaches.size(sent), stats.prompt_tokens) if added else 0

    def _explain(
        self, patch: Patch, written: Written, ended: Ended, before: Last, evidence: Evidence
    ) -> None:
        request = written.request
        question = Question(
            ended.model,
            ended.kind,
            ended.stats,
            before,
            written.sent,
            evidence,
            request.dialect,
            ended.came.client.client,
            request.model,
            self._recent.outlived,
        )
        found = patch["cache_break"] = self.explain(question, evidence)
        may_ask = not written.sent.is_plain  # what no template renders need not be asked about
        if may_ask and found is not None and found.cause not in _CERTAIN:
            patch["question"] = question

    def _evidence(self, written: Written, ended: Ended, before: Last) -> Evidence:
        request, model, alignment = written.request, ended.model, written.placed.alignment
        return Evidence(
            has_moved=ended.route.backend != before.backend,
            is_read_back=before.is_read_back,
            restarted=not before.is_read_back and before.is_before(ended.generation, ended.start),
            # Lemonade names the file in a stream and the requested name elsewhere; llama-server ignores the
            # requested name. So the model changed only if both names did.
            model_before=before.model if before.asked_model != request.model else None,
            model_after=model if before.asked_model != request.model else None,
            cache_prompt=request.reuses,
            others=self._recent.number - before.number,
            expected=_expected(ended.seat),
            was_restored=isinstance(ended.seat, Seat) and ended.seat.restored is not None,
            received=None if written.sent == request.prompt else request.prompt,
            change=alignment.change if alignment is not None else None,
        )

    def restarted(self, question: Question, generation: int) -> None:
        """That the backend had started anew before a turn was noticed only afterwards. `generation`: its
        present start."""
        self._recent.ran_anew(question.before, question.after, generation)
        if self._recent.outlived is False:
            self._recent.outlived = question.others_outlived

    def explain(
        self, question: Question, evidence: Evidence, able: Able = _UNASKED
    ) -> CacheBreak | None:
        """The break of a turn, by the evidence so far. `able`: what is known of the backend."""
        before, force = question.before, replace(self.force(question.client), able=able)
        found = explain(
            question.kind.value if question.kind else "",
            held(before.prompt, before.reply),
            len(before.prompt.messages),
            before.stats,
            question.after,
            question.stats,
            evidence,
            self._volatile,
            force,
            self._reaches,
        )
        rival = self._cut_by(question) if found is not None and found.cause == "evicted" else None
        if found is None or rival is None:
            return found
        is_branch = rival.conversation == before.conversation and not rival.is_side
        lost = found.evicted_tokens or found.tokens_lost
        broken = Broken("cut", "backend", lost=lost, is_branch=is_branch)
        return replace(found, cause="cut", hint=hint_of(broken, force))

    def _cut_by(self, question: Question) -> Last | None:
        """A turn in between that shares so much of that prompt that the server cut it without a copy."""
        before = question.before
        for rival in self._recent.since(before.number, _RIVALS):
            if rival.prompt is question.after:
                continue  # the turn itself, if the backend was asked after it was remembered
            reach = self._reaches.of(held(rival.prompt, rival.reply), before.prompt)
            if reach.total and reach.characters >= SAVED_BELOW * reach.total:
                return rival
        return None

    def _not_held(self, written: Written, ended: Ended) -> CacheBreak | None:
        """The break of a turn that goes on from one before the last start of the proxy: only the ledger knows
        it."""
        sent, stats = written.sent, ended.stats
        before = replace(sent, messages=sent.messages[: written.place.known])
        reach = self._reaches.of(before, sent)
        if not stats.prompt_tokens or stats.cached_tokens is None or not reach.total:
            return None
        lost = round(reach.characters * stats.prompt_tokens / reach.total) - stats.cached_tokens
        if lost < stats.prompt_tokens * _LEAST_LOST:
            return None
        force = self.force(ended.came.client.client)
        return CacheBreak(
            kind=written.place.kind.value,
            path=None,
            offset=None,
            cause="not-held",
            before=None,
            after=None,
            tokens_lost=lost,
            seconds_lost=seconds(lost, stats),
            side="backend",
            hint=hint_of(Broken("not-held", "backend", lost=lost), force),
        )

    def _explain_alone(self, patch: Patch, written: Written, ended: Ended) -> None:
        """Whether a turn that begins a conversation of its own could have gone on from another one."""
        scope, sent = written.placed.understood.scope, written.sent
        others = [last for last in self._recent.since(0, _ALIKE) if last.scope == scope]
        prompts = [held(other.prompt, other.reply) for other in others]
        alike = most_alike(prompts, sent)
        if alike is None:
            return
        lost = lost_tokens(alike, sent, ended.stats, self._reaches)
        if lost is None:
            return
        kind = Kind.EDIT if alike.goes_on else written.place.kind
        patch["kind"] = kind
        patch["cache_break"] = explain_alike(
            kind.value,
            alike,
            prompts[alike.number],
            sent,
            lost,
            ended.stats,
            self._volatile,
            self.force(ended.came.client.client),
            self._reaches,
        )

    def _last(
        self,
        written: Written,
        ended: Ended,
        state: Conversation,
        landmarks: tuple[bytes, ...],
        outlived: bool | None,
    ) -> Last:
        reply, came, where = ended.reply.message, ended.came, written.place
        placed = written.placed
        scope = placed.understood.scope
        return Last(
            conversation=where.conversation,
            turn=came.turn,
            index=where.index,
            number=self._recent.number + 1,
            prompt=written.sent,
            stats=ended.stats,
            model=ended.model,
            asked_model=written.request.model,
            generation=ended.generation,
            backend=ended.route.backend,
            landmarks=landmarks,
            session=None if ended.is_side else came.client.session,
            shadow=written.ours if written.is_observed else None,
            reply=reply,
            state=state,
            head=placed.head,
            scope=scope,
            outlived=outlived,
            history=_history(placed, reply),
            is_side=ended.is_side,
        )

    def _landmarks(self, prompt: Prompt, reply: Message | None, scope: bytes) -> tuple[bytes, ...]:
        """Keys by which the conversation is recognised if its beginning changes."""
        if prompt.is_plain:
            return line_keys(plain_text(prompt), scope)[-1:]
        history = prompt.messages if reply is None else (*prompt.messages, reply)
        return self._identifier.reply_keys(history, scope)

    def _learn(self, shown: bool | None, before: Last | None) -> bool | None:
        """Whether the conversation's turns outlive others, by the last of them that shows it. `shown`: by this
        one."""
        if shown is not None:
            self._recent.outlived = shown
            return shown
        return before.outlived if before is not None else None

    def _outlived(
        self,
        stats: CacheStats,
        prefix: Prefix | None,
        before: Last | None,
        evidence: Evidence | None,
    ) -> bool | None:
        """Whether what the turn before had left in the backend was still there although others had run since;
        None if none had, or if that cannot be decided."""
        if before is None or before.number == self._recent.number or prefix is None:
            return None
        if evidence is None or evidence.is_lost_anyway:
            return None
        cached, left = stats.cached_tokens, before.stats.prompt_tokens
        if cached is None or not left or not _is_whole(prefix, before.prompt):
            return None
        rivals = self._recent.since(before.number, _RIVALS)
        if not rivals:
            return None  # other proxies had them
        return has_outlived(
            cached,
            left,
            [self._reaches.of(held(rival.prompt, rival.reply), before.prompt) for rival in rivals],
        )


def _expected(seat: AnySeat) -> int | None:
    """How many tokens a request was promised in the slot that it asked for; None if the server chose."""
    if not isinstance(seat, Seat) or seat.choice.slot is None:
        return None
    return seat.choice.shared_tokens or None


def _is_whole(prefix: Prefix, before: Prompt) -> bool:
    """Whether all of a prompt is shared."""
    return prefix.messages == (1 if before.is_plain else len(before.messages))


def _history(placed: Placed, reply: Message | None) -> History:
    found = placed.alignment
    undone, restless = ((), frozenset[int]()) if found is None else (found.undone, found.restless)
    last = placed.ancestry.reply
    read = 0 if last is None else placed.keys.index(last) + 1
    return History(placed.client, placed.canonical.messages, reply, undone, restless, read)
