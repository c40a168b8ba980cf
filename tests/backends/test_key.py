"""A key goes to its own backend and to nobody else, and a client's own key stays the client's."""

import pytest

from tests.fakes.scripted import ScriptedBackend
from tests.fakes.scripted_replies import json_response
from warmprefix.backends.base import Headers
from warmprefix.backends.client import Asker
from warmprefix.backends.key import BackendKey

URL = "http://127.0.0.1:8080"
OURS = (b"authorization", b"Bearer ours")
ACCEPT = (b"accept", b"*/*")


async def test_it_goes_to_its_own_backend_only() -> None:
    answer = json_response({})
    async with (
        ScriptedBackend(otherwise=answer) as own,
        ScriptedBackend(otherwise=answer) as other,
        Asker(key=BackendKey(own.url, "k")) as client,
    ):
        await client.get(f"{own.url}/props")
        await client.get(f"{other.url}/props")

    assert own.requests[0].header("authorization") == "Bearer k"
    assert other.requests[0].header("authorization") is None


CLIENTS: list[tuple[str, str | None, Headers, Headers]] = [
    ("none-known", None, [ACCEPT], [ACCEPT]),
    ("none-sent", "ours", [ACCEPT], [ACCEPT, OURS]),
    ("own-bearer", "ours", [(b"Authorization", b"Bearer x")], [(b"Authorization", b"Bearer x")]),
    ("own-x-api-key", "ours", [(b"x-api-key", b"x")], [(b"x-api-key", b"x")]),
    ("another-scheme", "ours", [(b"authorization", b"Basic p")], [(b"authorization", b"Basic p")]),
]


@pytest.mark.parametrize(
    ("configured", "headers", "sent"), [c[1:] for c in CLIENTS], ids=[c[0] for c in CLIENTS]
)
def test_a_client_with_a_key_keeps_it(
    configured: str | None, headers: Headers, sent: Headers
) -> None:
    assert BackendKey(URL, configured).for_client(headers) == sent


def asked_with(key: BackendKey) -> str | None:
    found = {name.lower(): value.decode() for name, value in key.for_question(f"{URL}/props")}
    return found.get(b"authorization")


def test_a_key_is_learnt_if_one_is_wanted_and_forgotten_when_it_is_refused() -> None:
    key = BackendKey(URL)
    headers: Headers = [ACCEPT, (b"Authorization", b"Bearer theirs")]

    assert not key.succeeded(headers)
    assert asked_with(key) is None

    key.refused()
    assert not key.succeeded([ACCEPT])
    assert key.succeeded(headers)
    assert asked_with(key) == "Bearer theirs"
    assert key.for_client([ACCEPT]) == [ACCEPT]
    assert "theirs" not in repr(key)

    key.accepted()
    assert not key.succeeded([(b"authorization", b"Bearer another")])
    assert asked_with(key) == "Bearer theirs"

    key.refused()
    assert asked_with(key) is None


def test_nothing_is_learnt_beside_the_key_of_the_settings() -> None:
    key = BackendKey(URL, "ours")
    key.refused()

    assert not key.succeeded([(b"authorization", b"Bearer theirs")])
    assert asked_with(key) == "Bearer ours"
