"""The dashboard in a real browser, in front of a real proxy with a scripted backend.

Every page that is opened also proves that it asked nobody but its proxy and that its console was quiet.
"""

import re
from functools import partial
from pathlib import Path

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.conftest import OpenPage, Scheme
from tests.browser.scenes import (
    Talk,
    ask,
    broken_talk,
    busy_day,
    counted,
    mended_talk,
    side_request,
)
from tests.fakes.running_proxy import Backend, RunningProxy, config_for, running_proxy
from tests.fakes.scripted_replies import chat_reply, json_response

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

SHOTS = Path(__file__).parents[2] / "screenshots"
NO_BACKEND = "http://127.0.0.1:1"
WITH_TEXT = {"excerpts": True}


async def open_break(page: Page) -> None:
    """Click the newest turn that broke."""
    await page.locator(".turn.broken").last.click()
    await expect(page.locator("#details")).to_be_visible()


async def test_an_empty_page_says_what_to_do(open_page: OpenPage) -> None:
    async with (
        Backend() as backend,
        running_proxy(backend.url) as proxy,
        open_page(proxy.url) as page,
    ):
        await expect(page.locator("#link")).to_have_text("Live")
        lines = page.locator(".copyable code")

        await expect(lines.nth(0)).to_have_text("warmprefix connect")
        await expect(lines.nth(1)).to_have_text(f"export OPENAI_BASE_URL={proxy.url}/v1")
        await expect(lines.nth(2)).to_contain_text(f"curl -N {proxy.url}/v1/chat/completions ")
        await expect(page.locator("#headline")).to_be_hidden()
        await expect(page.locator("#conversations")).to_be_hidden()


async def test_a_turn_appears_as_it_ends(open_page: OpenPage) -> None:
    async with (
        Backend() as backend,
        running_proxy(backend.url) as proxy,
        open_page(proxy.url) as page,
    ):
        await expect(page.get_by_text("No turn yet")).to_be_visible()
        talk = Talk(proxy, backend)
        await talk.say("a", 300, 0)
        await expect(page.locator(".turn")).to_have_count(1)
        await talk.say("b", 100, 300)
        await expect(page.locator(".turn")).to_have_count(2)

        await expect(page.locator(".card")).to_have_count(1)
        await expect(page.get_by_text("No turn yet")).to_be_hidden()
        await expect(page.locator("#ratio")).to_have_text("42.8%")
        await expect(page.locator("#ratio-note")).to_contain_text("of 700 prompt tokens")
        await expect(page.locator("#processed")).to_have_text("400")


async def test_turns_from_before_are_there(open_page: OpenPage) -> None:
    """The conversation with the newest turn comes first, its turns in their order."""
    async with Backend() as backend, running_proxy(backend.url) as proxy:
        one, two = Talk(proxy, backend, "One."), Talk(proxy, backend, "Two.")
        await one.say("a", 100, 0)
        await two.say("b", 200, 0)
        await one.say("c", 10, 100)
        async with open_page(proxy.url) as page:
            shares = page.locator(".card").nth(0).locator(".share")

            await expect(shares).to_have_text(["0%", "90%"])
            await expect(page.locator(".card").nth(1).locator(".turn")).to_have_count(1)


async def test_a_bar_is_scaled_and_split(open_page: OpenPage) -> None:
    async with Backend() as backend, running_proxy(backend.url) as proxy:
        talk = Talk(proxy, backend)
        await talk.say("a", 1000, 0)
        await talk.say("b", 500, 1500)
        async with open_page(proxy.url) as page:
            heights = [
                await page.locator(".stack")
                .nth(at)
                .evaluate("e => e.getBoundingClientRect().height")
                for at in (0, 1)
            ]
            parts = [
                await page.locator(f".turn >> nth=1 >> .stack .{name}").evaluate(
                    "e => e.getBoundingClientRect().height"
                )
                for name in ("cached", "processed")
            ]

    assert heights == [36, 72]
    assert parts == pytest.approx([54, 18], abs=1)


