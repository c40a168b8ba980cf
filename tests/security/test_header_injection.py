"""No line of a head is ever written by somebody else: not towards the backend, not towards the client."""

from dataclasses import dataclass

import pytest

from tests.fakes.scripted import Cut, Send, Step
from tests.fakes.scripted_http import Request
from tests.security.hostile import BODY, CHAT, OK, OTHER, Seen, deliver, post

LENGTH = b"Content-Length: %d" % len(BODY)
PATHS = pytest.mark.parametrize("path", [CHAT, OTHER], ids=["chat", "passthrough"])


async def only(path: str, *lines: bytes) -> Request:
    """The one request that the backend gets of one with these header lines."""
    seen = await deliver(post(path, *lines, LENGTH, body=BODY))
    (request,) = seen.requests
    assert (request.body, seen.malformed, seen.statuses) == (BODY, [], [200])
    return request


TARGETS = [
    "{}%0d%0aX-Evil:%201",
    "{}%0D%0A%0D%0AGET%20/hidden",
    "{}?a=%0d%0aX-Evil:1",
    "{}?a=b%00c",
    "{}%e5%98%8a%e5%98%8dX-Evil:1",
    "{}%c0%8d%c0%8aX-Evil:1",
    "{}?%250d%250aX-Evil:1",
    "{};X-Evil=1",
]


@PATHS
@pytest.mark.parametrize("target", TARGETS)
async def test_an_encoded_line_end_in_a_target_stays_encoded(target: str, path: str) -> None:
    request = await only(target.format(path))

    assert request.target == target.format(path)
    assert request.header("x-evil") is None


VALUES = [
    b"1%0d%0aX-Evil: 1",
    b"1\\r\\nX-Evil: 1",
    "1嘊嘍X-Evil: 1".encode(),
    "1\u2028X-Evil: 1".encode(),
    "1\u0085X-Evil: 1".encode(),
    b"1\x85X-Evil: 1",
    b"1\xc4\x8a\xc4\x8dX-Evil: 1",
    b"\xff\xfe",
    b"a: b: c",
    b"x" * 20_000,
]


@PATHS
@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
async def test_what_looks_like_a_line_end_in_a_value_is_none(value: bytes, path: str) -> None:
    request = await only(path, b"X-Given: " + value)

    assert request.header("x-evil") is None
    assert len([name for name, _ in request.headers if name.lower() == "x-given"]) == 1


@dataclass(frozen=True)
class Hop:
    """Header lines of the client's own connection, and the names that must not go on."""

    id: str
    lines: tuple[bytes, ...]
    gone: tuple[str, ...]


HOPS = [
    Hop(
        "authorization-of-a-proxy", (b"Proxy-Authorization: Basic eA==",), ("proxy-authorization",)
    ),
    Hop("te", (b"TE: trailers, deflate",), ("te",)),
    Hop("named", (b"Connection: X-A", b"X-A: 1"), ("x-a",)),
    Hop(
        "named-in-a-list",
        (b"Connection: keep-alive ,X-A,, X-B", b"X-A: 1", b"X-B: 2"),
        ("x-a", "x-b"),
    ),
    Hop(
        "named-twice",
        (b"Connection: X-A", b"Connection: X-B", b"X-A: 1", b"X-B: 2"),
        ("x-a", "x-b"),
    ),
    Hop("named-in-other-case", (b"Connection: x-SECRET", b"X-Secret: 1"), ("x-secret",)),
    Hop("named-behind-a-tab", (b"Connection:\tx-a\t", b"X-A: 1"), ("x-a",)),
    Hop("keep-alive", (b"Keep-Alive: timeout=9",), ("keep-alive",)),
    Hop("trailer", (b"Trailer: X-End",), ("trailer",)),
    Hop("proxy-connection", (b"Proxy-Connection: keep-alive",), ("proxy-connection",)),
    Hop("expect", (b"Expect: 100-continue",), ("expect",)),
]


@PATHS
@pytest.mark.parametrize("hop", HOPS, ids=lambda hop: hop.id)
async def test_what_belongs_to_one_connection_stays_there(hop: Hop, path: str) -> None:
    names = {name.lower() for name, _ in (await only(path, *hop.lines)).headers}

    assert names.isdisjoint(hop.gone)


