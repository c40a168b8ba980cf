"""What was written is found again, byte for byte."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace

import pytest

from tests.stores.entries import chain, entry, raw
from warmprefix.core.errors import StoreError
from warmprefix.core.memory.ledger import NOTHING
from warmprefix.core.types import RawJson
from warmprefix.stores.sqlite.read import alike, find, pack_options, pack_tools
from warmprefix.stores.sqlite.schema import migrate
from warmprefix.stores.sqlite.write import write_entry


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        migrate(made)
        yield made


def test_a_turn_is_found_as_it_was_put(db: sqlite3.Connection) -> None:
    put = entry("a", "s", "q", "r", generated=(2,), tools=(RawJson(b'{"n":1.50}'),), turns=4)
    last = replace(put.conversation, backend="b", session="x", options={"o": RawJson(b"[1.0]")})
    write_entry(db, replace(put, conversation=last), 1.0)
    found = find(db, chain("s", "q", "r"))

    assert found.conversations == {"a": last}
    assert [node for alike in found.nodes.values() for node in alike] == list(put.nodes)


def test_only_what_was_asked_for_is_found(db: sqlite3.Connection) -> None:
    write_entry(db, entry("a", "s", "q"), 1.0)
    write_entry(db, entry("b", "x", "y"), 1.0)
    found = find(db, chain("s", "other"))

    assert list(found.nodes) == chain("s")
    assert list(found.conversations) == ["a"]


def test_the_order_of_the_keys_and_their_number_do_not_matter(db: sqlite3.Connection) -> None:
    texts = [str(number) for number in range(1500)]
    write_entry(db, entry("a", *texts), 1.0)
    keys = chain(*texts)

    assert find(db, keys) == find(db, keys[::-1])
    assert len(find(db, keys).nodes) == 1500


def test_nothing_is_known_of_no_history(db: sqlite3.Connection) -> None:
    assert find(db, []) == NOTHING
    assert find(db, chain("q")).nodes == {}


def test_a_key_of_another_length_is_an_error(db: sqlite3.Connection) -> None:
    with pytest.raises(StoreError, match="length"):
        find(db, [b"short"])


def test_twins_come_oldest_first(db: sqlite3.Connection) -> None:
    for text in "zay":
        write_entry(db, entry("a", "q", "r", bytes_of={1: raw(text)}), 1.0)
    keys = chain("q", "r")
    twins = find(db, keys).nodes[keys[1]]

    assert [node.raw for node in twins] == [raw(text) for text in "zay"]
    assert alike(db, keys[1]) == twins
    assert alike(db, chain("other")[0]) == ()


BYTES = [b"{}", b'"\xff\x00\xc3"', '"é\u2028"'.encode(), b'{"a": 1e400}', b""]


@pytest.mark.parametrize("content", BYTES)
def test_any_bytes_of_tools_and_options_come_back(db: sqlite3.Connection, content: bytes) -> None:
    value = RawJson(content)
    put = entry("a", "q", tools=(value, RawJson(b"1")))
    options: Mapping[str, RawJson] = {"z": value, "a": RawJson(b"2")}
    write_entry(db, replace(put, conversation=replace(put.conversation, options=options)), 1.0)
    found = find(db, chain("q")).conversations["a"]

    assert found.tools == (value, RawJson(b"1"))
    assert list(found.options.items()) == list(options.items())


def test_what_is_packed_tells_values_apart() -> None:
    packed = [
        pack_tools(()),
        pack_tools((RawJson(b"a"), RawJson(b"b"))),
        pack_tools((RawJson(b"ab"),)),
    ]

    assert len(set(packed)) == 3
    assert pack_options({"a": RawJson(b"1"), "b": RawJson(b"2")}) != pack_options(
        {"b": RawJson(b"2"), "a": RawJson(b"1")}
    )
