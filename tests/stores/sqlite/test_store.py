"""The SQLite store: what it asks of the file, and how large it gets."""

import asyncio
import contextlib
import random
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from tests.stores.entries import LARGE, ROOT, chain, entry, is_known, raw
from tests.stores.files import locked, open_store, size
from warmprefix.core.errors import StoreError
from warmprefix.core.memory.ledger import Entry, Node
from warmprefix.core.types import RawJson
from warmprefix.stores.memory import MemoryStore
from warmprefix.stores.sqlite.schema import APPLICATION_ID, MIGRATIONS
from warmprefix.stores.sqlite.store import SqliteStore
from warmprefix.stores.sqlite.write import STEP_NODES

THOUSAND = [f"m{at}" for at in range(1_000)]


def traced(store: SqliteStore) -> list[str]:
    """The statements of the reader from here on."""
    statements: list[str] = []
    assert store.file_reader.db is not None
    store.file_reader.db.set_trace_callback(statements.append)
    return statements


async def test_a_thousand_keys_are_one_statement(alone: SqliteStore) -> None:
    alone.put(entry("c", *THOUSAND, tools=(RawJson(b"1"),)))
    await alone.flush()
    await is_known(alone, "x")
    statements = traced(alone)

    found = await alone.find(chain(*THOUSAND))

    assert len(found.nodes) == 1_000
    assert set(found.conversations) == {"c"}
    assert len(statements) == 1


async def test_a_file_of_the_first_version_keeps_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in MIGRATIONS[0]:
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute("PRAGMA user_version = 1")
        key, content = chain("s")[0], b'"s"'
        db.execute("INSERT INTO contents VALUES (1, x'00', ?)", (content,))
        db.execute("INSERT INTO conversations VALUES (1,'c',1,?,3,'t',NULL,?,1,NULL,NULL,'{}')",
                   (time.time(), key))  # fmt: skip
        db.execute("INSERT INTO nodes VALUES (1, ?, x'00', 1, 0, 1, 't')", (key,))

    store = open_store(path)
    found = await store.find([key])
    await store.close()

    last = found.conversations["c"]
    assert (last.turns, last.backend, last.session) == (3, "", None)
    assert [(node.id, node.raw) for node in found.nodes[key]] == [(key, content)]
    assert store.state().bytes == 3 + 90 + 260 + 185


async def test_a_file_of_an_older_version_is_gone_on_with(tmp_path: Path) -> None:
    """Its nodes are known by their chain keys, and lead to those that are put behind them."""
    path = tmp_path / "ledger.sqlite"
    keys = chain("s", "u", "a", "v")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in (*MIGRATIONS[0], *MIGRATIONS[1]):
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute("PRAGMA user_version = 2")
        db.execute(
            "INSERT INTO conversations VALUES (1,'c',1,?,3,'t',NULL,?,2,?,NULL,'{}','')",
            (time.time(), keys[1], keys[2]),
        )
        for at, key in enumerate(keys[:3]):
            parent = keys[at - 1] if at else ROOT
            db.execute("INSERT INTO contents VALUES (?, ?, ?)", (at + 1, key, b"%d" % at))
            db.execute("INSERT INTO nodes VALUES (?, ?, ?, ?, ?, 1, 't')",
                       (at + 1, key, parent, at + 1, at == 2))  # fmt: skip

    store = open_store(path)
    old = (await store.find(keys)).nodes
    behind = Node(b"new", keys[3], old[keys[2]][0].id, raw("v"), False, "c", "t2")
    store.put(Entry((behind,), entry("c", "s", "u", "a", "v", turns=4).conversation))
    await store.flush()
    await store.close()
    again = open_store(path)
    found = await again.find(keys)
    await again.close()

    (reply,) = found.nodes[keys[2]]
    assert reply.generated
    (first,) = found.nodes[keys[0]]
    assert (reply.parent, first.parent) == (found.nodes[keys[1]][0].id, ROOT)
    assert found.nodes[keys[3]][0].parent == reply.id


