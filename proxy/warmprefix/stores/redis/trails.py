"""The trails to the last turns of conversations: how one is packed, and the rows of past.lua as values."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import orjson

from warmprefix.core.errors import StoreError
from warmprefix.core.memory.ledger import Node, Past
from warmprefix.core.memory.trail import Trail, as_texts, from_texts
from warmprefix.stores.redis.packing import conversation_of, node_of
from warmprefix.stores.redis.seal import Plain


def trail_name(conversation: str) -> bytes:
    """The name under which a conversation's trail is encrypted."""
    return b"trail:" + conversation.encode()


def pack_trail(trail: Trail) -> bytes:
    """All of a trail as one value."""
    return orjson.dumps(
        {
            "turn": trail.turn,
            "leaf": trail.leaf.hex(),
            "is_reply": trail.is_reply,
            "prompt_tokens": trail.prompt_tokens,
            "generated_tokens": trail.generated_tokens,
            "client": as_texts(trail.client),
            "ours": as_texts(trail.ours),
            "undone": trail.undone,
            "restless": sorted(trail.restless),
        }
    )


def past_of(rows: Sequence[Any], seal: Plain) -> Past | None:
    """The answer of past.lua; None if it was written under another key. The path begins behind what cannot be
    read."""
    chat, packed, path = rows
    try:
        conversation = conversation_of(chat, seal)
        trail = _trail(orjson.loads(seal.opened(packed, trail_name(conversation.id))))
    except StoreError:
        return None
    nodes: list[Node] = []
    with suppress(StoreError):
        for row in path:
            nodes.append(node_of(row, seal))  # noqa: PERF401  # those before the first that fails
    return Past(conversation, trail, tuple(reversed(nodes)))


def _trail(packed: Mapping[str, Any]) -> Trail:
    return Trail(
        packed["turn"],
        bytes.fromhex(packed["leaf"]),
        packed["is_reply"],
        packed["prompt_tokens"],
        packed["generated_tokens"],
        from_texts(packed["client"]),
        from_texts(packed["ours"]),
        tuple(packed["undone"]),
        frozenset(packed["restless"]),
    )
