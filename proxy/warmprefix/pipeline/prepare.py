"""The stages of a chat request in one straight line: understood, placed, written (stages.py).

Nothing here asks a backend. If anything fails, the request goes on as the client sent it, the failure is
counted (`Counters`), and the turn is logged with what is known.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain

from warmprefix.aside import Aside, NoAside, Run, here
from warmprefix.backends.base import Headers
from warmprefix.backends.base import Kind as BackendKind
from warmprefix.backends.sessions import named, with_session
from warmprefix.config import CanonicalizeConfig, Config
from warmprefix.core.errors import NotUnderstood
from warmprefix.core.explain.saving import Reaches
from warmprefix.core.fold import fold
from warmprefix.core.identity.keys import Identifier, scope_key, tool_set_key
from warmprefix.core.memo import Memo
from warmprefix.core.memory.continuation import Continuation
from warmprefix.core.memory.given_back import with_members
from warmprefix.core.memory.ledger import Node, kind_of
from warmprefix.core.memory.move_volatile import move_volatile
from warmprefix.core.memory.restore import How, restore
from warmprefix.core.memory.restore_tools import restore_tools, with_first_descriptions
from warmprefix.core.rules.base import with_messages
from warmprefix.core.rules.memory_rules import FOLD_SYSTEM
from warmprefix.core.types import Message, Prompt, Tool
from warmprefix.core.wire.slices import write_array
from warmprefix.counters import Counters
from warmprefix.dialects import DIALECTS, dialect_of
from warmprefix.dialects.base import Asked, Dialect, Request
from warmprefix.guard import guard, tell
from warmprefix.pipeline.entries import with_path
from warmprefix.pipeline.parsed import Parsed
from warmprefix.pipeline.placing import Placer
from warmprefix.pipeline.recent import Last, Recent
from warmprefix.pipeline.rulesets import RuleSet, RuleSets
from warmprefix.pipeline.stages import (
    NOTHING_ASKED,
    Asks,
    Outgoing,
    Passed,
    Placed,
    Understood,
    Written,
)
from warmprefix.profiles import profile_of
from warmprefix.profiles.base import Recognised
from warmprefix.profiles.sessions import parent_of
from warmprefix.stores.base import Store

CREDENTIALS = ("authorization", "x-api-key", "api-key")
"""The headers in which backends look for a key: llama-server the first two, Azure's API the last."""

MOST_ELEMENTS = 10_000
"""Messages, or tools. What is done with each at the end of a turn is done on the event loop; a context of a
million tokens has room for 10,000 messages of 100 tokens."""

