"""A real Chromium, started once a module, and a fresh profile for each page."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright

CHROMIUM = Path("/usr/bin/chromium")
IS_MISSING = not CHROMIUM.exists()
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
Scheme = Literal["light", "dark"]


class Opened:
    """A page with what it asked for and what it complained about.

    `trouble`: words of complaints that are part of the test, such as a status of 401.
    """

    def __init__(self, page: Page, origin: str, trouble: str | None) -> None:
        self.page = page
        self.origin = origin
        self.trouble = trouble
        self.asked: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("console", self.heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def heard(self, message: ConsoleMessage) -> None:
        """A line on the console: ours is quiet."""
        if self.trouble is None or self.trouble not in message.text:
            self.complaints.append(message.text)

    def check(self) -> None:
        """Nothing went elsewhere, and nobody complained."""
        assert self.complaints == []
        assert [url for url in self.asked if not url.startswith(f"{self.origin}/warmprefix")] == []


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    """The browser."""
    if IS_MISSING:
        pytest.skip(f"{CHROMIUM} is missing (Debian package chromium)")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        await browser.close()


OpenPage = Callable[..., Any]


@pytest.fixture
def open_page(chromium: Browser) -> OpenPage:
    """A function that opens the dashboard of a proxy, as a context manager of its `Page`."""

    @asynccontextmanager
    async def opened(
        origin: str,
        *,
        width: int = 1280,
        scheme: Scheme = "light",
        trouble: str | None = None,
        **options: Any,
    ) -> AsyncIterator[Page]:
        context = await chromium.new_context(
            viewport={"width": width, "height": 844}, color_scheme=scheme, **options
        )
        page = await context.new_page()
        page.set_default_timeout(10_000)
        watched = Opened(page, origin, trouble)
        await page.goto(f"{origin}/warmprefix/")
        yield page
        await context.close()
        watched.check()

    return opened