async def test_a_click_shows_a_break_with_its_text(open_page: OpenPage) -> None:
    async with Backend() as backend, running_proxy(backend.url, log=WITH_TEXT) as proxy:
        await broken_talk(proxy, backend)
        record = (await proxy.records())[-1]
        async with open_page(proxy.url) as page:
            await open_break(page)
            panel = page.locator("#details")

            await expect(panel).to_contain_text("messages[0].content")
            await expect(panel).to_contain_text(f"Cache break: {record['break']['cause']}")
            await expect(panel).to_contain_text("8,343 tokens, 8.3 s")
            await expect(panel.locator("del")).to_have_text("04")
            await expect(panel.locator("ins")).to_have_text("05")
            hint = record["break"]["hint"]
            copies = panel.locator(".break .copyable code")
            await expect(copies).to_have_text([hint["command"], hint["paste"]])
            await expect(panel).to_contain_text(hint["text"][1:])
            await expect(panel).to_contain_text(record["turn"])
            await expect(panel).to_contain_text(record["parent"])
            await expect(panel).to_contain_text(record["conversation"])
            await expect(panel).to_contain_text("/v1/chat/completions")


async def test_a_hint_is_copied(open_page: OpenPage) -> None:
    async with Backend() as backend, running_proxy(backend.url) as proxy:
        await broken_talk(proxy, backend)
        hint = (await proxy.records())[-1]["break"]["hint"]["paste"]
        allowed = ["clipboard-read", "clipboard-write"]
        async with open_page(proxy.url, permissions=allowed) as page:
            await open_break(page)
            await page.get_by_role("button", name="Copy the hint").click()
            await expect(page.locator(".break .copy").nth(1)).to_have_text("Copied")

            assert await page.evaluate("() => navigator.clipboard.readText()") == hint


async def test_without_excerpts_the_page_says_so(open_page: OpenPage) -> None:
    async with Backend() as backend, running_proxy(backend.url) as proxy:
        await broken_talk(proxy, backend)
        async with open_page(proxy.url) as page:
            await open_break(page)
            panel = page.locator("#details")

            await expect(panel).to_contain_text("log.excerpts is off")
            await expect(panel).to_contain_text("messages[0].content")
            await expect(panel.locator(".diff")).to_have_count(0)
            await expect(page.locator("body")).not_to_contain_text("Conversation started")


async def test_a_break_of_the_backend_has_no_text(open_page: OpenPage) -> None:
    """Nothing is said of excerpts where there is nothing to excerpt."""
    async with Backend() as backend, running_proxy(backend.url) as proxy:
        talk = Talk(proxy, backend)
        await talk.say("a", 4000, 0)
        await talk.say("b", 3000, 1020)
        async with open_page(proxy.url) as page:
            await open_break(page)

            await expect(page.locator(".break")).to_contain_text(
                "fell back to an earlier checkpoint"
            )
            await expect(page.locator(".break")).not_to_contain_text("log.excerpts")


async def test_filters_by_client_kind_and_break(open_page: OpenPage) -> None:
    async with Backend() as backend, running_proxy(backend.url) as proxy:
        await busy_day(proxy, backend)
        async with open_page(proxy.url) as page:
            turns = page.locator(".turn")
            await expect(turns).to_have_count(24)
            await expect(page.locator("#ratio")).to_have_text("78.9%")
            await page.locator("#by-client").select_option("hermes")
            await expect(turns).to_have_count(3)
            await page.get_by_label("Kind").select_option("edit")
            await expect(turns).to_have_count(1)
            await page.locator("#by-client").select_option("opencode")
            await expect(page.get_by_text("No turn matches these filters.")).to_be_visible()
            await page.get_by_role("button", name="Show all turns").click()
            await expect(turns).to_have_count(24)
            await page.get_by_label("Breaks only").check()
            await expect(turns).to_have_count(2)

            await expect(page.locator("#ratio")).to_have_text("78.9%")