NO_ASIDE = NoAside()
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
        is_gone: Callable[[Last], bool] = lambda _: False,
        aside: Aside | NoAside = NO_ASIDE,
        reaches: Reaches | None = None,
    ) -> None:
        """`is_gone`: whether it is known that the backend has lost what a turn left there. `aside`: where large
        requests are worked on; `reaches`: shared by all that compare prompts."""
        self._aside = aside
        self._reaches = reaches or Reaches()
        self.identifier = Identifier()
        """The strict one, which remembers the keys of messages for all clients."""
        self._rules = RuleSets(
            config.canonicalize,
            self.identifier,
            self._rule_failed,
            config.memory.transient_max_turns,
        )
        self._reasoning = config.memory.restore_reasoning
        users = (name.lower() for name in config.memory.scope_headers)
        self._scope_headers = (*CREDENTIALS, *users)
        self._parsed: dict[str, Parsed] = {}
        self._tool_sets: Memo[tuple[Tool, ...]] = Memo(_TOOL_SETS_BYTES)
        self.counters = counters
        self._observe = observe
        self._recent = recent
        self._placer = Placer(store, counters, recent, self._rules.strict, is_gone)

    def use(self, config: CanonicalizeConfig) -> None:
        """From the next request on, the rules of another configuration."""
        self._rules.replace(config)

    async def prepare(
        self, came: Passed, kind: BackendKind, *, reasoning_pays: bool = False
    ) -> Outgoing:
        """What to send for a request if its backend is decided beforehand."""
        placed = await self.identify(came)
        return await self.write(placed, kind, reasoning_pays=reasoning_pays)

    async def identify(self, came: Passed, dialect: Dialect | None = None) -> Placed | Passed:
        """A request that is understood and placed, not yet written. Never raises for a bad body. `dialect`:
        its endpoint's, if that was looked up before."""
        spoken = dialect or dialect_of(came.endpoint)
        with guard(self.counters, "prepare", came.failed_open):
            try:
                run = self._aside.of(len(came.body))
                request = await run(self._parse, spoken, came.body)
            except NotUnderstood:
                self.counters.failed_open("not-understood", came.failed_open)
                return came
            if max(len(request.prompt.messages), len(request.prompt.tools or ())) > MOST_ELEMENTS:
                self.counters.failed_open("too-long", came.failed_open)
                return came
            came = replace(came, request=request, model=request.model)
            came = replace(came, client=_client_of(came, request))
            scope = _scope(came.headers, self._scope_headers, request.dialect)
            parsed = self._parsed_of(request.dialect)
            rules = self._rules.of(came.client.client, came.model)
            understood = Understood(came, request, scope, parsed, rules)
            return await self._placer.place(understood, run)
        return came

    def _parse(self, dialect: Dialect | None, body: bytes) -> Request:
        if dialect is None:
            raise NotUnderstood("no dialect of ours is spoken there")
        return dialect.parse(body, self._parsed_of(dialect))

    def _parsed_of(self, dialect: Dialect) -> Parsed:
        found = self._parsed.get(dialect.name)
        if found is None:
            found = self._parsed[dialect.name] = Parsed(dialect)
        return found

    async def write(
        self,
        placed: Placed | Passed,
        kind: BackendKind,
        *,
        reasoning_pays: bool = False,
        restores: bool = True,
        folds: bool = False,
        open_calls: bool = False,
        asks: Asks = NOTHING_ASKED,
    ) -> Outgoing:
        """What to send to a backend of this kind. `placed` is not changed: another backend may be tried next.

        `reasoning_pays`: there is evidence that dropped reasoning is worth putting back. `restores`: False if
        putting bytes back has cost more than it kept on this backend. `folds`: its template accepts
        no instructions after the first ones; `open_calls`: it shows calls that no result follows. `asks`: what
        of a stream is asked for, if the kind knows it and does not give it anyway.
        """
        if isinstance(placed, Passed):
            return placed
        came = placed.came
        self._rules.takes_calls(came.model, open_calls=open_calls)
        with guard(self.counters, "prepare", came.failed_open):
            run = self._aside.of(len(came.body))
            held = self._held(placed) if restores and not placed.canonical.is_plain else None
            out = await run(self._made, placed, held, reasoning_pays, kind, folds=folds)
            if run is not here:
                out = await self._foreseen(run, out)
            if self._observe:
                return out
            if asks.usage and "counts" not in kind.can:
                out = self._asking(out, out.request.dialect.asked_usage)
            if asks.progress and "progress" in kind.can:
                out = self._asking(out, out.request.dialect.asked_progress)
            return out
        return came

    async def _foreseen(self, run: Run, out: Written) -> Written:
        """A large request with what the end of its turn needs of it: that is on the event loop, and short."""
        with guard(self.counters, "record", out.came.failed_open):
            await run(self._reaches.texts, out.request.prompt.messages)
            await run(self._reaches.texts, out.sent.messages)
            return await run(with_path, out, self.identifier.match_key)
        return out

    def _asking(self, out: Written, asked: Asked | None) -> Written:
        """The request with one more question, if its endpoint takes it and its client does not ask itself."""
        if asked is None:
            return out
        with guard(self.counters, asked.reason, out.came.failed_open):
            body = asked.asking(out.request, out.body)
            return out if body is None else replace(out, body=body, asked=(*out.asked, asked))
        return out

    def name_session(
        self, headers: Headers, names: str, outgoing: Outgoing, kind: BackendKind
    ) -> Headers:
        """The headers, with those by which a router is told the conversation. `names`: the setting
        `backend.session_header`. llama-server is no router, and chooses a slot by the prompt."""
        if "slots" in kind.can or not isinstance(outgoing, Written) or outgoing.is_observed:
            return headers
        own, parent = outgoing.place.conversation, self._parent(outgoing.placed)
        return with_session(headers, named(names), own, parent)

    def _parent(self, placed: Placed) -> str | None:
        """The conversation that a request's has sprung from: that of the reply behind which it forks, or that
        of the session which has started its own; None if neither is known."""
        leaf, own = placed.ancestry.leaf, placed.place.conversation
        if leaf is not None and placed.place.known and leaf.conversation != own:
            return leaf.conversation
        above = parent_of(placed.came.client.session, placed.came.headers)
        last = self._recent.by_session(above, placed.understood.scope)
        return last.conversation if last is not None and last.conversation != own else None

    def folded(self, placed: Placed, prompt: Prompt) -> Prompt:
        """The prompt for a template that accepts no instructions after the first ones."""
        if not placed.understood.rules.folds:
            return prompt
        return with_messages(prompt, fold(prompt.messages))

    async def coming(
        self, placed: Placed, messages: tuple[Message, ...], *, reasoning_pays: bool
    ) -> Prompt:
        """What would be sent if the client went on with these messages. It is not remembered."""
        understood = placed.understood
        prompt = replace(understood.request.prompt, messages=messages)
        request = replace(understood.request, prompt=prompt)
        came = replace(understood.came, failed_open=[])
        run = self._aside.of(len(came.body))
        ahead = await self._placer.place(replace(understood, came=came, request=request), run)
        held = self._held(ahead)
        return (await run(self._restored, ahead, held, reasoning_pays)).prompt

    def _rule_failed(self, name: str, error: Exception) -> None:
        tell(self.counters, f"rule {name}", error)

    def _held(self, placed: Placed) -> Continuation:
        """What the backend is believed to hold of a request."""
        return self._recent.continuation(placed.head, placed.ancestry.leaf, placed.keys)

    def _made(
        self,
        placed: Placed,
        held: Continuation | None,
        reasoning_pays: bool,
        kind: BackendKind,
        *,
        folds: bool,
    ) -> Written:
        """The request with what is put back. `held`: None if nothing is."""
        ours = _Ours(placed.canonical, nodes=_sent_before(placed))
        if held is not None:
            ours = self._restored(placed, held, reasoning_pays)
        return self._written(placed, ours, kind, folds=folds)

    def _restored(self, placed: Placed, held: Continuation, reasoning_pays: bool) -> "_Ours":
        """The prompt, with remembered bytes for the messages that are recognised."""
        canonical, parsed = placed.canonical, placed.understood.parsed
        rules = placed.understood.rules
        messages = canonical.messages
        names: tuple[str, ...] = ()
        if rules.moved:
            ticked = placed.alignment.said if placed.alignment and rules.says_ticks else ()
            messages = move_volatile(messages, rules.moved, placed.client, ticked)
            names = () if messages is canonical.messages else ("moved-volatile",)
        how = How(
            parsed.message,
            self._reasoning == "always" or (self._reasoning == "auto" and reasoning_pays),
            rules.blocks,
            placed.received,
            held,
            rules.restores_names,
        )
        if placed.alignment is not None:
            names = (*names, *placed.alignment.undone)
        restored = restore(messages, placed.keys, _nodes(placed), how)
        tools = self._tools(placed, rules)
        if tools is not canonical.tools:
            names = (*names, "tools")
        prompt = Prompt(restored.messages, tools, canonical.template_options)
        return _Ours(prompt, (*names, *restored.names), restored.nodes)

    def _tools(self, placed: Placed, rules: RuleSet) -> tuple[Tool, ...] | None:
        """Tools as they were first sent by this conversation, or by any other with the same set of tools."""
        offered = placed.canonical.tools
        if not offered:
            return offered
        tool_set = placed.understood.scope + tool_set_key(placed.tool_keys)
        first, tools = self._tool_sets.get(tool_set), offered
        known = self._known_tools(placed) or first or ()
        if known and known != offered:
            known_keys = rules.identifier.tool_keys(known)
            tools = restore_tools(offered, placed.tool_keys, known, known_keys)
            if rules.keeps_descriptions:
                tools = with_first_descriptions(tools, known)
        if first is None:
            self._tool_sets.put(tool_set, tools)
        return tools

    def _known_tools(self, placed: Placed) -> tuple[Tool, ...]:
        """The tools of the conversation as they were last sent, or else as another proxy first sent them."""
        last = placed.ancestry.conversation
        is_own = last is not None and placed.place.conversation == last.id
        definitions = (last.tools if last is not None and is_own else ()) or placed.first_tools
        if not definitions:
            return ()
        return placed.understood.parsed.tools(write_array(definitions))

    def _written(self, placed: Placed, ours: "_Ours", kind: BackendKind, *, folds: bool) -> Written:
        request, rules, restored = placed.understood.request, placed.rules, ours.restored
        where = replace(placed.place, kind=kind_of(placed.place, placed.before, ours.prompt))
        body, sent = request.body, request.prompt
        if not self._observe:
            sent = ours.prompt
            shown = self.folded(placed, sent) if folds else sent
            if shown is not sent:
                rules = (*rules, FOLD_SYSTEM.name)
            if kind.reads and not shown.is_plain:
                given = with_members(shown.messages, placed.received, kind.reads)
                shown = with_messages(shown, given)
            body = request.dialect.render(request, shown, kind.options(request))
            if body is request.body:
                rules = restored = ()  # stripped and then put back: no change
        return Written(
            placed=placed,
            came=placed.came,
            request=request,
            place=where,
            body=body,
            sent=sent,
            ours=ours.prompt,
            rules=rules,
            restored=restored,
            nodes=ours.nodes,
            is_observed=self._observe,
        )


