"""Which of the remembered histories that look alike a request goes on from. A pure decision.

Chats that begin alike have the same chain keys as long as what they show is the same. The evidence that
distinguishes them, best first:

1. the later replies: a history behind which they were never seen is another one;
2. what the client kept of a reply: its reasoning, the ids of its calls, the edges of its text;
3. the client's own session id.

If two are equally likely, the messages in which they differ are left to the client (`Ancestry.unsure`), unless
one conversation sent both before the same replies: then the later one counts.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate

from warmprefix.core.identity.reasoning import reasoning_of, same_reasoning, text_of
from warmprefix.core.memory.ledger import NO_ANCESTRY, Ancestry, Conversation, Found, Node, goes_on
from warmprefix.core.types import Message

_EDGES = " \t\r\n"
Parse = Callable[[bytes], Message]
Line = Mapping[bytes, Node]
"""A node and all before it, by chain key."""


def ancestry(
    messages: Sequence[Message],
    keys: Sequence[bytes],
    found: Found,
    parse: Parse,
    new_conversation: str,
    session: str | None = None,
) -> Ancestry:
    """The nodes that a request goes on from.

    `messages`: as the client sent them; `keys`: the chain key of each. `new_conversation`: the id of the new
    one if the request turns out to be another chat. Raises NotUnderstood if a node's bytes are not a message.
    """
    lines = _lines(messages, keys, found)
    if not lines:
        return NO_ANCESTRY
    if len(lines) > 1:
        lines = _latest(_likeliest(messages, keys, lines, found, parse, session))
    leaf = next(iter(lines[-1].values()))
    nodes, unsure = _common(keys[: keys.index(leaf.key) + 1], lines, found)
    last = found.conversations.get(leaf.conversation)
    if last is not None and _is_foreign(keys, last, session):
        last = None
    elif last is not None and _is_fork(leaf, found.nodes[leaf.key], keys, unsure):
        last = replace(last, id=new_conversation, turns=0)
    known = reversed(keys[: keys.index(leaf.key) + 1])
    reply = next((key for key in known if _is_generated(found.nodes.get(key, ()))), None)
    return Ancestry(nodes, last, frozenset(unsure), leaf, reply)


def _is_generated(alike: Sequence[Node]) -> bool:
    return any(node.generated for node in alike)


def _common(
    keys: Sequence[bytes], lines: Sequence[Line], found: Found
) -> tuple[dict[bytes, Node], set[bytes]]:
    """The latest node of each key, and the keys at which the bytes of the lines differ."""
    nodes: dict[bytes, Node] = {}
    unsure: set[bytes] = set()
    for key in keys:
        options = [line[key] for line in lines if key in line] or found.nodes.get(key)
        if options:
            nodes[key] = options[-1]
            if len(options) > 1 and any(one.raw != options[-1].raw for one in options):
                unsure.add(key)
    return nodes, unsure


def _lines(messages: Sequence[Message], keys: Sequence[bytes], found: Found) -> list[Line]:
    """The remembered histories that contain the most replies of the request, the deepest and latest last."""
    nodes = {node.id: node for alike in found.nodes.values() for node in alike}
    parents = {node.parent for node in nodes.values()}
    replies = tuple(accumulate(message.role == "assistant" for message in messages))
    tips = [
        (replies[at], node)
        for at, key in enumerate(keys)
        for node in found.nodes.get(key, ())
        if node.id not in parents
    ]
    most = max((seen for seen, _ in tips), default=0)
    return [{node.key: node for node in _upwards(tip, nodes)} for seen, tip in tips if seen == most]


def _upwards(node: Node | None, nodes: Mapping[bytes, Node]) -> Iterator[Node]:
    while node is not None:
        yield node
        node = nodes.get(node.parent)


def _likeliest(
    messages: Sequence[Message],
    keys: Sequence[bytes],
    lines: Sequence[Line],
    found: Found,
    parse: Parse,
    session: str | None,
) -> list[Line]:
    """The lines for which the client's own messages are the best evidence."""
    differing = [
        (message, key)
        for message, key in zip(messages, keys, strict=True)
        if message.role == "assistant"
        and all(key in line for line in lines)
        and len({line[key].id for line in lines}) > 1
    ]
    scores: list[tuple[int, int, bool]] = []
    for line in lines:
        fits = [_fit(theirs, parse(line[key].raw)) for theirs, key in differing]
        against, kept = (sum(column) for column in zip((0, 0), *fits, strict=True))
        owner = found.conversations.get(next(iter(line.values())).conversation)
        is_named = owner is not None and session is not None and owner.session == session
        scores.append((-against, kept, is_named))
    best = max(scores)
    return [line for line, score in zip(lines, scores, strict=True) if score == best]


def _fit(theirs: Message, ours: Message) -> tuple[int, int]:
    """How well a client's message fits a remembered reply: the evidence against it, and how much the client
    kept of it."""
    thought, text = reasoning_of(theirs), text_of(theirs)
    has_kept = bool(thought.strip()) and same_reasoning(thought, reasoning_of(ours))
    ids = [call.id for call in theirs.tool_calls]
    kept = (
        has_kept,
        any(ids) and ids == [call.id for call in ours.tool_calls],
        text.strip(_EDGES) != text and text == ours.content,
    )
    return int(bool(thought.strip()) and not has_kept), sum(kept)


def _latest(lines: Sequence[Line]) -> list[Line]:
    """The lines without those that a later turn of the same conversation replaced before the same replies."""
    latest: dict[tuple[object, ...], Line] = {}
    for line in lines:
        tip = next(iter(line.values()))
        replies = tuple(node.raw for node in line.values() if node.generated)
        latest.pop(name := (tip.conversation, tip.key, replies), None)
        latest[name] = line
    return list(latest.values())


def _is_foreign(keys: Sequence[bytes], last: Conversation, session: str | None) -> bool:
    """Whether the client says that this is not the conversation that it begins like."""
    return (
        None not in (session, last.session) and session != last.session and not goes_on(keys, last)
    )


def _is_fork(leaf: Node, alike: Sequence[Node], keys: Sequence[bytes], unsure: set[bytes]) -> bool:
    """Whether a request goes on from one of several replies to the same prompt. Then it is a conversation of
    its own, and so is each that goes on from another of the replies."""
    replies = [node for node in alike if node.generated]
    if leaf.key == keys[-1] or len({node.raw for node in replies}) < 2:
        return False
    if leaf.key in unsure or not leaf.generated:
        return True
    return any(n.raw != leaf.raw and n.conversation == leaf.conversation for n in replies)
