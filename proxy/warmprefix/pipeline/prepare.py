"""One chat request, one straight line: parse, recognise, canonicalize, identify, restore.

Nothing here talks to a backend. Whatever fails, the request goes on as the client sent it: the
failure is counted (`Counters`) and the turn is logged with what is known.
"""

from collections.abc import Mapping
from dataclasses import replace

from warmprefix.backends.base import Kind as BackendKind
from warmprefix.config import Config
from warmprefix.core.errors import NotUnderstood
from warmprefix.core.identity.keys import Identifier, scope_key, tool_set_key
from warmprefix.core.memo import Memo
from warmprefix.core.memory.ancestry import ancestry
from warmprefix.core.memory.ledger import NOTHING, Place, known_messages, place
from warmprefix.core.memory.move_volatile import move_volatile
from warmprefix.core.memory.restore import How, as_received, restore
from warmprefix.core.memory.restore_tools import restore_tools
from warmprefix.core.types import Kind, Message, Prompt, Tool
from warmprefix.counters import Counters
from warmprefix.dialects import DIALECTS, dialect_of
from warmprefix.dialects.base import Dialect, Request
from warmprefix.guard import guard, tell
from warmprefix.pipeline.parsed import Parsed
from warmprefix.pipeline.prepared import Prepared, as_it_came, head_of, unread
from warmprefix.pipeline.recent import Recent
from warmprefix.pipeline.rulesets import RuleSet, RuleSets
from warmprefix.profiles import profile_of
from warmprefix.profiles.volatile import frozen_patterns
from warmprefix.stores.base import Store

_TOOL_SETS_BYTES = 64 * 1024  # keys only: the order of some thousand tool sets


