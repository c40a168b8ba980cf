"""Rows of the server as values again. That all fields come back: tests/stores/test_contract.py."""

from dataclasses import replace

from tests.stores.entries import chain, entry
from warmprefix.core.memory.ledger import NOTHING
from warmprefix.core.types import RawJson
from warmprefix.stores.redis.packing import found_of, pack, pack_tools
from warmprefix.stores.redis.seal import Plain

PUT = entry("c", "s", "u", tools=(RawJson(b'"\xff"'), RawJson(b"1")))
TOOLS = pack_tools(PUT.conversation.tools)


def row(at: int, owner: str = "c") -> list[bytes]:
    node = PUT.nodes[at]
    return [node.id, node.key, node.parent, b"k", node.raw, b"0", owner.encode(), b"c-1"]


CHAT = [b"c", pack(PUT.conversation), b"t", TOOLS]


def test_rows_become_nodes_and_their_conversations() -> None:
    found = found_of([[row(0), row(1)], [CHAT]], Plain())

    assert found.nodes == {node.key: (node,) for node in PUT.nodes}
    assert found.conversations == {"c": PUT.conversation}


def test_a_node_without_its_conversation_is_left_out() -> None:
    found = found_of([[row(0), row(1, "gone")], [CHAT]], Plain())

    assert list(found.nodes) == chain("s")
    assert found_of([[row(0)], []], Plain()) == NOTHING


def test_tools_that_are_gone_are_none() -> None:
    found = found_of([[row(0)], [[*CHAT[:3], None]]], Plain())

    assert found.conversations == {"c": replace(PUT.conversation, tools=())}
