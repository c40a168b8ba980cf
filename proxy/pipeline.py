"""One chat request, one straight line: parse, recognise, canonicalize, identify, and record.

Nothing here talks to a backend. Whatever fails, the request goes on as the client sent it: the
failure is counted (`Counters`) and the turn is logged with what is known.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace

from proxy.backends.base import Kind as BackendKind
from proxy.config import Config
from proxy.core.canonical import Canonicalizer, choose_rules
from proxy.core.errors import NotUnderstood, StoreError
from proxy.core.identity import Identifier, chain_key, match_key, scope_key
from proxy.core.ledger import NOTHING, Conversation, Entry, Found, Node, Place, place
from proxy.core.memo import Memo
from proxy.core.prefix import characters, common_prefix
from proxy.core.stats import cache_stats
from proxy.core.turn import Times, Turn
from proxy.core.types import Message, Outcome, Prompt, Reply, Request
from proxy.core.wire import write_message
from proxy.counters import Counters
from proxy.dialects import chat_completions
from proxy.dialects.messages_in import parse_message
from proxy.profiles import profile_of
from proxy.profiles.base import Recognised
from proxy.recent import Recent
from proxy.stores.base import Store

_MEMO_BYTES = 16 * 1024 * 1024  # parsed messages, one generation, as in the canonicalizer
_UNKNOWN = Recognised("unknown", None, False)


@dataclass(slots=True)
class Prepared:
    """A request on its way. `body` is what goes to the backend; `request` is None where the body was
    not understood, and then nothing was changed."""

    turn: str
    endpoint: str
    body: bytes
    client: Recognised = _UNKNOWN
    request: Request | None = None
    sent: Prompt | None = None
    rules: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()
    scope: bytes = b""
    keys: tuple[bytes, ...] = ()
    found: Found = NOTHING
    place: Place | None = None


class Pipeline:
    """Prepares requests and records turns."""

    def __init__(
        self, config: Config, store: Store, counters: Counters, *, observe: bool = False
    ) -> None:
        rules = choose_rules(config.canonicalize.enable, config.canonicalize.disable)
        self._canonicalizer = Canonicalizer(rules)
        self._identifier = Identifier()
        self._parsed: Memo[Message] = Memo(_MEMO_BYTES)
        self._store = store
        self.counters = counters
        self._recent = Recent()
        self._observe = observe

    async def prepare(
        self, endpoint: str, headers: Mapping[str, str], body: bytes, kind: BackendKind
    ) -> Prepared:
        """What to send for `body`. `headers` have lower-case names. Never raises for a bad body."""
        prepared = Prepared(turn=secrets.token_hex(6), endpoint=endpoint, body=body)
        try:
            request = chat_completions.parse(body, self._message)
        except NotUnderstood:
            self.counters.failed_open("not-understood")
            return prepared
        prepared.request = request
        prepared.sent = request.prompt
        try:
            await self._prepare(prepared, request, headers, kind)
        except Exception:  # fail open: the request goes on as it came
            self.counters.failed_open("prepare")
            prepared.body, prepared.sent = body, request.prompt
        return prepared

    async def _prepare(
        self, prepared: Prepared, request: Request, headers: Mapping[str, str], kind: BackendKind
    ) -> None:
        prepared.client = profile_of(headers, request)
        canonical = self._canonicalizer.run(request.prompt)
        for name in canonical.failed:
            self.counters.failed_open(f"rule {name}")
        prepared.rules = canonical.rules
        prepared.scope = scope_key(headers.get("authorization", ""))
        prepared.keys = self._identifier.chain_keys(canonical.prompt.messages, prepared.scope)
        prepared.found = await self._find(prepared.keys)
        if not self._observe:
            prepared.sent = canonical.prompt
            prepared.body = chat_completions.render(
                request, canonical.prompt, kind.options(request)
            )
        assert prepared.sent is not None
        prepared.place = place(
            prepared.keys,
            _first_user(prepared.sent),
            prepared.found,
            secrets.token_hex(6),
            prepared.sent,
        )

    def _message(self, raw: bytes) -> Message:
        message = self._parsed.get(raw)
        if message is None:
            message = parse_message(raw)
            self._parsed.put(raw, message)
        return message

    async def _find(self, keys: tuple[bytes, ...]) -> Found:
        try:
            return await self._store.find(keys)
        except StoreError:
            self.counters.failed_open("store")
            return NOTHING

    def record(
        self, prepared: Prepared, reply: Reply, status: int | None, outcome: Outcome, times: Times
    ) -> Turn:
        """The turn that has ended, remembered. Never raises and never waits."""
        turn = Turn(
            id=prepared.turn,
            client=prepared.client.client,
            endpoint=prepared.endpoint,
            model=reply.model or (prepared.request.model if prepared.request else None),
            stream=bool(prepared.request and prepared.request.stream),
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
            self.counters.failed_open("record")
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
            self._store.put(_entry(prepared, sent, where, reply, turn))
        return turn


def _entry(prepared: Prepared, sent: Prompt, where: Place, reply: Reply, turn: Turn) -> Entry:
    parents = (prepared.scope, *prepared.keys)
    nodes = [
        Node(key, parent, write_message(message), False, where.conversation, turn.id)
        for key, parent, message in zip(prepared.keys, parents, sent.messages, strict=False)
        if key not in prepared.found.nodes
    ]
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


def _first_user(prompt: Prompt) -> int:
    users = (at for at, message in enumerate(prompt.messages) if message.role == "user")
    return next(users, len(prompt.messages) - 1)