async def test_a_filter_stays_while_turns_come_in(open_page: OpenPage) -> None:
    async with Backend() as backend, running_proxy(backend.url) as proxy:
        talk = await broken_talk(proxy, backend)
        async with open_page(proxy.url) as page:
            await page.get_by_label("Kind").select_option("append")
            await expect(page.locator(".turn")).to_have_count(1)
            await side_request(proxy, backend)
            await talk.say("Go on.", 20, 8440)
            await expect(page.locator(".turn")).to_have_count(2)

            await expect(page.get_by_label("Kind")).to_have_value("append")
            await expect(page.locator("#by-client").locator("option")).to_have_count(3)


async def test_side_requests_are_shown_as_such(open_page: OpenPage) -> None:
    """Those that stand alone are no conversations of their own."""
    async with Backend() as backend, running_proxy(backend.url) as proxy:
        await broken_talk(proxy, backend)
        await side_request(proxy, backend)
        await side_request(proxy, backend)
        async with open_page(proxy.url) as page:
            alone = page.locator(".card.alone")

            await expect(alone).to_have_count(1)
            await expect(alone.locator("h3")).to_have_text("Side requests of opencode")
            await expect(alone.locator(".turn.side")).to_have_count(2)
            await expect(alone.locator(".kind")).to_have_text(["side", "side"])
            await alone.locator(".turn").first.click()
            await expect(page.locator("#details h2")).to_have_text("Request · side request")


async def test_the_keyboard_alone_is_enough(open_page: OpenPage) -> None:
    async with Backend() as backend, running_proxy(backend.url, log=WITH_TEXT) as proxy:
        await broken_talk(proxy, backend)
        async with open_page(proxy.url) as page:
            await expect(page.locator(".turn")).to_have_count(3)
            await page.get_by_label("Search").focus()
            for _ in range(5):  # three filters, the name of the conversation, its row of turns
                await page.keyboard.press("Tab")
            await expect(page.locator(".turn").nth(2)).to_be_focused()
            await page.keyboard.press("Home")
            await expect(page.locator(".turn").nth(0)).to_be_focused()
            for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowUp", "ArrowDown"):
                await page.keyboard.press(key)
            await expect(page.locator(".turn").nth(2)).to_be_focused()
            outline = "e => getComputedStyle(e).outlineStyle"
            assert await page.locator(".turn").nth(2).evaluate(outline) == "solid"
            await page.keyboard.press("Enter")
            await expect(page.locator("#details-title")).to_be_focused()
            await expect(page.locator(".turn").nth(2)).to_have_attribute("aria-expanded", "true")
            await page.keyboard.press("Tab")
            await expect(page.get_by_role("button", name="Close details")).to_be_focused()
            await page.keyboard.press("Escape")
            await expect(page.locator("#details")).to_be_hidden()
            await expect(page.locator(".turn").nth(2)).to_be_focused()
            await expect(page.locator(".turn").nth(2)).to_have_attribute("aria-expanded", "false")


@pytest.mark.parametrize("width", [1280, 390])
async def test_focus_stays_while_turns_come_in(open_page: OpenPage, width: int) -> None:
    async with Backend() as backend, running_proxy(backend.url) as proxy:
        one, two = Talk(proxy, backend, "One."), Talk(proxy, backend, "Two.")
        await one.say("a", 100, 0)
        await two.say("b", 200, 0)
        async with open_page(proxy.url, width=width) as page:
            bar = page.locator(".card").nth(1).locator(".turn")
            await bar.focus()
            await one.say("c", 10, 100)
            await expect(page.locator(".turn")).to_have_count(3)

            await expect(page.locator(".card").nth(0).locator(".turn").nth(0)).to_be_focused()


HOSTILE = '<img src=x onerror="window.broken=1"></script><script>window.broken=1</script>'


