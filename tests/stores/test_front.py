"""What the front holds, when it must ask the far store, and what the two know together."""

from dataclasses import replace

import pytest

from tests.stores.entries import LARGE, chain, entry, raw
from warmprefix.core.memory.ledger import MAX_ALIKE, NOTHING, Entry, Found
from warmprefix.core.types import RawJson
from warmprefix.stores.front import (
    Front,
    deepest,
    first_to_ask,
    joined,
    merged,
    newer,
    with_node,
)

TURN = entry("c", "s", "u", "a", generated=[2])
KEYS = chain("s", "u", "a")


def written(*entries: Entry, max_bytes: int = 10**6) -> Front:
    """A front whose turns are all written."""
    front = Front(max_bytes)
    for put in entries:
        front.put(put, waits=True)
        front.settle(put)
    return front


ASKS: list[tuple[str, list[str], int | None]] = [
    ("the-same-again", ["s", "u", "a"], None),
    ("one-message-behind-the-reply", ["s", "u", "a", "v"], None),
    ("two-messages-behind-it", ["s", "u", "a", "v", "w"], 3),
    ("a-part-of-it", ["s", "u"], None),
    ("another-end", ["s", "x"], 1),
    ("nothing-in-common", ["x", "y"], 0),
]


@pytest.mark.parametrize(("texts", "first"), [row[1:] for row in ASKS], ids=[r[0] for r in ASKS])
def test_only_what_may_be_far_away_is_asked_for(texts: list[str], first: int | None) -> None:
    front, keys = written(TURN), chain(*texts)

    assert first_to_ask(keys, front.find(keys), front.is_whole) == first


def test_what_waits_may_have_twins_far_away() -> None:
    front = Front(10**6)
    front.put(TURN, waits=True)

    assert not any(map(front.is_whole, KEYS))
    assert first_to_ask(KEYS, front.find(KEYS), front.is_whole) == 0


def test_the_twins_that_the_writer_found_are_known() -> None:
    front = Front(10**6)
    twin = replace(TURN.nodes[2], id=b"twin", raw=raw("twin"))
    front.put(TURN, waits=True)
    front.settle(TURN, [twin, TURN.nodes[2]])

    assert [node.id for node in front.find(KEYS).nodes[KEYS[2]]] == [b"twin", TURN.nodes[2].id]
    assert all(map(front.is_whole, KEYS))


def test_what_is_not_written_stays_whatever_its_size() -> None:
    front = Front(0)
    front.put(TURN, waits=True)
    assert front.find(KEYS).nodes

    front.settle(TURN)
    assert front.find(KEYS) == NOTHING
    assert (front.bytes, len(front)) == (0, 0)


def test_the_conversation_unused_for_longest_leaves_first() -> None:
    large = [
        entry(name, name, bytes_of={0: RawJson(LARGE + b"%d" % at)})
        for at, name in enumerate("cde")
    ]
    front = written(*large[:2], max_bytes=70_000)
    front.find(chain("c"))
    front.put(large[2], waits=False)

    assert [bool(front.find(chain(name)).nodes) for name in "cde"] == [True, False, True]
    assert front.bytes <= 70_000


def test_a_head_stays_as_long_as_one_conversation_has_it() -> None:
    front = written(entry("c", "s", "u"), entry("d", "s", "v"))
    front.forget("c")

    assert len(front.find(chain("s", "v")).nodes) == 2
    assert len(front.find(chain("s", "u")).nodes) == 1


def test_one_that_was_put_since_is_not_forgotten() -> None:
    front = Front(10**6)
    front.put(TURN, waits=True)
    front.forget("c")

    assert len(front.find(KEYS).nodes) == 3


def test_what_the_far_store_said_is_kept() -> None:
    front = Front(10**6)
    front.remember(
        KEYS, Found({node.key: (node,) for node in TURN.nodes}, {"c": TURN.conversation})
    )

    assert first_to_ask(KEYS, front.find(KEYS), front.is_whole) is None
    assert front.find(KEYS).conversations == {"c": TURN.conversation}


def test_what_is_here_is_as_new_or_newer() -> None:
    later = entry("c", "s", "u", "a", generated=[2], turns=2)
    front = written(later)
    front.remember(KEYS, Found({}, {"c": TURN.conversation}))

    assert front.find(KEYS).conversations["c"].turns == 2
    assert newer(TURN.conversation, later.conversation).turns == 2
    assert newer(later.conversation, TURN.conversation).turns == 2


def test_two_sides_know_together_what_each_knows() -> None:
    near = written(entry("d", "s", "v")).find(chain("s", "v"))
    far = written(TURN).find(KEYS)
    both = merged(near, far)

    assert set(both.nodes) == {*KEYS, chain("s", "v")[1]}
    assert set(both.conversations) == {"c", "d"}
    assert merged(near, NOTHING) == near
    assert merged(NOTHING, far) == far


def test_nodes_that_look_alike_are_in_the_far_stores_order_and_bounded() -> None:
    nodes = [replace(TURN.nodes[2], id=b"%d" % at) for at in range(MAX_ALIKE + 2)]

    assert joined(nodes[1:2], nodes[:2]) == (nodes[0], nodes[1])
    assert joined(nodes[2:3], nodes[:2]) == (nodes[0], nodes[1], nodes[2])
    assert joined(nodes[-1:], nodes[:-1]) == tuple(nodes[2:])


def test_once_generated_a_node_stays_so() -> None:
    made = TURN.nodes[2]
    sent = replace(made, generated=False, conversation="d")

    (node,) = with_node((made,), sent)
    assert (node.generated, node.conversation) == (True, "d")
    assert deepest(KEYS, {KEYS[2]: (node,)}) == (node,)
    assert deepest(KEYS, {}) == ()
