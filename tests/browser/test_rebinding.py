"""Pages of strangers in a real Chromium: one whose own name leads to the proxy (DNS rebinding), and one of
another site that sends what a browser sends without asking first.

The resolver of this Chromium is told that the stranger's name is this machine. The stranger's page itself comes
from nowhere; all that it asks for goes out for real.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route, async_playwright

from tests.browser.conftest import ARGUMENTS, CHROMIUM, IS_MISSING
from tests.fakes.running_proxy import Backend, running_proxy
from tests.fakes.scripted_replies import json_response
from tests.servers.lemonade import MODELS, LemonadeServer

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

STRANGER = "evil.example"
ALLOWING = [
    f"--host-resolver-rules=MAP {STRANGER} 127.0.0.1",
    # Newer Chromiums ask their user before a site may reach this machine, older ones and other browsers do not.
    "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests",
]
ASK = """async ([url, method, mode]) => {
  const body = method === 'GET' ? undefined : '{"messages":[],"model_name":"tiny-a-F32"}';
  const headers = body ? {'content-type': 'text/plain'} : {};
  try {
    const answer = await fetch(url, {method, mode, headers, body});
    return [answer.status, await answer.text()];
  } catch (error) {
    return [-1, String(error)];
  }
}"""
CONNECT = """url => new Promise(resolve => {
  const socket = new WebSocket(url);
  socket.onopen = () => resolve('open');
  socket.onclose = () => resolve('closed');
})"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def misled() -> AsyncIterator[Browser]:
    """A Chromium to which the stranger's name is this machine."""
    if IS_MISSING:
        pytest.skip(f"{CHROMIUM} is missing (Debian package chromium)")
    async with async_playwright() as playwright:
        arguments = [*ARGUMENTS, *ALLOWING]
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        await browser.close()


@asynccontextmanager
async def page_of_a_stranger(browser: Browser, port: int) -> AsyncIterator[Page]:
    """A page from the stranger's name and this port."""

    async def answer(route: Route) -> None:
        await route.fulfill(status=200, content_type="text/html", body="<p>Hello</p>")

    page = await browser.new_page()
    await page.route("**/trap", answer)
    await page.goto(f"http://{STRANGER}:{port}/trap")
    yield page
    await page.close()


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


REBOUND = [
    ("GET", "/v1/models"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/embeddings"),
    ("GET", "/warmprefix/"),
    ("GET", "/warmprefix/api/turns"),
    ("GET", "/warmprefix/metrics"),
]


async def test_a_name_that_is_bound_to_this_machine_reaches_nothing(misled: Browser) -> None:
    """To the browser it is the page's own site: it would show the page whatever is answered."""
    async with (
        Backend(otherwise=lambda _: json_response({"secret": 1})) as backend,
        running_proxy(backend.url) as proxy,
        page_of_a_stranger(misled, port_of(proxy.url)) as page,
    ):
        answers = [await page.evaluate(ASK, [path, method, "cors"]) for method, path in REBOUND]
        websocket = await page.evaluate(CONNECT, f"ws://{STRANGER}:{port_of(proxy.url)}/realtime")

    assert [status for status, _ in answers] == [421] * len(REBOUND), answers
    assert "secret" not in str(answers)
    assert websocket == "closed"
    assert backend.requests == []


async def test_a_stranger_who_is_trusted_reaches_all_of_it(misled: Browser) -> None:
    """So what stops the others is the proxy, not this browser."""
    async with (
        Backend(otherwise=lambda _: json_response({"secret": 1})) as backend,
        running_proxy(backend.url, server={"allowed_hosts": [STRANGER]}) as proxy,
        page_of_a_stranger(misled, port_of(proxy.url)) as page,
    ):
        answers = [await page.evaluate(ASK, [path, method, "cors"]) for method, path in REBOUND]
        async with page_of_a_stranger(misled, 1025) as elsewhere:
            await elsewhere.evaluate(ASK, [f"{proxy.url}/api/v1/delete", "POST", "no-cors"])

    assert [status for status, _ in answers] == [200] * len(REBOUND), answers
    assert "/api/v1/delete" in [request.target for request in backend.requests]


async def test_a_page_of_another_site_changes_nothing(misled: Browser) -> None:
    """It may send a text anywhere without asking, and is not shown the answer."""
    async with (
        Backend(otherwise=lambda _: json_response({})) as backend,
        running_proxy(backend.url) as proxy,
        page_of_a_stranger(misled, 1025) as page,
    ):
        for path in ("/v1/chat/completions", "/api/v1/delete", "/internal/shutdown"):
            await page.evaluate(ASK, [f"{proxy.url}{path}", "POST", "no-cors"])
        seen = await page.evaluate(ASK, [f"{proxy.url}/v1/models", "POST", "cors"])

    assert seen[0] == -1
    assert backend.requests == []


@pytest.mark.backend
async def test_a_real_lemonade_keeps_its_models(
    misled: Browser, start_lemonade: Callable[..., LemonadeServer]
) -> None:
    server = start_lemonade()
    async with (
        running_proxy(server.url, backend={"kind": "auto"}) as proxy,
        page_of_a_stranger(misled, 1025) as page,
    ):
        for path in ("/api/v1/delete", "/api/v1/unload", "/internal/shutdown"):
            await page.evaluate(ASK, [f"{proxy.url}{path}", "POST", "no-cors"])

    models = [model["id"] for model in server.get("/api/v1/models")["data"]]
    assert set(MODELS) <= set(models)
