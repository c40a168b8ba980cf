"""Who may ask: the key, and the names of this machine."""

import inspect

import pytest

from warmprefix.config import ServerConfig
from warmprefix.server import access
from warmprefix.server.access import has_key, is_own_host


def asked(**headers: str) -> dict[str, object]:
    """The scope of a request with these headers."""
    return {"headers": [(name.encode(), value.encode()) for name, value in headers.items()]}


KEYS = [
    ("k", "Bearer k", True),
    ("k", "bearer k", True),
    ("k", "BEARER  k ", True),
    ("k", "Bearer kk", False),
    ("k", "Bearer", False),
    ("k", "Basic k", False),
    ("k", "k", False),
    ("k", "", False),
    (None, "", True),
    ("", "Bearer whatever", True),
]


@pytest.mark.parametrize(("wanted", "given", "allowed"), KEYS)
def test_a_key_is_the_right_one_or_not(wanted: str | None, given: str, allowed: bool) -> None:
    assert has_key(asked(authorization=given), wanted) is allowed


def test_a_request_without_the_header_has_no_key() -> None:
    assert not has_key(asked(), "k")


def test_the_first_of_two_keys_counts() -> None:
    scope = {"headers": [(b"authorization", b"Bearer no"), (b"authorization", b"Bearer k")]}

    assert not has_key(scope, "k")


OTHER_KEYS = [("k", "", True), (" k ", "", True), ("kk", "", False), ("Bearer k", "", False),
              ("no", "Bearer k", True), ("k", "Bearer no", True), ("no", "Bearer no", False)]  # fmt: skip


@pytest.mark.parametrize(("given", "bearer", "allowed"), OTHER_KEYS)
def test_a_key_may_come_as_anthropics_clients_send_it(
    given: str, bearer: str, allowed: bool
) -> None:
    assert (
        has_key(
            {"headers": [(b"x-api-key", given.encode()), (b"authorization", bearer.encode())]}, "k"
        )
        is allowed
    )


def test_keys_are_compared_in_constant_time() -> None:
    """The time it takes must not tell how much of a guess was right."""
    source = inspect.getsource(access.has_key)

    assert "hmac.compare_digest(" in source
    assert "==" not in source.replace('== b"bearer"', "")


@pytest.mark.parametrize(
    ("host", "configured", "own"),
    [
        ("localhost", "127.0.0.1", True),
        ("localhost:1", "127.0.0.1", True),
        ("[::1]:1", "127.0.0.1", True),
        ("192.168.1.7:8484", "192.168.1.7", True),
        ("192.168.1.8:8484", "192.168.1.7", False),
        ("BOX", "box", True),
        ("localhost:evil", "127.0.0.1", False),
        ("", "127.0.0.1", False),
    ],
)
def test_a_host_is_ours_or_not(host: str, configured: str, own: bool) -> None:
    assert is_own_host(asked(host=host), ServerConfig(host=configured)) is own