async def test_hostile_text_is_only_text(open_page: OpenPage) -> None:
    """Names, excerpts and errors were written by whoever talks to the model, or by the model."""
    async with Backend() as backend, running_proxy(backend.url, log=WITH_TEXT) as proxy:
        talk = Talk(proxy, backend, f"{HOSTILE} first \u202e{HOSTILE}")
        for held in (0, 900):
            talk.messages.append({"role": "user", "content": HOSTILE})
            backend.then(json_response(chat_reply("hi", 900, held, model=f"{HOSTILE}.gguf")))
            first = {"role": "system", "content": talk.system}
            await ask(proxy, {"messages": [first, *talk.messages]}, [("User-Agent", HOSTILE)])
            talk.messages.append({"role": "assistant", "content": "hi"})
            talk.system = talk.system.replace("first", "second")
        backend.then(json_response({"error": {"message": HOSTILE, "type": HOSTILE}}, 500))
        await ask(proxy, {"model": HOSTILE, "messages": [{"role": "user", "content": "c"}]})
        async with open_page(proxy.url) as page:
            await open_break(page)
            await expect(page.locator("#details pre").first).to_contain_text("<script>")
            await expect(page.locator("#details pre").first).to_contain_text("⟨U+202E⟩")
            await expect(page.locator(".card").last).to_contain_text("script>")
            await page.locator(".turn.failed").click()
            await expect(page.locator("#details")).to_contain_text("Ended as backend_error")

            assert await page.evaluate("() => window.broken") is None
            assert await page.locator("#columns img, #columns script").count() == 0


async def test_an_error_shows_what_the_backend_said(open_page: OpenPage) -> None:
    async with Backend() as backend, running_proxy(backend.url) as proxy:
        backend.then(json_response({"error": {"message": "out of memory"}}, 503))
        await ask(proxy, {"messages": [{"role": "user", "content": "a"}]})
        async with open_page(proxy.url) as page:
            await expect(page.locator(".share")).to_have_text("503")
            await page.locator(".turn").click()

            await expect(page.locator("#details .said")).to_have_text("out of memory")


async def test_what_was_not_reported_is_never_shown_as_0(open_page: OpenPage) -> None:
    silent = chat_reply("hi", 5, 0)
    del silent["timings"], silent["usage"]
    async with (
        Backend(otherwise=json_response(silent)) as backend,
        running_proxy(backend.url) as proxy,
    ):
        await ask(proxy, {"messages": [{"role": "user", "content": "a"}]})
        async with open_page(proxy.url) as page:
            await expect(page.locator(".share")).to_have_text("–")
            await expect(page.locator("#ratio")).to_have_text("–")
            await expect(page.locator("#kept")).to_have_text("–")
            await expect(page.locator("#time")).to_have_text("–")
            await expect(page.locator("#processed")).to_have_text("–")
            await expect(page.locator(".stack")).to_have_class("stack unreported")
            await page.locator(".turn").click()

            await expect(page.locator("#details dd").first).to_have_text("–")


async def test_only_the_newest_bars_of_a_long_conversation_are_drawn(open_page: OpenPage) -> None:
    async with Backend() as backend, running_proxy(backend.url) as proxy:
        talk = Talk(proxy, backend)
        for number in range(63):
            await talk.say(f"{number}", 10, 100 * number)
        async with open_page(proxy.url, width=390) as page:
            await expect(page.locator(".turn")).to_have_count(60)
            await page.get_by_role("button", name="Show 3 earlier turns").click()

            await expect(page.locator(".turn")).to_have_count(63)


