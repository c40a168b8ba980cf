"""A request on its way: what came, what it is, what goes out."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from warmprefix.core.identity.keys import Identifier, scope_key, tool_set_key
from warmprefix.core.memory.ledger import NO_ANCESTRY, Ancestry, Node, Place
from warmprefix.core.messages import changed
from warmprefix.core.types import Message, Prompt
from warmprefix.dialects.base import ReplyIds, Request
from warmprefix.profiles.base import Recognised

_SYSTEM = frozenset({"system", "developer"})
_UNKNOWN = Recognised("unknown", None, False)


@dataclass(slots=True)
class Prepared:
    """A request on its way. `body` is what goes to the backend; `request` is None where the body was
    not understood, and then nothing was changed. `call_ids` is set where tools are offered.

    `is_branch`: it leaves a conversation that has gone further at its very beginning, with a second user
    message and no reply in between, as summaries and titles do that share its head.

    `ancestry`: the remembered messages that it goes on from; `nodes`: those of them that are sent as they are
    remembered, one a message; `head`: what its prompt begins with, see `head_of`.

    `shadow` is set where the proxy only observes: the prompt that it would have sent, by `rules` and
    `restored`; `sent` is then the client's own.

    `failed_open`: what of ours failed on its way, by name (counters.py). One list for all versions of
    a request.
    """

    turn: str
    endpoint: str
    body: bytes
    client: Recognised = _UNKNOWN
    request: Request | None = None
    sent: Prompt | None = None
    shadow: Prompt | None = None
    rules: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()
    scope: bytes = b""
    keys: tuple[bytes, ...] = ()
    ancestry: Ancestry = NO_ANCESTRY
    nodes: tuple[Node | None, ...] = ()
    head: bytes = b""
    place: Place | None = None
    call_ids: ReplyIds | None = None
    is_branch: bool = False
    failed_open: list[str] = field(default_factory=list)

    def lineage(self, identifier: Identifier, history: Sequence[Message]) -> tuple[bytes, ...]:
        """Chain keys of a history without its leading system texts: what stays the same when a clock
        in them moves."""
        head = next((at for at, m in enumerate(history) if m.role not in _SYSTEM), len(history))
        return identifier.chain_keys(history[head:], self.scope + b"lineage")


def unread(endpoint: str, body: bytes) -> Prepared:
    """A request of which nothing is known yet, under an id of its own."""
    return Prepared(turn=secrets.token_hex(6), endpoint=endpoint, body=body)


def as_it_came(prepared: Prepared) -> Prepared:
    """The request without anything that we made of it: it goes out as the client sent it."""
    request = prepared.request
    if request is None:
        return prepared
    kept = replace(prepared, body=request.body, sent=request.prompt, shadow=None)
    return replace(kept, place=None, rules=(), restored=(), call_ids=None)


def head_of(identifier: Identifier, prompt: Prompt) -> bytes:
    """Digest of a prompt up to its first user message, tools and options included; empty if there is no
    such message.

    Prompts of the same head are rendered alike up to there, whoever sent them: llama-server shows most
    templates `system` for `developer` (common/chat.cpp:1279-1282).
    """
    users = (at for at, message in enumerate(prompt.messages) if message.role == "user")
    first = next(users, None)
    if first is None:
        return b""
    messages = (
        changed(m, role="system") if m.role == "developer" else m
        for m in prompt.messages[: first + 1]
    )
    options = (f"{name}={raw!r}" for name, raw in sorted(prompt.template_options.items()))
    root = tool_set_key([*identifier.tool_keys(prompt.tools or ()), scope_key("head", *options)])
    return identifier.chain_keys(messages, root)[-1]