@PATHS
@pytest.mark.parametrize("name", [b"Content-Length", b"Host"])
async def test_framing_named_as_a_hop_is_still_there(name: bytes, path: str) -> None:
    """A client must not make the proxy drop what tells where its own request ends."""
    request = await only(path, b"Connection: " + name)

    assert request.header(name.decode()) is not None


HEAD = b"HTTP/1.1 200 OK\r\n"
ANSWERS = {
    "bare-cr": HEAD + b"X-A: 1\rX-Evil: 1\r\nContent-Length: 2\r\n\r\n{}",
    "bare-lf": HEAD + b"X-A: 1\nX-Evil: 1\r\nContent-Length: 2\r\n\r\n{}",
    "nul": HEAD + b"X-A: 1\0\r\nContent-Length: 2\r\n\r\n{}",
    "folded": HEAD + b"X-A: 1\r\n X-Evil: 1\r\nContent-Length: 2\r\n\r\n{}",
    "name-with-blank": HEAD + b"X A: 1\r\nContent-Length: 2\r\n\r\n{}",
    "no-colon": HEAD + b"X-A\r\nContent-Length: 2\r\n\r\n{}",
    "reason-with-cr": b"HTTP/1.1 200 O\rX-Evil: 1\r\nContent-Length: 2\r\n\r\n{}",
    "status-of-four-digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\n{}",
    "status-negative": b"HTTP/1.1 -20 OK\r\nContent-Length: 2\r\n\r\n{}",
    "two-lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 9\r\n\r\n{}XXXXXXX",
    "length-negative": HEAD + b"Content-Length: -1\r\n\r\n{}",
    "length-and-chunked": HEAD
    + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "chunk-size-broken": HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n",
    "chunk-trailer": HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Evil: 1\r\n\r\n",
    "a-second-answer": HEAD + b"Content-Length: 2\r\n\r\n{}" + HEAD + b"X-Evil: 1\r\n\r\n",
    "no-http": b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
    "only-interim": b"HTTP/1.1 103 Early Hints\r\nX-Evil: 1\r\n\r\n",
    "switches-protocols": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n"
    b"Connection: upgrade\r\n\r\nX-Evil: 1",
    "endless-header": HEAD + b"X-A: " + b"a" * 200_000 + b"\r\nContent-Length: 2\r\n\r\n{}",
    "hop-by-hop": HEAD + b"Connection: X-Evil\r\nX-Evil: 1\r\nContent-Length: 2\r\n\r\n{}",
}


def head_of(seen: Seen) -> bytes:
    """The head of the only answer."""
    head, _, _ = seen.received.partition(b"\r\n\r\n")
    return head


@PATHS
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_a_hostile_answer_adds_no_line_to_ours(answer: bytes, path: str) -> None:
    """It is cleaned, or answered by an error of ours, or cut; and never waited for without end."""
    request = post(path, LENGTH, body=BODY)
    seen = await deliver(request, answer=[Send(answer), Cut()])
    lines = head_of(seen).split(b"\r\n")

    assert len(seen.statuses) <= 1
    # A line feed alone ends a line for lenient readers; then it is one here, and spelled as one.
    evil = [line for line in lines if line.lower().startswith(b"x-evil")]
    assert evil == ([b"X-Evil: 1"] if answer is ANSWERS["bare-lf"] else [])
    assert not any(mark in line for line in lines for mark in (b"\r", b"\n", b"\0"))


@PATHS
async def test_the_connection_is_usable_after_a_hostile_answer(path: str) -> None:
    """What a backend sends beyond its answer is not the answer to the next request."""
    scripts: list[list[Step]] = [[Send(ANSWERS["a-second-answer"])], OK]
    request = post(path, LENGTH, body=BODY)
    seen = await deliver(request + request, answer=lambda _: scripts.pop(0))

    assert seen.statuses == [200, 200]
    assert b"X-Evil" not in seen.received
    assert seen.received.count(b"fine") == 1
