"""Our own API under hostile parameters: a 4xx that says why, and never a 500 or a stack trace."""

import asyncio
from typing import Any

import pytest

from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Backend, running_proxy
from tests.security.hostile import BODY, CHAT, HANG_S, OK

VALUES = [
    "",
    "0",
    "-1",
    "1001",
    "9" * 5_000,
    "1e3",
    "1.0",
    "NaN",
    "0x10",
    "true",
    "null",
    "[]",
    "%00",
    "%0d%0aX-Evil:%201",
    "%ff%fe",
    "%f0%9f%98%80",
    "%ed%a0%80",
    "%25s%25n%25x",
    "..%2f..%2f..%2fetc%2fpasswd",
    "%27%20OR%201%3D1--",
    "%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
    "%7B%7B7*7%7D%7D",
    "${jndi:ldap://x/a}",
    "a" * 10_000,
    "%u0041",
    "%",
    "%zz",
]
PLACES = {
    "limit": "/warmprefix/api/turns?limit={}",
    "limit-twice": "/warmprefix/api/turns?limit=1&limit={}",
    "conversation": "/warmprefix/api/turns?conversation={}",
    "unknown-parameter": "/warmprefix/api/turns?nothing={}",
    "parameter-name": "/warmprefix/api/turns?{}=1",
    "turn": "/warmprefix/api/turns/{}",
    "page": "/warmprefix/{}",
    "metrics": "/warmprefix/metrics?name[]={}",
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
async def test_a_hostile_parameter_is_refused_or_ignored(
    place: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        asyncio.timeout(HANG_S),
        Backend(otherwise=OK) as backend,
        running_proxy(backend.url) as proxy,
    ):
        await exchange(proxy.url, "POST", CHAT, BODY)
        await proxy.record()
        answers = [await exchange(proxy.url, "GET", place.format(value)) for value in VALUES]

    assert {answer.status for answer in answers} <= {200, 307, 308, 400, 404, 422}
    assert not any(b"<script>" in answer.body for answer in answers if is_page(answer.headers))
    assert not any(answer.header("x-evil") for answer in answers)
    assert not any(b"Traceback" in answer.body for answer in answers)
    assert caplog.text == ""


def is_page(headers: list[tuple[str, str]]) -> bool:
    """Whether a browser would read it as a page."""
    return any(name == "content-type" and value.startswith("text/html") for name, value in headers)


HEADERS: list[list[tuple[str, str]]] = [
    [("Accept", "application/openmetrics-text;version=" + "9" * 1_000)],
    [("Accept", "," * 10_000)],
    [("Accept", "q=;;;=,\xff")],
    [("Accept", "")],
    [("Accept-Encoding", "gzip;q=1e999, *;q=-1")],
    [("If-None-Match", '"' * 1_000)],
    [("If-None-Match", "*")],
    [("Range", "bytes=0-0,1-1" + ",2-2" * 1_000)],
    [("Content-Type", "multipart/form-data; boundary=" + "x" * 1_000)],
    [("Content-Encoding", "gzip")],
    [("Last-Event-ID", "\xff" * 100)],
    [(f"X-{number}", "x") for number in range(400)],
]
PAGES = ["/warmprefix/", "/warmprefix/metrics", "/warmprefix/api/turns", "/warmprefix/openapi.json"]


@pytest.mark.parametrize("page", PAGES)
async def test_a_hostile_header_is_ignored(page: str, caplog: pytest.LogCaptureFixture) -> None:
    async with running_proxy("http://127.0.0.1:1") as proxy:
        answers = [await exchange(proxy.url, "GET", page, None, headers) for headers in HEADERS]

    assert {answer.status for answer in answers} <= {200, 304}
    assert caplog.text == ""


METHODS = ["POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "OPTIONS"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("page", [*PAGES, "/warmprefix/api/events", "/warmprefix/api/turns/x"])
async def test_nothing_can_be_written_or_deleted(page: str, method: str) -> None:
    body: Any = BODY if method in ("POST", "PUT", "PATCH") else None
    async with running_proxy("http://127.0.0.1:1") as proxy:
        answer = await exchange(proxy.url, method, page, body)

    assert answer.status in (400, 405)
