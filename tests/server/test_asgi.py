"""A request's target and headers, and an answer of our own."""

import pytest

from warmprefix.server.asgi import AsgiMessage, Scope, answer, first_values, header, target_of

TARGETS: list[tuple[str, Scope, bytes]] = [
    ("path", {"raw_path": b"/a", "path": "/a"}, b"/a"),
    ("query", {"raw_path": b"/a", "path": "/a", "query_string": b"b=%20&c"}, b"/a?b=%20&c"),
    ("as-spelled", {"raw_path": b"/a%2Fb", "path": "/a/b"}, b"/a%2Fb"),
    ("no-raw-path", {"raw_path": None, "path": "/é"}, "/é".encode()),
    ("empty-query", {"raw_path": b"/a", "path": "/a", "query_string": b""}, b"/a"),
]


@pytest.mark.parametrize(
    ("scope", "target"), [row[1:] for row in TARGETS], ids=[row[0] for row in TARGETS]
)
def test_a_target_is_what_the_client_wrote(scope: Scope, target: bytes) -> None:
    assert target_of(scope) == target


def test_the_first_header_of_a_name_counts() -> None:
    scope: Scope = {"headers": [(b"a", b"1"), (b"b", b"2"), (b"b", b"3")]}

    assert [header(scope, name) for name in (b"a", b"b", b"c")] == [b"1", b"2", None]
    assert first_values(scope) == {b"a": b"1", b"b": b"2"}


async def test_an_answer_has_its_length() -> None:
    sent: list[AsgiMessage] = []

    async def send(message: AsgiMessage) -> None:
        sent.append(message)

    await answer(send, 418, [(b"x", b"y")], "é".encode())

    assert sent == [
        {
            "type": "http.response.start",
            "status": 418,
            "headers": [(b"x", b"y"), (b"content-length", b"2")],
        },
        {"type": "http.response.body", "body": "é".encode()},
    ]
