"""What is remembered of conversations, and where a request stands among them. Values only.

A conversation is a tree of chain keys (core/identity.py). Each node holds the bytes of one message as
the backend has them: as it was generated, or else as it was first sent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from proxy.core.types import Kind, Prompt, RawJson


@dataclass(frozen=True, slots=True)
class Node:
    """One remembered message. `key` is the chain key that ends in it, `parent` the one before.

    `generated`: the bytes are the model's own reply, not what a client sent.
    """

    key: bytes
    parent: bytes
    raw: RawJson
    generated: bool
    conversation: str
    turn: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """The last turn of a conversation: what the next one is compared with.

    `tip`: chain key of the last message that was sent, the `messages`-th. `reply`: chain key of the
    message generated then. `tools`: definitions as sent, in order; `options`: template options.
    `backend`: the name of the one that answered, empty where that was not kept.
    """

    id: str
    turns: int
    turn: str
    model: str | None
    tip: bytes
    messages: int
    reply: bytes | None
    tools: tuple[RawJson, ...]
    options: Mapping[str, RawJson]
    backend: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What a store knows of a history: its nodes by chain key, and the conversation of the deepest."""

    nodes: Mapping[bytes, Node]
    conversation: Conversation | None


NOTHING = Found({}, None)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a turn stands. `known`: leading messages that are remembered."""

    conversation: str
    index: int
    parent: str | None
    kind: Kind
    known: int


def place(
    keys: Sequence[bytes], first_user: int, found: Found, new_conversation: str, prompt: Prompt
) -> Place:
    """The place of a request whose history has these chain keys.

    `first_user`: position of the first user message. A request that shares no more than what stands
    before it (a system prompt) is another conversation.
    """
    known = known_messages(keys, found)
    last = found.conversation
    if known <= first_user or last is None:
        return Place(new_conversation, 0, None, Kind.COLD, 0)
    parent = found.nodes[keys[known - 1]].turn
    return Place(last.id, last.turns, parent, _kind(keys, known, last, prompt), known)


def known_messages(keys: Sequence[bytes], found: Found) -> int:
    """Leading messages that are remembered: the position behind the deepest known chain key."""
    return max((at + 1 for at, key in enumerate(keys) if key in found.nodes), default=0)


def _kind(keys: Sequence[bytes], known: int, last: Conversation, prompt: Prompt) -> Kind:
    if [tool.definition for tool in prompt.tools or ()] != list(last.tools):
        return Kind.TOOLS_CHANGED
    if dict(prompt.template_options) != dict(last.options):
        return Kind.TEMPLATE_OPTIONS_CHANGED
    count = len(keys)
    if count >= last.messages and keys[last.messages - 1] == last.tip:
        if count == last.messages:
            return Kind.RETRY
        answered = last.reply is not None and keys[last.messages] != last.reply
        return Kind.EDIT if answered else Kind.APPEND
    if known == count:
        return Kind.RETRY  # a part of what was sent before: an answer is asked for again
    # Fewer messages than half of what there was, and not a part of it: the history was shortened.
    return Kind.COMPACTION if count * 2 < last.messages else Kind.EDIT


@dataclass(frozen=True, slots=True)
class Entry:
    """All that one turn adds to memory: nodes, and the conversation's new last turn."""

    nodes: tuple[Node, ...]
    conversation: Conversation
