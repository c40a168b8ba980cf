"""Short spellings of what stores keep."""

from collections.abc import Iterable

from warmprefix.core.identity.keys import chain_key, content_key
from warmprefix.core.memory.ledger import Conversation, Entry, Node, node_id
from warmprefix.core.types import RawJson
from warmprefix.stores.base import Store

ROOT = content_key(b"root")
LARGE = RawJson(b'"' + b"x" * 30_000 + b'"')


def chain(*texts: str, root: bytes = ROOT) -> list[bytes]:
    """The chain key after each message."""
    keys: list[bytes] = []
    for text in texts:
        keys.append(chain_key(keys[-1] if keys else root, content_key(text.encode())))
    return keys


def raw(text: str) -> RawJson:
    return RawJson(b'{"role":"user","content":"%s"}' % text.encode())


def entry(
    name: str,
    *texts: str,
    generated: Iterable[int] = (),
    bytes_of: dict[int, RawJson] | None = None,
    tools: tuple[RawJson, ...] = (),
    turns: int = 1,
) -> Entry:
    """A turn of conversation `name` whose history is `texts`; all its nodes are put again.

    `generated`: positions of messages that the model made; one at the end is the reply.
    `bytes_of`: other bytes for some positions.
    """
    keys, made = chain(*texts), set(generated)
    turn = f"{name}-{turns}"
    nodes: list[Node] = []
    parent = ROOT
    for at, (key, text) in enumerate(zip(keys, texts, strict=True)):
        content = (bytes_of or {}).get(at, raw(text))
        node = Node(node_id(parent, key, content), key, parent, content, at in made, name, turn)
        nodes.append(node)
        parent = node.id
    replied = len(texts) - 1 in made
    sent = len(texts) - replied
    reply = keys[-1] if replied else None
    tip = keys[sent - 1] if sent else ROOT
    return Entry(tuple(nodes), Conversation(name, turns, turn, "m", tip, sent, reply, tools, {}))


async def is_known(store: Store, *texts: str) -> bool:
    """Whether the last message of a history is known."""
    keys = chain(*texts)
    return keys[-1] in (await store.find(keys)).nodes