async def test_a_lost_stream_is_opened_again(open_page: OpenPage) -> None:
    """What ended in between is there, too."""
    async with (
        Backend() as backend,
        running_proxy(backend.url) as proxy,
        open_page(proxy.url) as page,
    ):
        await expect(page.locator("#link")).to_have_text("Live")
        proxy.app.stop_watching()
        await expect(page.locator("#link")).to_have_text("Proxy gone, trying again")
        await Talk(proxy, backend).say("a", 100, 0)
        await page.get_by_role("button", name="Try now").click()

        await expect(page.locator("#link")).to_have_text("Live")
        await expect(page.locator(".turn")).to_have_count(1)


async def test_a_connection_that_died_without_a_word_is_noticed(open_page: OpenPage) -> None:
    """A machine that slept, a router that forgot: the stream says nothing, but asking fails."""
    async with (
        Backend() as backend,
        running_proxy(backend.url) as proxy,
        open_page(proxy.url, trouble="Failed to load resource") as page,
    ):
        await expect(page.locator("#backend")).to_have_text("Backend answers")
        await page.route("**/ready", lambda route: route.abort())
        await page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")

        await expect(page.locator("#link")).to_have_text("Proxy gone, trying again")


async def test_a_stopped_proxy_is_told(open_page: OpenPage) -> None:
    async with Backend() as backend:
        proxy = RunningProxy(config_for(backend.url, {}))
        async with open_page(proxy.url, trouble="Failed to load resource") as page:
            await Talk(proxy, backend).say("a", 100, 0)
            await expect(page.locator(".turn")).to_have_count(1)
            await proxy.stop()
            notice = page.locator(".notice")

            await expect(notice).to_contain_text("The proxy does not answer")
            await expect(notice).to_contain_text("The turns below are as of")
            await expect(notice.locator("code")).to_have_text("warmprefix serve")
            await expect(page.locator(".turn")).to_have_count(1)
            await save(page, "proxy-gone")


async def test_a_backend_that_is_not_there_is_told(open_page: OpenPage) -> None:
    async with (
        running_proxy(NO_BACKEND) as proxy,
        open_page(proxy.url, trouble="503 (Service Unavailable)") as page,
    ):
        await expect(page.locator("#backend")).to_have_text("Backend does not answer")
        await expect(page.locator(".notice.bad")).to_contain_text("warmprefix serve --backend")


async def test_the_key_is_asked_for_and_kept_for_the_tab(open_page: OpenPage) -> None:
    async with (
        Backend() as backend,
        running_proxy(backend.url, server={"api_key": "right"}) as proxy,
        open_page(proxy.url, trouble="401 (Unauthorized)") as page,
    ):
        field = page.get_by_label("API key")
        await expect(field).to_have_attribute("type", "password")
        await field.fill("wrong")
        await field.press("Enter")
        await expect(page.get_by_role("alert")).to_have_text("That key was not accepted.")
        await field.fill("right")
        await page.get_by_role("button", name="Open").click()
        await expect(page.locator("#link")).to_have_text("Live")
        await expect(page.get_by_text("Authorization: Bearer YOUR_KEY")).to_be_visible()
        await page.reload()

        await expect(page.locator("#link")).to_have_text("Live")
        assert await page.evaluate("() => localStorage.length") == 0
        assert "right" not in page.url


async def save(page: Page, name: str) -> None:
    """A picture of the whole page, for people."""
    SHOTS.mkdir(exist_ok=True)
    await page.screenshot(path=SHOTS / f"{name}.png", full_page=True, animations="disabled")


