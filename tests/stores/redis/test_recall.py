"""What a shared store answers besides a history: the turns of others, the tools as they were first sent."""

from dataclasses import replace

import pytest

from tests.fakes.redis_server import RedisServer
from tests.stores.entries import ROOT, chain, entry, is_known
from tests.stores.redis.opened import opened
from warmprefix.core.memory.ledger import Asked, Entry, Found, Marks
from warmprefix.core.memory.trail import Trail
from warmprefix.core.types import RawJson
from warmprefix.stores.redis.store import RedisStore

MARKS = Marks(ROOT, b"session", b"tool set")
TOOLS = (RawJson(b'{"name":"a"}'), RawJson(b'{"name":"b"}'))


def put_of(name: str, *texts: str, turns: int = 1, marks: Marks = MARKS, aside: bool = False,
           replaces: tuple[str, ...] = (), landmarks: tuple[bytes, ...] = (),
           tools: tuple[RawJson, ...] = ()) -> Entry:  # fmt: skip
    """A turn with its trail."""
    put = entry(name, *texts, turns=turns, tools=tools)
    trail = Trail(f"{name}-{turns}", put.nodes[-1].id, False, index=turns - 1, is_side=aside)
    own, beside = (None, trail) if aside else (trail, None)
    return replace(
        put, trail=own, aside=beside, marks=marks, replaces=replaces, landmarks=landmarks
    )


async def stored(store: RedisStore, *entries: Entry) -> None:
    for put in entries:
        store.put(put)
        await store.flush()


async def asked(store: RedisStore, *texts: str, least: int = 2, seen: tuple[str, ...] = (),
                landmarks: tuple[bytes, ...] = (), marks: Marks = MARKS) -> Found:  # fmt: skip
    return await store.find(chain(*texts), Asked(marks, landmarks, least, seen))


def sent_bytes(server: RedisServer) -> int:
    """All that the server has answered."""
    info = server.command("INFO", "stats")
    assert isinstance(info, dict)
    return int(info["total_net_output_bytes"])


def turns(found: Found) -> list[str]:
    return [past.trail.turn for past in found.pasts]


async def test_the_last_turn_of_a_history_is_answered_with_its_path(store: RedisStore) -> None:
    put = put_of("c", "s", "u", "a")
    await stored(store, put)

    found = await asked(store, "s", "u", "a", "v")

    (past,) = found.pasts
    assert past.path == put.nodes
    assert past.trail == put.trail
    assert (past.number, found.number) == (1, 1)
    assert turns(await asked(store, "s", "u", "a", seen=("c-1",))) == []


async def test_the_path_goes_on_with_what_is_near(server: RedisServer) -> None:
    """Only what another proxy has added is sent."""
    near, far = opened(server, front_bytes=10**6), opened(server)
    await stored(near, put_of("c", "s", "u", "a"))
    put = put_of("c", "s", "u", "a", "v", "b", turns=2, replaces=("c-1",))
    await stored(far, put)

    found = await asked(near, "s", "u", "a", "v", "b", "w")

    (past,) = found.pasts
    assert [node.id for node in past.path] == [node.id for node in put.nodes]
    await near.close()
    await far.close()


async def test_what_a_history_brings_is_not_sent_again_with_the_turns(server: RedisServer) -> None:
    store, text = opened(server), "x" * 100_000
    await stored(store, put_of("c", "s", text), put_of("c", "s", text, "a", turns=2))

    before = sent_bytes(server)
    found = await asked(store, "s", text, "a")

    assert [len(past.path) for past in found.pasts] == [3, 2]
    assert len(text) < sent_bytes(server) - before < 2 * len(text)
    await store.close()


async def test_branches_and_housekeeping_are_turns_of_their_own(store: RedisStore) -> None:
    await stored(
        store,
        put_of("c", "s", "u", tools=TOOLS),
        put_of("c", "s", "u", "x", turns=2),
        put_of("c", "s", "title", turns=3, aside=True),
        put_of("c", "s", "u", "x", "y", turns=4, replaces=("c-2",)),
    )

    found = await asked(store, "s", "u")
    assert turns(found) == ["c-4", "c-3", "c-1"]
    assert [past.trail.is_side for past in found.pasts] == [False, True, False]
    assert found.pasts[2].conversation.tools == TOOLS  # as of then
    past = await store.past("c", ())
    assert past is not None
    assert past.trail.turn == "c-4"

    for number in range(5, 9):
        await stored(store, put_of("c", "s", f"u{number}", turns=number))
    assert turns(await asked(store, "s", "u8")) == ["c-8", "c-7", "c-6", "c-5"]


@pytest.mark.parametrize("by", ["landmark", "session", "latest"])
async def test_a_history_that_is_not_known_may_be_that_of(store: RedisStore, by: str) -> None:
    await stored(store, put_of("c", "s", "u", landmarks=(chain("mark")[0],)))
    marks = Marks(ROOT if by == "latest" else b"", b"session" if by == "session" else b"")
    landmarks = (chain("mark")[0],) if by == "landmark" else ()

    found = await asked(store, "s", "new", marks=marks, landmarks=landmarks)

    assert turns(found) == ["c-1"]
    assert turns(await asked(store, "s", "new", marks=Marks(b"another"))) == []


