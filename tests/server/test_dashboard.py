"""How the dashboard is served; what it does is in tests/browser."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.raw_client import Answer, exchange, raw_client, request_bytes
from tests.fakes.running_proxy import Backend, running_proxy
from warmprefix.core.explain.words import CAUSES, SIDES
from warmprefix.server import dashboard

NO_BACKEND = "http://127.0.0.1:1"
PAGE = "/warmprefix/"
FOLDER = Path(dashboard.__file__).parent
FILES = sorted(path for path in FOLDER.iterdir() if path.suffix in (".css", ".html", ".js", ".svg"))
BODIES = {file: file.read_bytes() for file in FILES}
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def served_at(file: Path) -> str:
    """The path under which a file of the dashboard is found."""
    return PAGE if file.name == "index.html" else f"{PAGE}dashboard/{file.name}"


async def get(target: str, headers: list[tuple[str, str]] | None = None) -> Answer:
    """What a proxy without a backend answers."""
    async with running_proxy(NO_BACKEND) as proxy:
        return await exchange(proxy.url, "GET", target, headers=headers or [])


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
async def test_every_file_is_served_as_it_is(file: Path) -> None:
    answer = await get(served_at(file))

    assert answer.status == 200
    assert answer.body == BODIES[file]
    assert answer.header("content-type") == TYPES[file.suffix]
    assert answer.header("x-content-type-options") == "nosniff"


async def test_causes_have_the_words_of_the_command_line() -> None:
    answer = await get(dashboard.WORDS)

    assert answer.header("content-type") == TYPES[".js"]
    assert CAUSES["evicted"].encode() in answer.body
    assert SIDES["proxy"].encode() in answer.body


async def test_the_page_opens_without_its_last_slash_too() -> None:
    """The address is relative, so that it holds behind another proxy's prefix."""
    answer = await get("/warmprefix")

    assert (answer.status, answer.header("location")) == (308, "warmprefix/")


async def test_nothing_but_our_own_files_may_be_loaded_or_asked() -> None:
    policy = (await get(PAGE)).header("content-security-policy") or ""
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))

    assert rules.pop("require-trusted-types-for") == "'script'"
    assert rules.pop("trusted-types") == "'none'"
    assert rules.pop("default-src") == "'none'"
    assert {rule: value for rule, value in rules.items() if value != "'none'"} == {
        f"{kind}-src": "'self'" for kind in ("script", "style", "img", "connect")
    }


async def test_a_file_is_asked_for_again_and_not_sent_again() -> None:
    """Another version of the proxy is another page, without a stale part of the old one."""
    first = await get(PAGE)
    etag = first.header("etag") or ""
    again = await get(PAGE, [("If-None-Match", etag)])
    other = await get(PAGE, [("If-None-Match", '"another"')])

    assert first.header("cache-control") == "no-cache"
    assert (again.status, again.body, again.header("etag")) == (304, b"", etag)
    assert (other.status, other.body) == (200, first.body)


@pytest.mark.parametrize("target", ["api/turns", "api/conversations", "health"])
async def test_what_it_shows_is_not_kept_by_a_browser(target: str) -> None:
    assert (await get(PAGE + target)).header("cache-control") == "no-store"


async def test_what_is_not_a_file_of_it_is_not_served() -> None:
    for name in ("__init__.py", "..%2f__init__.py", "../api.py", "nothing.js"):
        assert (await get(f"{PAGE}dashboard/{name}")).status == 404


async def test_it_opens_under_the_names_of_this_machine_only() -> None:
    async with running_proxy(NO_BACKEND) as proxy, raw_client(proxy.url) as client:
        await client.send(request_bytes("GET", PAGE, host="evil.example"))
        answer = await client.answer()

    assert answer.status == 421


async def test_the_page_needs_no_key_and_what_it_asks_for_does() -> None:
    """It holds nothing of anybody, and asks for the key itself."""
    async with Backend() as backend, running_proxy(backend.url, server={"api_key": "k"}) as proxy:
        files = [await exchange(proxy.url, "GET", served_at(file)) for file in FILES]
        slashless = await exchange(proxy.url, "GET", "/warmprefix")
        asked = [
            await exchange(proxy.url, "GET", f"{PAGE}api/{name}")
            for name in ("turns", "turns/t", "conversations", "events")
        ]
        beside = await exchange(proxy.url, "GET", f"{PAGE}dashboard/nothing.js")

    assert {answer.status for answer in files} == {200}
    assert slashless.status == 308
    assert {answer.status for answer in asked} == {401}
    assert beside.status == 401
    assert backend.requests == []


def addresses() -> Iterator[tuple[str, str]]:
    """Whatever looks like an address of another machine in the files."""
    allowed = {"http://www.w3.org/2000/svg", "http://127.0.0.1:8080"}  # a name; an example
    for file in FILES:
        for found in re.findall(r"""(?:https?:)?//[\w.-]+[^\s"'<`]*""", file.read_text("utf-8")):
            if found not in allowed and ":" in found:
                yield file.name, found


def test_no_file_names_another_machine() -> None:
    assert list(addresses()) == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_file_makes_markup_of_text(file: Path) -> None:
    sinks = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|new Function"
    )

    assert not sinks.search(file.read_text("utf-8"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_keeps_to_the_budget(file: Path) -> None:
    assert len(file.read_text("utf-8").splitlines()) <= 400