async def open_slots(page: Page) -> None:
    """Slots in every state, files of saved ones with an opening, and requests that run: as the proxy lists
    them."""
    slot = {"backend": "a", "known": True, "busy": False, "side": False, "age_s": 12.0}
    links = page.locator("#list .card h3 a")
    one, two, *_ = await links.evaluate_all("all => all.map((one) => one.hash.split('=')[1])")
    slots = [
        {**slot, "slot": 0, "conversation": one, "tokens": 8441, "busy": True},
        {**slot, "slot": 1, "conversation": two, "tokens": 18421},
        {**slot, "slot": 2, "conversation": two, "tokens": 212, "side": True},
        {**slot, "slot": 3, "conversation": None, "tokens": 0, "age_s": None},
        {**slot, "slot": 4, "conversation": None, "tokens": None, "known": False},
    ]
    file = {"tokens": 12000, "bytes": 3 << 29, "fits": True, "opening": False, "age_s": 7300.0}
    files = [
        {**file, "conversation": one},
        {**file, "conversation": "", "opening": True, "tokens": 9100, "bytes": 1 << 28},
        {**file, "conversation": "0123456789ab", "fits": False, "age_s": 300000.0},
    ]
    request = {
        "client": "hermes",
        "title": "List the files.",
        "state": "reading",
        "elapsed_ms": 14200,
        "estimated_tokens": 29000,
        "progress": None,
        "rest_ms": None,
    }
    progress = {"prompt_tokens": 30000, "cached_tokens": 2000, "processed_tokens": 10034}
    running = [
        {**request, "progress": progress, "rest_ms": 20400},
        {**request, "client": "unknown", "title": None, "model": "Qwen3-4B", "state": "waiting"},
    ]  # fmt: skip
    off = {"behaviour": "own", "turns": 20, "cost_tokens": 900}
    pages = {
        "slots": {"slots": slots, "snapshots": files, "stood_down": [off]},
        "running": {"running": running},
    }
    for name, found in pages.items():
        await page.route(f"**/api/{name}", partial(answer_with, found))
    await page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
    await expect(page.locator("#running .slot")).to_have_count(2)
    await page.get_by_text("3 saved slots on disk").click()


async def answer_with(found: object, route: Route) -> None:
    """The proxy's page, with this on it."""
    await route.fulfill(json=found)


CONTRAST = """() => {
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const colour = rgb(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.textContent.trim() || !e.checkVisibility() || e.closest("noscript, script")) continue;
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(behind(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.push([walk.currentNode.textContent, ratio]);
  }
  return found;
}"""
"""Texts whose contrast against the nearest opaque background is under 4.5:1 (WCAG 2.2, 1.4.3)."""


SIDEWAYS = """() => [...document.querySelectorAll("body *")]
  .filter((e) => e.checkVisibility() && e.scrollWidth > e.clientWidth && !e.closest(".unseen"))
  .filter((e) => getComputedStyle(e).overflowX !== "visible" && getComputedStyle(e).textOverflow !== "ellipsis")
  .map((e) => e.outerHTML.slice(0, 80))"""