class Pipeline:
    """Prepares requests."""

    def __init__(
        self,
        config: Config,
        store: Store,
        counters: Counters,
        recent: Recent,
        *,
        observe: bool = False,
    ) -> None:
        self.identifier = Identifier()
        """The strict one, which remembers the keys of messages for everyone."""
        self._rules = RuleSets(config.canonicalize, self.identifier, self._rule_failed)
        self._reasoning = config.memory.restore_reasoning
        self._parsed: dict[str, Parsed] = {}
        self._tool_sets: Memo[tuple[Tool, ...]] = Memo(_TOOL_SETS_BYTES)
        self._store = store
        self.counters = counters
        self._observe = observe
        self._recent = recent

    async def prepare(
        self,
        endpoint: str,
        headers: Mapping[str, str],
        body: bytes,
        kind: BackendKind,
        *,
        reasoning_pays: bool = False,
    ) -> Prepared:
        """What to send for `body` to a backend that is known beforehand."""
        identified = await self.identify(endpoint, headers, body)
        return self.write(identified, kind, reasoning_pays=reasoning_pays)

    async def identify(self, endpoint: str, headers: Mapping[str, str], body: bytes) -> Prepared:
        """What `body` is, and where it belongs among what is remembered; still to be written.

        `headers` have lower-case names. Never raises for a bad body.
        """
        prepared = unread(endpoint, body)
        with guard(self.counters, "prepare", prepared.failed_open):
            try:
                request = self._parse(endpoint, body)
            except NotUnderstood:
                self.counters.failed_open("not-understood", prepared.failed_open)
                return prepared
            prepared.request = request
            prepared.sent = request.prompt
            await self._identify(prepared, request, headers)
            return prepared
        return as_it_came(prepared)

    def _parse(self, endpoint: str, body: bytes) -> Request:
        dialect = dialect_of(endpoint)
        if dialect is None:
            raise NotUnderstood("no dialect of ours is spoken there")
        return dialect.parse(body, self._parsed_of(dialect))

    def _parsed_of(self, dialect: Dialect) -> Parsed:
        found = self._parsed.get(dialect.name)
        if found is None:
            found = self._parsed[dialect.name] = Parsed(dialect)
        return found

    def write(
        self,
        identified: Prepared,
        kind: BackendKind,
        *,
        reasoning_pays: bool = False,
        restores: bool = True,
    ) -> Prepared:
        """What to send to a backend of this kind. `identified` stays as it is: another backend may follow.

        `reasoning_pays`: evidence that reasoning the client dropped is worth putting back. `restores`: False if
        putting bytes back has cost this backend more than it kept.
        """
        request = identified.request
        if request is None or identified.place is None:
            return identified
        prepared = replace(identified)
        with guard(self.counters, "prepare", prepared.failed_open):
            if restores:
                self._restore(prepared, request, reasoning_pays)
            if self._observe:
                prepared.shadow, prepared.sent = prepared.sent, request.prompt
            else:
                self._write(prepared, request, kind)
            return prepared
        return as_it_came(identified)

    async def coming(
        self, prepared: Prepared, messages: tuple[Message, ...], *, reasoning_pays: bool
    ) -> Prompt:
        """What would be sent if the client went on with these messages. Nothing is remembered of it."""
        assert prepared.request is not None
        prompt = replace(prepared.request.prompt, messages=messages)
        request = replace(prepared.request, prompt=prompt)
        ahead = Prepared(prepared.turn, prepared.endpoint, b"", prepared.client)
        ahead.scope = prepared.scope
        await self._recognise(ahead, request)
        self._restore(ahead, request, reasoning_pays)
        assert ahead.sent is not None
        return ahead.sent

    async def _identify(
        self, prepared: Prepared, request: Request, headers: Mapping[str, str]
    ) -> None:
        """Canonical form, chain keys, and the place among what is remembered."""
        prepared.client = profile_of(headers, request)
        prepared.scope = _scope(headers, request.dialect)
        await self._recognise(prepared, request)

    async def _recognise(self, prepared: Prepared, request: Request) -> None:
        rules = self._rules.of(prepared.client.client)
        canonical = rules.canonicalizer.run(request.prompt)
        for name in canonical.failed:
            self.counters.failed_open(f"rule {name}", prepared.failed_open)
        prepared.rules = canonical.rules
        prepared.sent = canonical.prompt
        prepared.keys = rules.identifier.chain_keys(canonical.prompt.messages, prepared.scope)
        found = NOTHING
        with guard(self.counters, "store", prepared.failed_open):
            found = await self._store.find(prepared.keys)
        prepared.head = head_of(rules.identifier, canonical.prompt)
        prepared.ancestry = ancestry(
            request.prompt.messages,
            prepared.keys,
            found,
            self._parsed_of(request.dialect).message,
            prepared.turn,
            prepared.client.session,
        )
        self._locate(prepared, canonical.prompt)

    def _rule_failed(self, name: str, error: Exception) -> None:
        tell(self.counters, f"rule {name}", error)

    def _locate(self, prepared: Prepared, prompt: Prompt) -> None:
        first_user = _first_user(prompt)
        keys, known = prepared.keys, prepared.ancestry
        where = place(keys, first_user, known, prepared.turn, prompt)
        last = self._recent.get(where.conversation, keys)
        if last is not None and last.state is not None and last.tip in keys:
            # The branch it goes on from says how it relates, not the conversation's latest one.
            beside = replace(known, conversation=last.state)
            kind = place(keys, first_user, beside, prepared.turn, prompt).kind
            where = replace(where, kind=kind)
        is_new = (
            known_messages(keys, known.nodes) <= first_user
        )  # else its session says it is another one
        if where.kind is Kind.COLD and is_new and not prepared.client.side:
            where = self._loosely(prepared, prompt) or where
        prepared.place = where
        roles = [message.role for message in prompt.messages]
        prepared.is_branch = (
            where.index > 0
            and "assistant" not in roles
            and roles.count("user") > 1
            and self._recent.has_longer(where.conversation, len(roles))
        )

    def _loosely(self, prepared: Prepared, prompt: Prompt) -> Place | None:
        """The place of a request that breaks before its first user message, or was shortened there.

        Its messages are the same but for the system text; or its client says, by a session id, that it
        goes on, and its system text says so too. Only a conversation never seen is cold.
        """
        goes_on = any(message.role == "assistant" for message in prompt.messages)
        last = None
        if goes_on:
            last = self._recent.by_lineage(prepared.lineage(self.identifier, prompt.messages))
        if last is not None:
            return Place(last.conversation, last.index + 1, last.turn, Kind.EDIT, 0)
        last = self._recent.by_session(prepared.client.session)
        if last is None or prompt.messages[0] != (last.shadow or last.prompt).messages[0]:
            return None
        is_shorter = len(prompt.messages) < len(last.prompt.messages)
        if not goes_on and not is_shorter:
            return None
        kind = Kind.COMPACTION if is_shorter else Kind.EDIT
        return Place(last.conversation, last.index + 1, last.turn, kind, 0)

    def _restore(self, prepared: Prepared, request: Request, reasoning_pays: bool) -> None:
        """Remembered bytes for what is recognised."""
        canonical = prepared.sent
        assert canonical is not None
        rules = self._rules.of(prepared.client.client)
        messages = canonical.messages
        names: tuple[str, ...] = ()
        if rules.moves_volatile:
            messages = move_volatile(messages, frozen_patterns())
            names = () if messages is canonical.messages else ("moved-volatile",)
        how = How(
            self._parsed_of(request.dialect).message,
            self._reasoning == "always" or (self._reasoning == "auto" and reasoning_pays),
            rules.restores_blocks,
            request.prompt.messages,
            self._recent.continuation(prepared.head, prepared.ancestry.leaf, prepared.keys),
        )
        restored = restore(messages, prepared.keys, prepared.ancestry.sure, how)
        prepared.nodes = restored.nodes
        tools = self._tools(prepared, canonical, rules, request.dialect)
        if tools is not canonical.tools:
            names = (*names, "tools")
        prepared.restored = (*names, *restored.names)
        sent = as_received(restored.messages, request.prompt.messages)
        prepared.sent = Prompt(sent, tools, canonical.template_options)
        self._locate(prepared, prepared.sent)

    def _tools(
        self, prepared: Prepared, prompt: Prompt, rules: RuleSet, dialect: Dialect
    ) -> tuple[Tool, ...] | None:
        """Tools as this conversation, or else any with the same set of tools, first sent them."""
        if not prompt.tools:
            return prompt.tools
        keys = rules.identifier.tool_keys(prompt.tools)
        tool_set = prepared.scope + tool_set_key(keys)
        known = self._known_tools(prepared, dialect) or self._tool_sets.get(tool_set) or ()
        known_keys = rules.identifier.tool_keys(known)
        tools = restore_tools(prompt.tools, keys, known, known_keys)
        if self._tool_sets.get(tool_set) is None:
            self._tool_sets.put(tool_set, tools)
        return tools

    def _known_tools(self, prepared: Prepared, dialect: Dialect) -> tuple[Tool, ...]:
        last = prepared.ancestry.conversation
        if last is None or prepared.place is None or prepared.place.conversation != last.id:
            return ()
        return dialect.parse_tools(b"[" + b",".join(last.tools) + b"]")

    def _write(self, prepared: Prepared, request: Request, kind: BackendKind) -> None:
        assert prepared.sent is not None
        prepared.body = request.dialect.render(request, prepared.sent, kind.options(request))
        if prepared.body is request.body:
            prepared.rules = prepared.restored = ()  # what was stripped and put back is no change
        if request.prompt.tools:
            prepared.call_ids = request.dialect.reply_ids(request.prompt.messages, prepared.turn)


def _scope(headers: Mapping[str, str], dialect: Dialect) -> bytes:
    """The root of all chains of a credential. What was written in another dialect has another root: its bytes
    are never put into this one's bodies."""
    own = () if dialect is DIALECTS[0] else (dialect.name,)
    return scope_key(headers.get("authorization", ""), *own)


def _first_user(prompt: Prompt) -> int:
    users = (at for at, message in enumerate(prompt.messages) if message.role == "user")
    return next(users, len(prompt.messages) - 1)