async def test_who_sends_tools_first_says_how_they_are_written(store: RedisStore) -> None:
    await stored(store, put_of("c", "s", tools=TOOLS), put_of("d", "t", tools=TOOLS[::-1]))

    assert (await asked(store, "x")).tools == TOOLS
    assert (await asked(store, "x", marks=Marks(ROOT))).tools == ()


async def test_tools_stay_as_long_as_the_conversation_that_sent_them_first(
    server: RedisServer,
) -> None:
    """Also if it has no tools any more. Of many sets the latest stay."""
    now_s = 0.0
    store = opened(server, max_age_s=10.0, clock=lambda: now_s)
    first = put_of("c", "s", "u", tools=TOOLS)
    await stored(store, first, put_of("c", "s", "v", turns=2, replaces=("c-1",)))
    assert (await asked(store, "x")).tools == TOOLS

    for turn in range(3, 7):
        tools = (RawJson(b'{"name":"%d"}' % turn),)
        marks = Marks(ROOT, b"session", b"tool set %d" % turn)
        await stored(store, put_of("c", "s", "v", turns=turn, tools=tools, marks=marks))
    assert (await asked(store, "x")).tools == ()
    assert (await asked(store, "x", marks=marks)).tools == tools

    await stored(store, put_of("d", "t", marks=Marks(b"another")))
    now_s = 100.0
    await stored(store, put_of("d", "t", turns=2, marks=Marks(b"another")))
    assert (await asked(store, "x", marks=marks)).tools == ()
    assert server.command("KEYS", "warmprefix:wrote*") == []
    await store.close()


async def test_who_has_not_seen_whether_turns_outlive_others_is_sent_the_others(
    store: RedisStore,
) -> None:
    own, other = put_of("c", "s", "u", "a"), put_of("d", "s", "v", "b")
    await stored(store, own, other)
    question = Asked(MARKS, (), 2, ("c-1",), rivals=True)
    keys = chain("s", "u", "a", "w")

    found = await store.find(keys, question)
    assert (turns(found), found.outlived) == (["d-1"], None)
    assert turns(await store.find(keys, replace(question, rivals=False))) == []

    for outlived in (False, True):
        await stored(store, replace(other, outlived=outlived))
        found = await store.find(keys, question)
        assert (turns(found), found.outlived) == ([], outlived)


async def test_tools_that_nobody_has_any_more_were_not_sent_first(server: RedisServer) -> None:
    store = opened(server)
    await stored(store, put_of("c", "s", tools=TOOLS))
    names = server.command("KEYS", "warmprefix:tools:*")
    assert isinstance(names, list)
    server.command("DEL", *names)
    assert (await asked(store, "x")).tools == ()

    await stored(store, put_of("d", "t", tools=TOOLS[::-1]))
    assert (await asked(store, "x")).tools == TOOLS[::-1]
    await store.close()


async def test_with_the_conversation_goes_all_that_was_answered(server: RedisServer) -> None:
    times_s = iter([0.0] * 10)
    store = opened(server, max_age_s=10.0, clock=lambda: next(times_s, 100.0))
    await stored(store, put_of("c", "s", "u", tools=TOOLS), put_of("c", "s", "v", turns=2))
    while await is_known(store, "s", "u"):
        await stored(store, put_of("d", "t", marks=Marks(b"another")))

    found = await asked(store, "s", "u")
    assert (found.pasts, found.tools) == ((), ())
    left = server.command("KEYS", "warmprefix:turn*")
    assert isinstance(left, list)
    assert sorted(left) == [b"warmprefix:turn:d-1", b"warmprefix:turns:d"]
    await store.close()


async def test_the_tools_of_every_branch_count_when_all_is_counted_again(
    server: RedisServer,
) -> None:
    """Which is when only one conversation is left."""
    now_s = 0.0
    store = opened(server, max_age_s=10.0, clock=lambda: now_s)
    branches = (
        put_of("c", "s", "u", tools=TOOLS),
        put_of("c", "s", "v", turns=2, tools=TOOLS[::-1]),
    )
    await stored(store, *branches)
    alone = store.state()
    server.command("FLUSHALL")
    await stored(store, put_of("d", "t", marks=Marks(b"another")), *branches)
    now_s = 100.0

    await stored(store, branches[1])

    assert not await is_known(store, "t")
    assert store.state() == replace(alone, answer_p99_s=store.state().answer_p99_s)
    await store.close()


async def test_what_was_written_under_another_key_is_left_out(server: RedisServer) -> None:
    secret, wrong = opened(server, key="a secret"), opened(server, key="another")
    await stored(secret, put_of("c", "s", "u", tools=TOOLS))

    assert turns(await asked(secret, "s", "u")) == ["c-1"]
    assert (await asked(secret, "s", "u")).tools == TOOLS
    found = await asked(wrong, "s", "u")
    assert (found.nodes, found.pasts, found.tools) == ({}, (), ())
    await secret.close()
    await wrong.close()
