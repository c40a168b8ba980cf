"""Takes the picture of the README: `python -m tests.browser.picture` writes docs/dashboard.png.

An afternoon of three clients through the real proxy, in front of a server that counts as a real one would.
The texts are ours, and the clock is set, so that the picture is the same each time.
"""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

from playwright.async_api import Browser, ViewportSize, async_playwright, expect

from tests.browser.caching import CachingDouble
from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.browser.scenes import HERMES, OPENCODE, ask
from tests.builders import assistant, system, user
from tests.fakes.running_proxy import Json, RunningProxy, running_proxy

PICTURE = Path(__file__).parents[2] / "docs" / "dashboard.png"
MODEL = "/models/Qwen3-Coder-30B-A3B-Instruct-Q4_K_M.gguf"
SIZE: ViewportSize = {"width": 1280, "height": 1180}
BEGIN = datetime(2026, 11, 24, 14, 3, tzinfo=UTC)
SDK = [("User-Agent", "OpenAI/JS 6.26.0")]


@dataclass
class Clock:
    """The time of day; `later` moves it on."""

    now_s: float = BEGIN.timestamp()

    def later(self, seconds: float) -> None:
        self.now_s += seconds

    @contextmanager
    def set(self) -> Iterator[None]:
        """The proxy reads this clock."""
        with patch("time.time", lambda: self.now_s):
            yield


@dataclass
class Person:
    """Somebody at work with one client. `reloads`: the client writes its history anew every other time."""

    proxy: RunningProxy
    backend: CachingDouble
    clock: Clock
    system: str
    headers: Iterable[tuple[str, str]] = ()
    reloads: bool = False
    messages: list[Json] = field(default_factory=list)

    async def say(self, text: str, reply: str, wait_s: float = 40) -> None:
        """A question and its answer. A history that is written anew has blanks around the first reply."""
        self.clock.later(wait_s)
        self.messages.append(user(text))
        self.backend.replies.append(reply)
        history = [dict(message) for message in self.messages]
        if self.reloads and len(history) % 4 == 1 < len(history):
            history[1]["content"] = f"\n{history[1]['content']} "
        await ask(self.proxy, {"messages": [system(self.system), *history]}, self.headers)
        self.messages.append(assistant(reply))
        self.clock.later(len(reply) / 90)


def pages(what: str, lines: int) -> str:
    """A long text, as a tool would show a file."""
    return "\n".join(f"{number:4} {what} {number * 7919 % 1000:03}" for number in range(lines))


async def afternoon(proxy: RunningProxy, backend: CachingDouble, clock: Clock) -> None:
    """What the picture shows."""
    rules = "You are an agent that works in a repository. " + pages(
        "Rule: test what is changed,", 500
    )
    builder = Person(proxy, backend, clock, rules, OPENCODE, reloads=True)
    await builder.say("Why does the nightly build fail on arm64?", "I look at the log first. " * 9)
    for number in range(6):
        await builder.say(
            pages(f"log {number}: linking object", 420), f"Step {number} is done. " * 8, 25
        )
    planner = Person(
        proxy, backend, clock, "You plan gardens. " + pages("Plant", 90), SDK, reloads=True
    )
    await planner.say("What can I sow in March?", "Peas, spinach, radishes. " * 12, 200)
    await planner.say(pages("bed", 140), "Bed 3 gets too little sun. " * 10)
    await planner.say("Where do the tomatoes go?", "Along the south wall. " * 10)
    hermes = HERMES + pages("Skill: read before you write,", 900)
    writer = Person(
        proxy,
        backend,
        clock,
        hermes.format(clock="Tuesday, November 24, 2026 02:11 PM"),
        reloads=True,
    )
    await writer.say("Write the release notes for 2.3.", "Which changes are in it? " * 6, 120)
    await writer.say(pages("commit", 350), "Here is a first draft. " * 30)
    await writer.say("Shorter, please.", "Done. " * 20)
    for number in range(6, 10):
        await builder.say(
            pages(f"log {number}: linking object", 420), f"Step {number} is done. " * 8, 25
        )
    writer.system = hermes.format(clock="Tuesday, November 24, 2026 02:48 PM")
    await writer.say("And in German?", "Fertig. " * 20, 1500)
    await writer.say("Thank you. Now a line for the website.", "Faster, and smaller. " * 3)


async def take(browser: Browser, picture: Path) -> None:
    """Write the picture."""
    clock = Clock()
    with clock.set():
        async with (
            CachingDouble(4, MODEL) as backend,
            running_proxy(backend.url, log={"excerpts": True}, prewarm={"mode": "off"}) as proxy,
        ):
            await proxy.ready()
            await afternoon(proxy, backend, clock)
            await proxy.records()
            context = await browser.new_context(
                viewport=SIZE, color_scheme="light", timezone_id="UTC"
            )
            page = await context.new_page()
            await page.clock.set_fixed_time(datetime.fromtimestamp(clock.now_s, UTC))
            await page.goto(f"{proxy.url}/warmprefix/")
            await expect(page.locator("#backend")).to_have_text("Backend answers")
            await expect(page.locator("#list .turn.broken")).to_be_visible()
            await page.screenshot(path=picture, animations="disabled")
            await context.close()


async def main() -> None:
    """Start a browser for it."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        await take(browser, PICTURE)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
