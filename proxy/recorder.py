"""A turn that has ended: built, remembered, never waited for."""

from dataclasses import replace

from proxy.core.identity import chain_key, match_key
from proxy.core.ledger import Conversation, Entry, Node, Place
from proxy.core.prefix import characters, common_prefix
from proxy.core.stats import cache_stats
from proxy.core.turn import Times, Turn
from proxy.core.types import Outcome, Prompt, Reply
from proxy.core.wire import write_message
from proxy.counters import Counters
from proxy.pipeline import Prepared
from proxy.recent import Recent
from proxy.stores.base import Store


class Recorder:
    """Builds turns and puts what they add into the ledger."""

    def __init__(self, store: Store, counters: Counters) -> None:
        self._store = store
        self._counters = counters
        self._recent = Recent()

    def record(
        self, prepared: Prepared, reply: Reply, status: int | None, outcome: Outcome, times: Times
    ) -> Turn:
        """The turn that has ended, remembered. Never raises and never waits."""
        request = prepared.request
        turn = Turn(
            id=prepared.turn,
            client=prepared.client.client,
            endpoint=prepared.endpoint,
            model=reply.model or (request.model if request else None),
            stream=request is not None and request.stream,
            status=status,
            outcome=outcome,
            side=prepared.client.side,
            place=prepared.place,
            prefix=None,
            prompt_characters=None,
            rules=prepared.rules,
            restored=prepared.restored,
            stats=cache_stats(reply),
            times=times,
            error=reply.error,
        )
        try:
            return self._remember(prepared, reply, turn)
        except Exception:  # fail open: a turn that cannot be remembered is still logged
            self._counters.failed_open("record")
            return turn

    def _remember(self, prepared: Prepared, reply: Reply, turn: Turn) -> Turn:
        sent, where = prepared.sent, prepared.place
        if sent is None or where is None:
            return turn
        before = self._recent.get(where.conversation)
        turn = replace(
            turn,
            prefix=common_prefix(before, sent) if before else None,
            prompt_characters=characters(sent.messages),
        )
        if turn.status == 200:
            self._recent.put(where.conversation, sent)
            self._store.put(entry_of(prepared, sent, where, reply, turn))
        return turn


def entry_of(prepared: Prepared, sent: Prompt, where: Place, reply: Reply, turn: Turn) -> Entry:
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
    )
    return Entry(tuple(nodes), conversation)
