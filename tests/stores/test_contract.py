"""What every store promises (warmprefix/stores/base.py), over all kinds of store."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.toy_store import ToyEngine
from tests.stores.entries import LARGE, ROOT, chain, entry, is_known, raw
from tests.stores.places import place_of
from warmprefix.core.memory.ledger import MAX_ALIKE, NOTHING, Conversation, Entry, Node
from warmprefix.core.memory.trail import Trail
from warmprefix.core.types import RawJson
from warmprefix.stores import STORES
from warmprefix.stores.base import Opening, Store, StoreKind
from warmprefix.stores.redis import REDIS
from warmprefix.stores.redis.store import RedisStore
from warmprefix.stores.sqlite.store import SqliteStore

pytestmark = pytest.mark.usefixtures("patient")

MAX_BYTES = 100_000
MAX_AGE_S = 1_000.0
LARGER = RawJson(b'"' + b"y" * 200_000 + b'"')


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now_s = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


Make = Callable[[Path, Clock], Store]


def of_kind(kind: StoreKind) -> Make:
    """Opens a store as the application does."""

    def make(folder: Path, clock: Clock) -> Store:
        return kind.open(Opening(place_of(kind, folder), MAX_BYTES, MAX_AGE_S, clock))

    return make


def sqlite_alone(folder: Path, clock: Clock) -> Store:
    """Without a front: what is written comes from the file."""
    return SqliteStore(folder / "ledger.db", MAX_BYTES, MAX_AGE_S, clock, front_bytes=0)


def toy_alone(folder: Path, clock: Clock) -> Store:
    """Any far store, without a front."""
    return of_kind(ToyEngine(front_bytes=0).kind)(folder, clock)


def redis_alone(folder: Path, clock: Clock) -> Store:
    """Without a front, and encrypted."""
    opening = Opening(place_of(REDIS, folder), MAX_BYTES, MAX_AGE_S, clock, key="a secret")
    return RedisStore(opening, front_bytes=0)


ALL = [
    *(pytest.param(of_kind(kind), id=kind.name) for kind in STORES),
    pytest.param(sqlite_alone, id="sqlite-alone"),
    pytest.param(toy_alone, id="toy-alone"),
    pytest.param(redis_alone, id="redis-alone"),
]


@pytest.fixture(params=ALL)
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, clock: Clock
) -> AsyncIterator[Store]:
    make: Make = request.param
    made = make(tmp_path, clock)
    yield made
    await made.close()


async def large(store: Store, name: str, content: RawJson) -> None:
    """A conversation of one message of its own."""
    store.put(entry(name, name, bytes_of={0: RawJson(content + name.encode())}))
    await store.flush()


async def test_all_fields_come_back(store: Store) -> None:
    keys = chain("s", "u", "a")
    nodes = (
        Node(b"i1", keys[0], ROOT, RawJson(b'{ "a" :1}'), False, "c", "t1"),
        Node(b"i2", keys[1], b"i1", RawJson(b'"\xc3\xa9 \\u00e9 \xff"'), False, "c", "t2"),
        Node(b"i3", keys[2], b"i2", RawJson(b""), True, "c", "t2"),
    )
    tools = (RawJson(b'{"b":1.0,  "a":"\xe2\x82\xac"}'), RawJson(b'{"a":2}'), RawJson(b'{"b":1.0}'))
    options = {"z": RawJson(b"true "), "a": RawJson(b'{"k": "\xc3\xa9"}')}
    last = Conversation("c", 7, "t2", "model", keys[1], 2, keys[2], tools, options, "here", "s1")
    store.put(Entry(nodes, last))
    await store.flush()

    found = await store.find(keys)

    assert found.nodes == {node.key: (node,) for node in nodes}
    assert found.conversations == {"c": last}
    assert list(found.conversations["c"].options) == ["z", "a"]


async def test_a_conversation_may_have_no_reply_no_model_and_no_tools(store: Store) -> None:
    put = entry("c", "s", "u")
    last = replace(put.conversation, model=None)
    assert last.reply is None
    store.put(Entry(put.nodes, last))

    assert (await store.find(chain("s", "u"))).conversations == {"c": last}


async def test_the_last_turn_of_a_conversation_replaces_the_one_before(store: Store) -> None:
    store.put(entry("c", "s", "u", tools=(RawJson(b"1"),)))
    second = entry("c", "s", "u", "a", "v", generated=[2], tools=(RawJson(b"2"),), turns=2)
    store.put(second)

    assert (await store.find(chain("s"))).conversations == {"c": second.conversation}


async def test_what_was_put_is_found_at_once(store: Store) -> None:
    store.put(entry("c", "s", "u"))

    assert await is_known(store, "s", "u")


async def test_a_message_names_its_conversation(store: Store) -> None:
    store.put(entry("c", "s", "u"))
    store.put(entry("d", "s", "v"))
    await store.flush()

    for last, name in (("u", "c"), ("v", "d")):
        found = await store.find(chain("s", last, "new", "newer"))
        assert found.nodes[chain("s", last)[-1]][0].conversation == name
        assert name in found.conversations
        assert set(found.nodes) == set(chain("s", last))


async def test_nothing_is_known_of_other_histories(store: Store) -> None:
    store.put(entry("c", "s", "u"))

    assert await store.find(chain("x", "y")) == NOTHING
    assert await store.find([]) == NOTHING


async def test_a_gap_does_not_hide_what_is_behind_it(store: Store) -> None:
    put = entry("c", "s", "u", "v")
    store.put(Entry((put.nodes[0], put.nodes[2]), put.conversation))

    keys = chain("s", "u", "v")
    assert set((await store.find(keys)).nodes) == {keys[0], keys[2]}


@pytest.mark.parametrize("first", [False, True], ids=["sent", "generated"])
@pytest.mark.parametrize("second", [False, True], ids=["then-sent", "then-generated"])
@pytest.mark.parametrize("flushed", [True, False])
async def test_messages_that_look_alike_are_all_kept(
    store: Store, first: bool, second: bool, flushed: bool
) -> None:
    for turns, made in enumerate((first, second)):
        content = {1: raw(("first", "second")[turns])}
        generated = [1] if made else []
        store.put(entry("c", "s", "a", generated=generated, bytes_of=content, turns=turns))
        if flushed:
            await store.flush()

    keys = chain("s", "a")
    alike = (await store.find(keys)).nodes[keys[1]]
    assert [(node.raw, node.generated) for node in alike] == [
        (raw("first"), first),
        (raw("second"), second),
    ]
    await store.flush()
    assert store.state().messages == 3


@pytest.mark.parametrize("first", [False, True], ids=["sent", "generated"])
@pytest.mark.parametrize("second", [False, True], ids=["then-sent", "then-generated"])
@pytest.mark.parametrize("flushed", [True, False])
async def test_one_message_is_generated_if_it_ever_was_and_belongs_to_who_put_it_last(
    store: Store, first: bool, second: bool, flushed: bool
) -> None:
    for name, made in (("c", first), ("d", second)):
        store.put(entry(name, "s", "a", generated=[1] if made else []))
        if flushed:
            await store.flush()

    keys = chain("s", "a")
    (node,) = (await store.find(keys)).nodes[keys[1]]
    assert node.generated is (first or second)
    assert (node.conversation, node.turn) == ("d", "d-1")


async def test_the_latest_that_look_alike_are_kept(store: Store) -> None:
    for at in range(MAX_ALIKE + 3):
        store.put(entry("c", "s", "a", "v", generated=[1], bytes_of={1: raw(f"{at}")}, turns=at))
        if at % 2:
            await store.flush()
    await store.flush()

    keys = chain("s", "a", "v")
    found = await store.find(keys)
    for key in keys[1:]:
        assert len(found.nodes[key]) == MAX_ALIKE
    assert [node.raw for node in found.nodes[keys[1]]] == [raw(f"{at}") for at in range(3, 11)]
    assert store.state().messages == MAX_ALIKE + 2
    store.put(entry("d", "d", bytes_of={0: LARGER}))
    await store.flush()
    assert (store.state().conversations, store.state().messages) == (1, 1)


async def test_conversations_that_begin_alike_are_both_known(store: Store) -> None:
    store.put(entry("c", "s", "u", "a", generated=[2], bytes_of={2: raw("one")}))
    store.put(entry("d", "s", "u", "a", generated=[2], bytes_of={2: raw("two")}))
    await store.flush()

    keys = chain("s", "u", "a", "v")
    found = await store.find(keys)
    assert [node.conversation for node in found.nodes[keys[2]]] == ["c", "d"]
    assert set(found.conversations) == {"c", "d"}


async def test_a_message_is_kept_once_for_all_conversations(store: Store) -> None:
    store.put(entry("c", "s", "u"))
    store.put(entry("d", "t", "u", bytes_of={0: raw("s")}))
    await store.flush()

    state = store.state()
    assert (state.conversations, state.messages) == (2, 2)


async def test_the_oldest_conversation_leaves_first(store: Store) -> None:
    for name in ("c", "d", "e"):
        await large(store, name, LARGE)
    store.put(Entry((), entry("c", "c", turns=2).conversation))  # used again: now d is the oldest
    await large(store, "f", LARGE)

    assert not await is_known(store, "d")
    assert [await is_known(store, name) for name in ("c", "e", "f")] == [True, True, True]
    state = store.state()
    assert (state.conversations, state.messages) == (3, 3)
    assert state.bytes <= MAX_BYTES


async def test_the_newest_conversation_never_leaves(store: Store, clock: Clock) -> None:
    await large(store, "c", LARGE)
    await large(store, "d", LARGER)
    assert await is_known(store, "d")
    assert not await is_known(store, "c")

    clock.now_s += 10 * MAX_AGE_S
    store.put(entry("d", "d", "more", bytes_of={0: LARGER}, turns=2))
    await store.flush()
    assert await is_known(store, "d", "more")
    assert store.state().conversations == 1


async def test_what_was_not_used_for_too_long_leaves(store: Store, clock: Clock) -> None:
    for name in ("c", "d", "c", "e", "e"):
        store.put(entry(name, name))
        await store.flush()
        clock.now_s += MAX_AGE_S * 0.4

    assert [await is_known(store, name) for name in ("c", "d", "e")] == [True, False, True]


async def test_contents_stay_as_long_as_somebody_uses_them(store: Store) -> None:
    store.put(entry("c", "s", "u", tools=(RawJson(b"1"),)))
    store.put(entry("d", "t", "v", bytes_of={0: raw("s")}, tools=(RawJson(b"1"),)))
    await large(store, "e", LARGER)
    await store.flush()

    assert store.state().messages == 1
    store.put(entry("f", "t", "v", bytes_of={0: raw("s")}, tools=(RawJson(b"1"),)))
    await store.flush()
    found = await store.find(chain("t", "v"))
    assert found.nodes[chain("t")[0]][0].raw == raw("s")
    assert found.conversations["f"].tools == (b"1",)


async def test_a_head_that_is_shared_outlives_the_conversation_that_brought_it(
    store: Store,
) -> None:
    """The system prompt of all conversations is put by the first of them."""
    store.put(entry("c", "s", "d", "u", bytes_of={2: LARGE}))
    for name in ("one", "two"):
        put = entry(name, "s", "d", name)
        store.put(Entry(put.nodes[2:], put.conversation))
    store.put(entry("e", "e", bytes_of={0: RawJson(LARGE + LARGE + LARGE)}))
    await store.flush()

    assert not await is_known(store, "s", "d", "u")
    for name in ("one", "two"):
        found = await store.find(chain("s", "d", name))
        assert len(found.nodes) == 3
        assert found.nodes[chain("s", "d")[-1]][0].conversation in found.conversations


async def test_both_sides_of_a_fork_are_known(store: Store) -> None:
    store.put(entry("c", "s", "u", "a", "v", generated=[2]))
    store.put(entry("c", "s", "u", "b", "w", generated=[2], turns=2))
    await store.flush()

    for side in (("a", "v"), ("b", "w")):
        keys = chain("s", "u", *side)
        found = await store.find(keys)
        assert [node.raw for key in keys for node in found.nodes[key]] == [
            raw(text) for text in ("s", "u", *side)
        ]
    assert store.state().messages == 6


@pytest.mark.parametrize("jump_s", [-1e9, 1e12], ids=["back", "forward"])
async def test_a_clock_that_jumps_breaks_nothing(store: Store, clock: Clock, jump_s: float) -> None:
    store.put(entry("c", "c"))
    await store.flush()
    clock.now_s += jump_s
    store.put(entry("d", "d"))
    await store.flush()
    clock.now_s -= jump_s
    store.put(entry("d", "d", "more", turns=2))
    await store.flush()

    assert await is_known(store, "d", "more")
    assert await is_known(store, "c") is (jump_s < 0)
    await large(store, "e", LARGER)
    assert store.state().conversations == 1


async def test_an_empty_store_counts_nothing(store: Store) -> None:
    await store.flush()
    state = store.state()

    assert (state.conversations, state.messages, state.bytes) == (0, 0, 0)
    assert (state.lost, state.replaced) == (0, 0)


async def test_tools_count_in_the_size(store: Store) -> None:
    for at in range(6):
        tools = (RawJson(b'"%d' % at + b"x" * 30_000 + b'"'),)
        store.put(entry(f"c{at}", f"m{at}", tools=tools))
        await store.flush()

    assert store.state().conversations < 4
    assert store.state().bytes <= MAX_BYTES


def with_trail(put: Entry, *landmarks: bytes, client: RawJson | None = None) -> Entry:
    """The turn, with a trail to its last node. `client`: its last message as the client had it."""
    leaf, forms = put.nodes[-1], None
    if client is not None:
        forms = (*range(len(put.nodes) - 1), client)
    is_reply = put.conversation.reply is not None
    trail = Trail(
        leaf.turn, leaf.id, is_reply, 900, None, forms, None, ("volatile",), frozenset({1})
    )
    return replace(put, trail=trail, landmarks=landmarks)


MARKS = chain("one", "two", "three")


async def test_a_trail_leads_to_the_last_turn(store: Store) -> None:
    odd = RawJson(b'"\xc3\xa9 \\u00e9 \xff"')
    put = with_trail(entry("c", "s", "u", "a", generated=[2]), MARKS[0], client=odd)
    store.put(put)
    await store.flush()

    for asked in (("c", []), (None, [MARKS[1], MARKS[0]]), ("unknown", MARKS)):
        found = await store.past(*asked)
        assert found is not None
        assert (found.conversation, found.trail) == (put.conversation, put.trail)
        assert found.path == put.nodes
    assert await store.past(None, [MARKS[2]]) is None
    assert await store.past("unknown", []) is None


async def test_a_path_goes_through_what_other_conversations_have_put(store: Store) -> None:
    first = entry("c", "s", "d", "u")
    store.put(first)
    put = entry("d", "s", "d", "v")
    store.put(with_trail(replace(put, nodes=put.nodes[2:]), MARKS[0]))
    await store.flush()

    found = await store.past("d", [])
    assert found is not None
    assert found.path == (*first.nodes[:2], put.nodes[2])


async def test_the_conversation_comes_before_the_landmarks_and_the_last_used_before_others(
    store: Store,
) -> None:
    for name in ("c", "d", "e"):
        store.put(with_trail(entry(name, name), MARKS[name == "e"]))
    store.put(entry("f", "f"))  # it has no trail
    await store.flush()

    for asked, name in (
        (("c", MARKS), "c"),
        ((None, MARKS), "d"),
        ((None, MARKS[1:]), "e"),
        (("f", MARKS[1:]), "e"),
    ):
        found = await store.past(*asked)
        assert found is not None
        assert found.conversation.id == name


async def test_a_turn_without_a_trail_leaves_the_one_before(store: Store) -> None:
    put = with_trail(entry("c", "s", "u"), MARKS[0])
    store.put(put)
    side = entry("c", "s", "u", "t", turns=2)
    store.put(side)
    await store.flush()

    found = await store.past(None, MARKS)
    assert found is not None
    assert (found.conversation, found.trail) == (side.conversation, put.trail)
    assert [node.id for node in found.path] == [node.id for node in put.nodes]


async def test_the_last_trail_replaces_the_one_before(store: Store) -> None:
    store.put(with_trail(entry("c", "s", "u"), *MARKS[:2], client=RawJson(b"1")))
    await store.flush()
    put = with_trail(entry("c", "s", "u", "a", "v", turns=2), MARKS[1], MARKS[2])
    store.put(put)
    await store.flush()

    assert await store.past(None, MARKS[:1]) is None
    found = await store.past(None, MARKS[1:])
    assert found is not None
    assert found.trail == put.trail


async def test_a_trail_leaves_with_its_conversation(store: Store) -> None:
    store.put(with_trail(entry("c", "c"), MARKS[0]))
    await store.flush()
    await large(store, "d", LARGER)

    assert await store.past("c", MARKS) is None
    await large(store, "e", LARGER)
    assert store.state().conversations == 1


async def test_trails_count_in_the_size(store: Store) -> None:
    for at in range(6):
        client = RawJson(b'"%d' % at + b"x" * 30_000 + b'"')
        store.put(with_trail(entry(f"c{at}", f"m{at}"), client=client))
        await store.flush()

    assert store.state().conversations < 4
    assert store.state().bytes <= MAX_BYTES


async def test_what_begins_its_path_may_be_forgotten(store: Store) -> None:
    """Of messages that look alike only the latest are kept."""
    put = with_trail(entry("c", "s", "u", bytes_of={0: raw("first")}))
    store.put(put)
    for at in range(MAX_ALIKE):
        store.put(entry("d", "s", bytes_of={0: raw(f"{at}")}, turns=at))
    await store.flush()

    found = await store.past("c", [])
    assert found is not None
    assert [node.id for node in found.path] == [put.nodes[1].id]