async def test_a_conversation_that_goes_on_never_asks_the_file(file_store: SqliteStore) -> None:
    texts = ["s", "u0"]
    for at in range(1, 30):
        texts.append(f"a{at}")
        file_store.put(entry("c", *texts, generated=[len(texts) - 1], turns=at))
        texts.append(f"u{at}")
        await file_store.flush()
        assert len((await file_store.find(chain(*texts))).nodes) == len(texts) - 1

    assert file_store.file_reader.db is None


async def test_after_a_restart_the_file_is_asked_once(path: Path) -> None:
    before = open_store(path)
    before.put(entry("c", "s", "u", "a", generated=[2]))
    await before.close()
    store = open_store(path)
    await is_known(store, "x")
    statements = traced(store)

    for _ in range(3):
        found = await store.find(chain("s", "u", "a", "v"))
        assert len(found.nodes) == 3
        assert set(found.conversations) == {"c"}
    assert len(statements) == 1
    await store.close()


async def test_only_the_unknown_end_is_looked_up(file_store: SqliteStore, path: Path) -> None:
    """Several new messages may have been put by another process."""
    file_store.put(entry("c", "s", "u", "a", generated=[2]))
    await file_store.flush()
    other = open_store(path)
    other.put(entry("c", "s", "u", "a", "v", "b", generated=[2, 4], turns=2))
    await other.close()

    found = await file_store.find(chain("s", "u", "a", "v", "b", "w"))

    assert len(found.nodes) == 5
    assert found.conversations["c"].turns == 2


TWINS = [
    entry("c", "s", "u", "a", generated=[2], bytes_of={2: raw("one")}),
    entry("d", "s", "u", "a", generated=[2], bytes_of={2: raw("two")}),
]


async def twins(store: SqliteStore) -> tuple[list[RawJson], set[str]]:
    """The replies that are known, and the conversations."""
    found = await store.find(chain("s", "u", "a", "v"))
    return [node.raw for node in found.nodes[chain("s", "u", "a")[-1]]], set(found.conversations)


async def test_a_reply_whose_twin_is_only_in_the_file_is_known_beside_it(path: Path) -> None:
    before = open_store(path)
    before.put(TWINS[0])
    await before.close()
    store = open_store(path)
    store.put(TWINS[1])

    assert await twins(store) == ([raw("one"), raw("two")], {"c", "d"})
    await store.flush()
    assert await twins(store) == ([raw("one"), raw("two")], {"c", "d"})
    assert await twins(store) == ([raw("one"), raw("two")], {"c", "d"})
    await store.close()


async def test_the_writer_tells_of_a_twin_in_the_file(path: Path) -> None:
    """So a conversation that goes on need not ask."""
    before = open_store(path)
    before.put(TWINS[0])
    await before.close()
    store = open_store(path)
    store.put(TWINS[1])
    await store.flush()

    here = store.front.find(chain("s", "u", "a")).nodes[chain("s", "u", "a")[-1]]

    assert [node.raw for node in here] == [raw("one"), raw("two")]
    assert all(map(store.front.is_whole, chain("s", "u", "a")))
    await store.close()


async def test_a_turn_that_waits_is_the_newest_of_its_twins(path: Path) -> None:
    store = open_store(path)
    store.put(TWINS[1])
    await store.flush()
    with locked(path):
        store.put(TWINS[0])
        assert await twins(store) == ([raw("two"), raw("one")], {"c", "d"})
    await store.close()


async def test_a_question_that_takes_too_long_ends_in_an_error(file_store: SqliteStore) -> None:
    release = threading.Event()
    started = time.monotonic()
    with pytest.raises(StoreError, match="within"):
        await file_store.reader.ask(lambda: release.wait(10))
    with pytest.raises(StoreError, match="earlier"):
        await file_store.find(chain("x"))
    assert time.monotonic() - started < 2

    release.set()
    for _ in range(1_000):
        try:
            assert not (await file_store.find(chain("x"))).nodes
            break
        except StoreError:
            await asyncio.sleep(0.001)
    else:
        pytest.fail("the reader stays late")