"""Parts that are cut at their right edge, or have to be scrolled there. Those that end in an ellipsis and those
for screen readers alone are left out."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 768, 390, 320])
async def test_it_fits_and_can_be_read(open_page: OpenPage, width: int, scheme: Scheme) -> None:
    """From a phone to a wide screen, light and dark, empty, full, and with a turn opened."""
    wide = "() => document.documentElement.scrollWidth"
    async with (
        Backend() as backend,
        running_proxy(backend.url, log=WITH_TEXT) as proxy,
        open_page(proxy.url, width=width, scheme=scheme) as page,
    ):
        await expect(page.get_by_text("No turn yet")).to_be_visible()
        await save(page, f"empty-{width}-{scheme}")
        assert await page.evaluate(wide) <= width
        await mended_talk(proxy, backend)
        await busy_day(proxy, backend)
        await expect(page.locator(".turn")).to_have_count(27)
        await expect(page.locator("#breaks")).to_have_text("2")
        await save(page, f"busy-{width}-{scheme}")
        assert await page.evaluate(wide) <= width
        assert await page.evaluate(CONTRAST) == []
        assert await page.evaluate(SIDEWAYS) == []
        await open_break(page)
        await page.screenshot(path=SHOTS / f"break-{width}-{scheme}.png", animations="disabled")
        assert await page.evaluate(wide) <= width
        assert await page.evaluate(CONTRAST) == []
        assert await page.evaluate(SIDEWAYS) == []
        panel = page.locator("#details")
        assert await panel.evaluate("e => e.scrollWidth - e.clientWidth") == 0
        await page.keyboard.press("Escape")
        await page.get_by_role("link", name="Step 0: go on.").click()
        await save(page, f"conversation-{width}-{scheme}")
        assert await page.evaluate(wide) <= width
        assert await page.evaluate(CONTRAST) == []
        assert await page.evaluate(SIDEWAYS) == []
        await page.go_back()
        await open_slots(page)
        await save(page, f"slots-{width}-{scheme}")
        assert await page.evaluate(wide) <= width
        assert await page.evaluate(CONTRAST) == []
        assert await page.evaluate(SIDEWAYS) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 768, 390])
async def test_what_is_missing_fits_and_can_be_read(
    open_page: OpenPage, width: int, scheme: Scheme
) -> None:
    """No key, and then no backend."""
    words = "Failed to load resource"
    async with (
        running_proxy(NO_BACKEND, server={"api_key": "k"}) as proxy,
        open_page(proxy.url, width=width, scheme=scheme, trouble=words) as page,
    ):
        await expect(page.get_by_label("API key")).to_be_visible()
        await save(page, f"key-{width}-{scheme}")
        assert await page.evaluate(CONTRAST) == []
        assert await page.evaluate(SIDEWAYS) == []
        await page.get_by_label("API key").fill("k")
        await page.get_by_role("button", name="Open").click()
        await expect(page.locator(".notice.bad")).to_contain_text("Connection refused")
        await save(page, f"down-{width}-{scheme}")
        assert await page.evaluate(CONTRAST) == []
        assert await page.evaluate(SIDEWAYS) == []
        assert await page.evaluate("() => document.documentElement.scrollWidth") <= width


async def test_nothing_moves_for_those_who_asked_for_that(open_page: OpenPage) -> None:
    async with (
        Backend() as backend,
        running_proxy(backend.url) as proxy,
        open_page(proxy.url, reduced_motion="reduce") as page,
    ):
        await expect(page.get_by_text("No turn yet")).to_be_visible()
        await Talk(proxy, backend).say("a", 100, 0)
        await expect(page.locator(".turn.fresh")).to_have_count(1)
        name = "e => getComputedStyle(e).animationName"

        assert await page.locator(".turn.fresh .stack").evaluate(name) == "none"


async def test_names_and_landmarks(open_page: OpenPage) -> None:
    """What a screen reader is told."""
    async with Backend() as backend, running_proxy(backend.url) as proxy:
        await broken_talk(proxy, backend)
        async with open_page(proxy.url) as page:
            await expect(page.get_by_role("banner")).to_be_visible()
            await expect(page.get_by_role("main")).to_be_visible()
            await expect(page.get_by_role("region", name="Conversations")).to_be_visible()
            await expect(page.get_by_role("search", name="Filter turns")).to_be_visible()
            await expect(page.locator("#summary")).to_have_attribute("aria-live", "polite")
            bar = page.locator(".turn").last
            await expect(bar).to_have_attribute("aria-label", named())
            await bar.click()
            await expect(page.get_by_role("dialog", name="Turn 3 · edit")).to_be_visible()


def named() -> re.Pattern[str]:
    """The words of the turn that broke."""
    return re.compile(
        r"^\d\d:\d\d:\d\d, edit, 8,441 prompt tokens, 11 cached, 8,430 processed, "
        r"cache break: clock, 8,343 read again$"
    )


async def test_a_model_is_named_without_its_folders(open_page: OpenPage) -> None:
    async with (
        Backend(otherwise=counted("hi", 5, 0)) as backend,
        running_proxy(backend.url) as proxy,
    ):
        await ask(proxy, {"messages": [{"role": "user", "content": "a"}]})
        async with open_page(proxy.url) as page:
            await expect(page.locator(".card h3")).to_contain_text(" · Qwen3-4B-Instruct-Q4_K_M · ")