@dataclass(frozen=True, slots=True)
class _Ours:
    """The prompt that we make of a request. The other fields are those of `Written`."""

    prompt: Prompt
    restored: tuple[str, ...] = ()
    nodes: tuple[Node | None, ...] = ()


def _sent_before(placed: Placed) -> tuple[Node | None, ...]:
    """The node of each message as its client has it, None if it was not sent like that before."""
    found = map(placed.ancestry.nodes.get, placed.keys)
    pairs = zip(found, placed.canonical.messages, strict=False)
    return tuple(node if node and node.raw == message.raw else None for node, message in pairs)


def _nodes(placed: Placed) -> Mapping[bytes, Node]:
    """The remembered messages, but for those from which something leaves."""
    nodes = placed.ancestry.sure
    if placed.alignment is None or not placed.alignment.left:
        return nodes
    left = {placed.keys[at] for at in placed.alignment.left}
    return {key: node for key, node in nodes.items() if key not in left}


def _client_of(came: Passed, request: Request) -> Recognised:
    """Who sent a request. What an endpoint is there for may say that it is housekeeping."""
    client = profile_of(came.headers, request)
    return replace(client, side=True) if request.is_side else client


def _scope(headers: Mapping[str, str], names: Iterable[str], dialect: Dialect) -> bytes:
    """The root of all chains of one user. `names`: the headers that tell users apart, each of which counts with
    its name. Each dialect has a root of its own, so that bytes written in one are never put into bodies of
    another."""
    own = () if dialect is DIALECTS[0] else (dialect.name,)
    given = [(name, value) for name in dict.fromkeys(names) if (value := headers.get(name))]
    return scope_key(*chain.from_iterable(given or [("",)]), *own)