async def test_a_statement_that_takes_too_long_is_interrupted(file_store: SqliteStore) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT count(*) FROM n"
    await is_known(file_store, "x")
    with pytest.raises(StoreError):
        await file_store.reader.ask(
            lambda: file_store.file_reader.run(lambda db: db.execute(endless).fetchall())
        )
    await file_store.close()  # would never end


async def test_the_front_answers_while_the_disk_does_not(file_store: SqliteStore) -> None:
    file_store.put(entry("c", "s", "u"))
    release = threading.Event()
    with pytest.raises(StoreError):
        await file_store.reader.ask(lambda: release.wait(10))

    found = await file_store.find(chain("s", "u", "v", "w"))

    assert len(found.nodes) == 2
    release.set()


async def test_the_front_is_bounded(path: Path) -> None:
    store = open_store(path, front_bytes=200_000)
    for at in range(40):
        store.put(entry(f"c{at}", "s", f"u{at}", bytes_of={1: RawJson(LARGE + b"%d" % at)}))
        await store.flush()
    assert store.front.bytes <= 200_000
    assert len(store.front) < 8

    for at in range(40):
        assert len((await store.find(chain("s", f"u{at}"))).nodes) == 2
    assert store.front.bytes <= 200_000
    await store.close()
    assert store.state().lost == 0


async def test_a_long_conversation_leaves_in_steps(path: Path) -> None:
    store = open_store(path, max_bytes=100_000, front_bytes=0)
    store.put(entry("c", *(f"m{at}" for at in range(STEP_NODES * 2 + 3))))
    await store.flush()
    assert store.state().bytes > 100_000

    store.put(entry("d", "d"))
    await store.flush()

    state = store.state()
    assert (state.conversations, state.messages) == (1, 1)
    await store.close()


async def test_the_file_does_not_grow_with_what_passes_through(path: Path) -> None:
    limit = 1_000_000
    store = open_store(path, max_bytes=limit)
    for at in range(150):
        content = RawJson(LARGE + b"%d" % at)
        store.put(entry(f"c{at}", "s", f"u{at}", bytes_of={1: content}))
        if at % 10 == 0:
            await store.flush()
    await store.close()

    assert store.state().lost == 0
    assert size(path) < 1.5 * limit


async def test_the_counted_size_is_about_the_size_of_the_file(path: Path) -> None:
    store = open_store(path)
    for at in range(60):
        store.put(entry(f"c{at}", *(f"m{at}-{message}" * 8 for message in range(50))))
    await store.close()

    assert store.state().bytes == pytest.approx(size(path), rel=0.25)


async def test_both_stores_agree_on_any_traffic(path: Path) -> None:
    """Random forks, replies and evictions by age, seeded."""
    dice, now = random.Random(7), [0.0]
    stores = (
        SqliteStore(path, 10**9, 30.0, lambda: now[0], front_bytes=0),
        MemoryStore(10**9, 30.0, lambda: now[0]),
    )
    histories: list[list[str]] = [["s"]]
    for turn in range(300):
        now[0] += 1
        texts = dice.choice(histories[-8:])
        texts = [*texts[: dice.randint(1, len(texts))], f"m{dice.randint(0, 40)}"]
        histories.append(texts)
        generated = [len(texts) - 1] if dice.random() < 0.5 else []
        content = {len(texts) - 1: raw(f"r{dice.randint(0, 20)}")}
        put = entry(
            f"c{dice.randint(0, 5 + turn // 10)}", *texts, generated=generated, bytes_of=content
        )
        for store in stores:
            store.put(put)
        await stores[0].flush()
    for texts in histories:
        keys = chain(*texts)
        file, memory = [await store.find(keys) for store in stores]
        assert file == memory
    states = [store.state() for store in stores]
    assert states[0].conversations == states[1].conversations
    assert states[0].messages == states[1].messages
    await stores[0].close()
