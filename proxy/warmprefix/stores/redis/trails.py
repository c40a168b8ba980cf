"""The trails to the last turns of conversations: how one is packed, and the rows of past.lua and recall.lua as
values."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import orjson

from warmprefix.core.errors import StoreError
from warmprefix.core.memory.ledger import Found, Node, Past
from warmprefix.core.memory.trail import Trail, as_texts, from_texts
from warmprefix.core.types import RawJson
from warmprefix.stores.redis.packing import conversation_of, found_of, node_of, tools_of
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
            "cached_tokens": trail.cached_tokens,
            "start": trail.start,
            "outlived": trail.outlived,
            "index": trail.index,
            "is_side": trail.is_side,
        }
    )


def past_of(rows: Sequence[Any], seal: Plain) -> Past | None:
    """The answer of past.lua; None if it was written under another key. The path begins behind what cannot be
    read."""
    chat, packed, path = rows
    nodes: list[Node] = []
    with suppress(StoreError):
        for row in path:
            nodes.append(node_of(row, seal))  # noqa: PERF401  # those before the first that fails
    return _past(chat, packed, tuple(reversed(nodes)), seal)


def recalled(rows: Sequence[Any], near: Mapping[bytes, Node], seal: Plain) -> Found:
    """The answer of recall.lua. `near`: nodes by id that it was not asked for."""
    nodes, conversations, pasts, more, first, number, outlived = rows
    found = found_of((nodes, conversations), seal)
    known = dict(near)
    for row in (*nodes, *more):
        with suppress(StoreError):
            node = node_of(row, seal)
            known[node.id] = node
    turns = []
    for chat, packed, of_all, leaf in pasts:
        past = _past(chat, packed, _path(leaf, known), seal) if chat else None
        if past is not None:
            turns.append(replace(past, number=None if of_all is None else int(of_all)))
    tools: tuple[RawJson, ...] = ()
    with suppress(StoreError):
        if first:
            tools = tools_of(first[0], first[1], seal)
    seen = None if outlived is None else outlived == b"1"
    return replace(found, pasts=tuple(turns), tools=tools, number=int(number), outlived=seen)


def _path(leaf: bytes, known: Mapping[bytes, Node]) -> tuple[Node, ...]:
    """The nodes that end in this one, from the first that is known on."""
    path: list[Node] = []
    node = known.get(leaf)
    while node is not None:
        path.append(node)
        node = known.get(node.parent)
    return tuple(reversed(path))


def _past(chat: Sequence[Any], packed: bytes, path: tuple[Node, ...], seal: Plain) -> Past | None:
    try:
        conversation = conversation_of(chat, seal)
        trail = _trail(orjson.loads(seal.opened(packed, trail_name(conversation.id))))
    except StoreError:
        return None
    return Past(conversation, trail, path)


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
        packed["cached_tokens"],
        packed["start"],
        packed["outlived"],
        packed["index"],
        packed["is_side"],
    )
