"""What is stored tells who has no key nothing, and cannot be exchanged."""

from dataclasses import replace

import pytest

from tests.fakes.redis_server import RedisServer
from tests.stores.entries import chain, entry, raw
from tests.stores.redis.opened import opened
from warmprefix.core.errors import StoreError
from warmprefix.core.identity.keys import content_key
from warmprefix.core.types import RawJson
from warmprefix.stores.redis.seal import Plain, Sealed


def test_without_a_key_values_stay_as_they_are() -> None:
    assert Plain().closed(b"text", b"name") == Plain().opened(b"text", b"name") == b"text"
    assert Plain().name(b"text") == content_key(b"text")


def test_a_value_opens_under_its_key_and_its_name_alone() -> None:
    seal = Sealed("secret")
    value = seal.closed(b"text", b"name")

    assert seal.opened(value, b"name") == Sealed("secret").opened(value, b"name") == b"text"
    assert seal.closed(b"text", b"name") != value
    for other, stored, name in (
        (Sealed("other"), value, b"name"),
        (seal, value, b"another"),
        (seal, value[:-1] + bytes([value[-1] ^ 1]), b"name"),
        (seal, b"", b"name"),
        (seal, b"text", b"name"),
    ):
        with pytest.raises(StoreError, match="another key"):
            other.opened(stored, name)


def test_names_of_texts_tell_nothing_without_the_key() -> None:
    assert Sealed("secret").name(b"text") == Sealed("secret").name(b"text")
    names = {seal.name(b"text") for seal in (Sealed("secret"), Sealed("other"), Plain())}
    assert len(names) == 3


async def test_texts_are_encrypted_and_found_only_with_the_key(server: RedisServer) -> None:
    secret, wrong = opened(server, key="a secret"), opened(server, key="another")
    put = entry("c", "s", "u", tools=(RawJson(b'"canary-tool"'),), bytes_of={0: raw("canary")})
    put = replace(put, conversation=replace(put.conversation, session="canary-session"))
    secret.put(put)
    await secret.flush()

    assert (await secret.find(chain("s"))).nodes[chain("s")[0]][0].raw == raw("canary")
    assert (await wrong.find(chain("s"))).nodes == {}
    for name in server.command("KEYS", "*"):  # type: ignore[attr-defined]
        dump = server.command("DUMP", name)
        assert b"canary" not in name
        assert isinstance(dump, bytes)
        assert b"canary" not in dump
    await secret.close()
    await wrong.close()
