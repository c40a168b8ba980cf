"""The last turn of a conversation as one value, and the rows of the server as values again.

In Redis, each name behind `warmprefix:`, digests and ids in bytes:

| name | what it is |
|---|---|
| `alike:KEY` | list: the ids of the nodes of a chain key, oldest first |
| `node:ID` | hash: key, parent, content, generated, owner (its conversation), turn |
| `next:ID` | set: the ids of the nodes behind a node |
| `text:CONTENT` | hash: the bytes of a message, which never change, and how many nodes use them |
| `chat:NAME` | hash: the last turn of a conversation, its number, when it was used, its tools; `at`: the last
  turn that is no housekeeping |
| `turns:NAME` | list: the turns in which the branches of a conversation end, the newest last |
| `turn:ID` | hash: the trail to such a turn, the leaf of its path, its number among all turns, and the
  conversation and its tools as of then |
| `mark:KEY` | set: the conversations that have a landmark |
| `marks:NAME` | set: the landmarks of a conversation |
| `tools:CONTENT` | hash: a set of tools, like a text |
| `first:KEY` | string: the tools that were sent first of those that are one set, whatever their order |
| `firsts:CONTENT` | set: the keys of `first` that name these tools |
| `wrote:NAME` | list: the tools that a conversation has sent first, which stay as long as it does |
| `outlived` | string: `1` if what a turn leaves in the backend was last seen to outlive others, `0` if not |
| `lately:SCOPE` | list: the conversations of one user that had the latest turns, the newest first |
| `owned:NAME` | set: the ids of the nodes of a conversation |
| `used` | sorted set: the conversations in the order of their last use |
| `totals` | hash: conversations, messages, bytes |

All of them expire if nobody uses them for twice `memory.max_age_s`; until then they are dropped one
conversation at a time, as in any store. The scripts run as one step each; they use several names, so they need
one server, no cluster.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import orjson

from warmprefix.core.errors import StoreError
from warmprefix.core.memory.ledger import Conversation, Found, Node
from warmprefix.core.types import RawJson
from warmprefix.stores.redis.seal import Plain


def pack(last: Conversation) -> bytes:
    """All of a conversation but its id and its tools. Latin-1 gives back any byte unchanged."""
    return orjson.dumps(
        {
            "turns": last.turns,
            "turn": last.turn,
            "model": last.model,
            "tip": last.tip.hex(),
            "messages": last.messages,
            "reply": last.reply.hex() if last.reply is not None else None,
            "options": {name: raw.decode("latin-1") for name, raw in last.options.items()},
            "backend": last.backend,
            "session": last.session,
        }
    )


def pack_tools(tools: Sequence[RawJson]) -> bytes:
    """Tool definitions as one value."""
    return orjson.dumps([raw.decode("latin-1") for raw in tools])


def found_of(rows: Sequence[Any], seal: Plain) -> Found:
    """The answer of find.lua. What cannot be read is left out, and so is what belongs to a conversation that is
    gone."""
    conversations = {}
    for chat in rows[1]:
        with suppress(StoreError):
            conversation = conversation_of(chat, seal)
            conversations[conversation.id] = conversation
    nodes: dict[bytes, tuple[Node, ...]] = {}
    for row in rows[0]:
        with suppress(StoreError):
            node = node_of(row, seal)
            if node.conversation in conversations:
                nodes[node.key] = (*nodes.get(node.key, ()), node)
    owners = {node.conversation for alike in nodes.values() for node in alike}
    return Found(nodes, {name: conversations[name] for name in owners})


def node_of(row: Sequence[Any], seal: Plain) -> Node:
    """A node. Raises StoreError if its text cannot be read."""
    id, key, parent, content, value, generated, owner, turn = row
    raw = RawJson(seal.opened(value, content))
    return Node(id, key, parent, raw, generated == b"1", owner.decode(), turn.decode())


def conversation_of(row: Sequence[Any], seal: Plain) -> Conversation:
    """A conversation; without its tools if they are gone. Raises StoreError if it cannot be read."""
    name, value, tools_name, tools_value = row
    last = orjson.loads(seal.opened(value, name))
    return Conversation(
        id=name.decode(),
        turns=last["turns"],
        turn=last["turn"],
        model=last["model"],
        tip=bytes.fromhex(last["tip"]),
        messages=last["messages"],
        reply=None if last["reply"] is None else bytes.fromhex(last["reply"]),
        tools=tools_of(tools_name, tools_value, seal) if tools_value else (),
        options={option: _raw(text) for option, text in last["options"].items()},
        backend=last["backend"],
        session=last["session"],
    )


def tools_of(name: bytes, value: bytes, seal: Plain) -> tuple[RawJson, ...]:
    """A set of tools. Raises StoreError if it cannot be read."""
    return tuple(_raw(text) for text in orjson.loads(seal.opened(value, name)))


def _raw(text: str) -> RawJson:
    return RawJson(text.encode("latin-1"))
