"""Which conversation a plain text goes on from."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from warmprefix.core.memory.ledger import Conversation, Found, Node, Place
from warmprefix.core.memory.plain import (
    Known,
    ancestry_of,
    kind_behind,
    known,
    new_nodes,
    place_of,
    plain,
)
from warmprefix.core.messages import written
from warmprefix.core.types import Kind

ROOT = b"root"
CARD = "".join(f"Rule {number}: be kind to every guest.\n" for number in range(20))
FIRST = CARD + "Ann: Is a berth free?\nYou:"
SECOND = (
    FIRST + " Berth four is free.\nAnn: And another one, for a friend who comes on Monday?\nYou:"
)
THIRD = SECOND + " Berth five.\nAnn: Good.\nYou:"


@dataclass
class Ledger:
    """Remembers turns, as a store does."""

    nodes: dict[bytes, tuple[Node, ...]] = field(default_factory=dict)
    conversations: dict[str, Conversation] = field(default_factory=dict)

    def find(self, keys: Sequence[bytes]) -> Found:
        nodes = {key: self.nodes[key] for key in keys if key in self.nodes}
        names = {node.conversation for alike in nodes.values() for node in alike}
        return Found(nodes, {name: self.conversations[name] for name in names})

    def look(self, text: str) -> tuple[Known, Found]:
        looked_up = plain(text, ROOT)
        found = self.find(looked_up.keys)
        return known(looked_up, found), found

    def turn(self, text: str, name: str) -> Place:
        remembered, found = self.look(text)
        from_ = ancestry_of(remembered, found)
        where = place_of(remembered, from_, from_.conversation, name)
        for node in new_nodes(plain(text, ROOT), from_.nodes.keys(), where.conversation, name):
            self.nodes[node.key] = (*self.nodes.get(node.key, ()), node)
        self.conversations[where.conversation] = Conversation(
            where.conversation, where.index + 1, name, None, remembered.keys[-1], 1, None, (), {}
        )
        return where


PLACES = [
    pytest.param([FIRST], ("2", 0, None, Kind.COLD), "Something else. " * 20, id="another-text"),
    pytest.param([FIRST], ("1", 1, "1", Kind.APPEND), SECOND, id="goes-on"),
    pytest.param([FIRST, SECOND], ("1", 2, "2", Kind.APPEND), THIRD, id="goes-on-again"),
    pytest.param([FIRST], ("1", 1, "1", Kind.RETRY), FIRST, id="the-same-again"),
    pytest.param([FIRST, SECOND], ("1", 2, "1", Kind.RETRY), FIRST, id="an-earlier-one-again"),
    pytest.param([FIRST], ("2", 0, None, Kind.COLD), CARD + "Ben: Hello!\nYou:", id="begins-alike"),
    pytest.param([FIRST], ("2", 0, None, Kind.COLD), FIRST[:-5], id="less-of-the-first"),
    pytest.param([FIRST, SECOND], ("1", 2, "1", Kind.EDIT), FIRST + " No.\nAnn: Oh.\nYou:", id="another-reply"),
    pytest.param([FIRST, SECOND, THIRD], ("1", 3, "1", Kind.EDIT), SECOND[:-10] + "?\nYou:", id="edited"),
    pytest.param(["Hi"], ("1", 1, "1", Kind.APPEND), "Hi, you", id="short"),
    pytest.param(["Hi"], ("2", 0, None, Kind.COLD), "Ho, you", id="short-and-different"),
    pytest.param(["Hi", "Hi there"], ("1", 2, "2", Kind.APPEND), "Hi there, you", id="the-longest-counts"),
    pytest.param(["a" * 64], ("1", 1, "1", Kind.APPEND), "a" * 64 + "b", id="ends-at-a-cut"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "where", "text"), PLACES)
def test_a_text_has_its_place(
    before: list[str], where: tuple[str, int, str | None, Kind], text: str
) -> None:
    ledger = Ledger()
    for number, one in enumerate(before):
        ledger.turn(one, str(number + 1))

    place = ledger.turn(text, str(len(before) + 1))

    assert (place.conversation, place.index, place.parent, place.kind) == where


def test_two_texts_that_begin_alike_go_on_apart() -> None:
    ledger = Ledger()
    a, b = CARD + "Ann: Hi.\nYou:", CARD + "Ben: Hi.\nYou:"
    first = [ledger.turn(text, name).conversation for text, name in ((a, "1"), (b, "2"))]
    places = [ledger.turn(text + " Yes.\n", name) for text, name in ((a, "3"), (b, "4"))]

    assert first == ["1", "2"]
    assert [(place.conversation, place.kind) for place in places] == [
        ("1", Kind.APPEND),
        ("2", Kind.APPEND),
    ]


def test_a_text_is_cut_where_earlier_ones_ended() -> None:
    ledger = Ledger()
    ledger.turn(FIRST, "1")
    remembered, _ = ledger.look(SECOND)

    texts = [written(message).decode() for message in remembered.messages]
    assert "".join(texts) == SECOND
    assert "".join(texts[: remembered.keys.index(remembered.ended[0]) + 1]) == FIRST
    assert len(texts) == len(remembered.keys)


def test_no_text_is_remembered() -> None:
    nodes = new_nodes(plain(FIRST, ROOT), (), "c", "t")

    assert all(node.raw.find(b"Rule") < 0 for node in nodes)
    assert sum(len(node.raw) for node in nodes) < len(FIRST)


def test_what_is_remembered_is_not_put_again() -> None:
    ledger = Ledger()
    ledger.turn(FIRST, "1")
    remembered, _ = ledger.look(FIRST)

    assert new_nodes(plain(FIRST, ROOT), remembered.nodes.keys(), "c", "t") == ()
    ends = {node.key for node in new_nodes(plain("a" * 64, ROOT), (), "c", "t")}
    assert len(ends) == 1  # the piece, and the end behind it


def test_a_conversation_that_was_forgotten_is_not_gone_on_from() -> None:
    ledger = Ledger()
    ledger.turn(FIRST, "1")
    remembered, found = ledger.look(SECOND)
    from_ = ancestry_of(remembered, replace(found, conversations={}))

    assert place_of(remembered, from_, None, "new").kind is Kind.COLD


LINE = "Ann: Is a berth free for me?"
BEHIND = [
    pytest.param(f"Card.\n{LINE}\nYou: Berth four.\nAnn:", " Berth four.\n", Kind.COMPACTION, id="slid"),
    pytest.param(f"{LINE}\nYou:Berth four.", " Berth four.", Kind.COMPACTION, id="stripped"),
    pytest.param(f"A card.\nBen: Hi.\nYou: Hi.\n{LINE}\nYou: Yes", "Yes", Kind.EDIT, id="another-card"),
    pytest.param(f"Card.\n{LINE}\nYou:", " Berth four.", None, id="no-reply-behind"),
    pytest.param(f"Card.\n{LINE}\nYou: Berth five.", " Berth four.", None, id="another-reply"),
    pytest.param(f"Card.\n{LINE}\nYou: Yes.", " \n", None, id="said-nothing"),
    pytest.param("Card.\nBen: No.\nYou: Berth four.", "Berth four.", None, id="another-text"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "reply", "kind"), BEHIND)
def test_a_text_goes_on_behind_another_beginning(text: str, reply: str, kind: Kind | None) -> None:
    before = f"Card.\nBen: Hi.\nYou: Hi.\n{LINE}\nYou:"

    assert kind_behind(text, before, LINE, reply) is kind
