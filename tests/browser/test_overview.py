"""What the page says at a glance: what was kept, what broke and what cures it, slots, conversations."""

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.caching import CachingDouble
from tests.browser.conftest import OpenPage
from tests.browser.scenes import HERMES, Talk, ask, broken_talk, counted, mended_talk, side_request
from tests.fakes.running_proxy import Backend, running_proxy
from tests.fakes.scripted import Send, Wait
from tests.fakes.scripted_replies import (
    chat_reply,
    chat_stream,
    http_chunk,
    json_response,
    sse,
    stream_response,
)
from warmprefix.capture.writer import Capture
from warmprefix.core.explain.words import CAUSES

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

NO_BACKEND = "http://127.0.0.1:1"
WITH_TEXT = {"excerpts": True}
HOSTILE = '<img src=x onerror="window.broken=1">'


async def test_what_was_kept_is_ours_and_not_the_servers(open_page: OpenPage) -> None:
    """The server's cache is a figure of its own; the kept tokens are those of the mended turn."""
    async with Backend() as backend, running_proxy(backend.url) as proxy:
        await mended_talk(proxy, backend)
        kept = sum(record["kept_tokens"] for record in await proxy.records())
        async with open_page(proxy.url) as page:
            await expect(page.locator("#kept")).to_have_text(f"{kept / 1000:.2f}k")
            await expect(page.locator("#summary")).to_contain_text(
                "3.04k read; without warmprefix about 6."
            )
            await expect(page.locator("#time")).to_have_text(f"{kept / 1000:.1f} s")
            await expect(page.locator("#ratio")).to_have_text("50.5%")


async def test_a_page_that_kept_nothing_says_so(open_page: OpenPage) -> None:
    async with Backend() as backend, running_proxy(backend.url) as proxy:
        talk = Talk(proxy, backend)
        await talk.say("a", 1000, 0)
        await talk.say("b", 100, 1000)
        async with open_page(proxy.url) as page:
            await expect(page.locator("#kept")).to_have_text("0")
            await expect(page.locator("#summary")).to_contain_text("as many as without warmprefix")
            await expect(page.locator("#ratio")).to_have_text("47.6%")


async def test_a_cause_comes_with_its_cost_and_its_cure(open_page: OpenPage) -> None:
    async with Backend() as backend, running_proxy(backend.url) as proxy:
        await broken_talk(proxy, backend)
        hint = (await proxy.records())[-1]["break"]["hint"]
        await side_request(proxy, backend)
        async with open_page(proxy.url) as page:
            cause = page.locator(".cause")

            await expect(cause).to_have_count(1)
            await expect(cause.locator("h3")).to_have_text(
                re.compile(f"{CAUSES['clock'][1:]} clock$")
            )
            await expect(cause).to_contain_text("8.34k tokens read again, 8.3 s in 1 turn")
            await expect(cause.locator(".copyable code")).to_have_text(hint["command"])
            await expect(cause).to_contain_text(hint["text"][1:])
            await cause.get_by_role("button", name="Show the turns with clock").click()
            await expect(page.locator("#list .turn")).to_have_count(1)
            await expect(page.get_by_label("Search")).to_be_focused()


async def test_what_was_read_again_is_a_part_of_the_bar_in_scale(open_page: OpenPage) -> None:
    """Seven tokens are not twelve thousand: not in the bar, not in the mark."""
    async with Backend() as backend, running_proxy(backend.url) as proxy:
        await broken_talk(proxy, backend)
        async with open_page(proxy.url) as page:
            found = await page.evaluate(
                """async () => {
                  const { makeTurn, showTurn } = await import("/warmprefix/dashboard/turn.js");
                  const of = (lost) => {
                    const bar = makeTurn("t");
                    const turn = { time: "2026-11-24T04:23:54.000Z", kind: "edit", outcome: "ok",
                      prompt_tokens: 12000, cached_tokens: 0, processed_tokens: 12000,
                      break: { cause: "clock", tokens_lost: lost } };
                    showTurn(bar, turn, 12000, { tick: "", pause: false });
                    const mark = parseFloat(bar.querySelector(".mark").style.fontSize);
                    return [mark, Number(bar.querySelector(".lost").style.flexGrow)];
                  };
                  return [of(7), of(12000)];
                }"""
            )
            await expect(page.locator(".turn.broken .kind")).to_have_text("clock")

    (small, seven), (large, all_of_it) = found
    assert (seven, all_of_it) == (7, 12000)
    assert large > 2 * small


async def test_titles_are_first_words_or_client_model_and_time(open_page: OpenPage) -> None:
    for log, name in ((WITH_TEXT, "List the files."), ({}, re.compile(r"hermes · .* · \d\d:\d\d"))):
        async with Backend() as backend, running_proxy(backend.url, log=log) as proxy:
            await broken_talk(proxy, backend)
            async with open_page(proxy.url) as page:
                await expect(page.locator(".card h3")).to_have_text(name)


async def test_a_search_finds_words_of_titles_and_causes(open_page: OpenPage) -> None:
    async with Backend() as backend, running_proxy(backend.url, log=WITH_TEXT) as proxy:
        await broken_talk(proxy, backend)
        await Talk(proxy, backend).say("What is the weather?", 30, 0)
        async with open_page(proxy.url) as page:
            cards = page.locator("#list .card h3")
            await page.get_by_label("Search").fill("weather")
            await expect(cards).to_have_text(["What is the weather?"])
            await page.get_by_label("Search").fill("FILES clock")
            await expect(cards).to_have_text(["List the files."])
            await page.get_by_label("Search").fill("nothing at all")

            await expect(page.get_by_text("No turn matches these filters.")).to_be_visible()


async def test_a_conversation_has_a_page_with_request_and_reply(
    open_page: OpenPage, tmp_path: Path
) -> None:
    capture = Capture(tmp_path)
    async with (
        Backend() as backend,
        running_proxy(backend.url, capture=capture, log=WITH_TEXT) as proxy,
    ):
        await broken_talk(proxy, backend)
        await Talk(proxy, backend).say("Another.", 30, 0)
        await proxy.records()
        capture.close()
        async with open_page(proxy.url) as page:
            await page.get_by_role("link", name="List the files.").click()
            title = page.locator("#conversation-title")
            await expect(title).to_have_text("List the files.")
            await expect(title).to_be_focused()
            await expect(page.locator(".all-turns tbody tr")).to_have_count(3)
            await expect(page.locator(".all-turns tbody tr").first).to_contain_text("✂ clock")
            await page.get_by_role("button", name="Open turn 3").click()
            said = page.locator("#details .said-all")
            await expect(said.locator(".message").nth(-2)).to_contain_text("What does it say?")
            await expect(said.locator(".message.reply")).to_contain_text("Done.")
            await page.keyboard.press("Escape")
            await page.go_back()

            await expect(page.locator("#list .card")).to_have_count(2)


async def test_a_page_of_a_conversation_can_be_opened_by_its_address(open_page: OpenPage) -> None:
    async with Backend() as backend, running_proxy(backend.url, log=WITH_TEXT) as proxy:
        await broken_talk(proxy, backend)
        conversation = (await proxy.records())[0]["conversation"]
        async with open_page(proxy.url) as page:
            await page.goto(f"{proxy.url}/warmprefix/#conversation={conversation}")
            await expect(page.locator("#conversation-title")).to_have_text("List the files.")
            await page.goto(f"{proxy.url}/warmprefix/#conversation=%E0%A4%A")

            await expect(page.get_by_text("The proxy remembers no turn of this")).to_be_visible()


async def test_slots_show_what_they_hold(open_page: OpenPage) -> None:
    async with (
        CachingDouble(2, "m.gguf") as backend,
        running_proxy(backend.url, log=WITH_TEXT) as proxy,
    ):
        await proxy.ready()
        backend.replies = ["Two files."]
        messages = [
            {"role": "system", "content": HERMES.format(clock="Monday") * 9},
            {"role": "user", "content": "List the files."},
        ]
        await ask(proxy, {"messages": messages})
        async with open_page(proxy.url) as page:
            slots = page.locator(".slot")

            await expect(slots).to_have_count(2)
            await expect(slots.filter(has_text="List the files.")).to_have_count(1)
            await expect(slots.filter(has_text="empty")).to_have_count(1)
            await slots.get_by_role("link").click()
            await expect(page.locator("#conversation-title")).to_have_text("List the files.")


SLOT = {"slot": 0, "conversation": None, "tokens": 0, "busy": False, "side": False, "age_s": None}
SAVED = {
    "slots": [
        {**SLOT, "backend": "a", "conversation": "c0", "tokens": 900, "busy": True, "known": True},
        {**SLOT, "backend": "b", "known": False},
    ],
    "snapshots": [
        {
            "conversation": HOSTILE,
            "tokens": 12000,
            "bytes": 3 << 29,
            "fits": False,
            "opening": False,
            "age_s": 7300.0,
        }
    ],
    "stood_down": [],
}


async def serve_saved(route: Route) -> None:
    """Slots of two backends and a saved one, as a proxy with such a server would list them."""
    await route.fulfill(json=SAVED)


async def test_saved_slots_are_listed(open_page: OpenPage) -> None:
    async with Backend() as backend, running_proxy(backend.url) as proxy:
        await Talk(proxy, backend).say("a", 9, 0)
        async with open_page(proxy.url) as page:
            await page.route("**/api/slots", serve_saved)
            await page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
            await page.get_by_text("1 saved slot on disk, 1.5 GiB").click()

            await expect(page.locator("#slots tbody tr")).to_contain_text("12,0001.5 GiB2 h ago")
            await expect(page.locator("#slots tbody tr")).to_contain_text("of another model")
            await expect(page.locator(".slot").nth(0)).to_contain_text("a · Slot 0 · busy")
            await expect(page.locator(".slot").nth(1)).to_contain_text("not proven")
            assert await page.evaluate("() => window.broken") is None


async def test_a_backend_that_is_gone_is_named_with_its_error(open_page: OpenPage) -> None:
    """And the request that found it gone is no conversation."""
    async with running_proxy(NO_BACKEND) as proxy:
        await ask(proxy, {"messages": [{"role": "user", "content": "Are you there?"}]})
        async with open_page(proxy.url, trouble="503 (Service Unavailable)") as page:
            await expect(page.locator(".notice.bad")).to_contain_text(
                f"{NO_BACKEND}: Connection refused"
            )
            await expect(page.locator(".card h3")).to_have_text(
                "Failed requests of an unknown client"
            )
            await expect(page.locator(".card .kind")).to_have_text("failed")
            await expect(page.locator("body")).not_to_contain_text("cold")
            await page.locator(".turn").click()

            await expect(page.locator("#details h2")).to_have_text("Request · failed")
            await expect(page.locator("#details")).to_contain_text("backend_unreachable")


async def test_hostile_text_is_only_text_everywhere(open_page: OpenPage, tmp_path: Path) -> None:
    """Titles, slots, the page of a conversation, what was captured, the words that are searched for."""
    capture = Capture(tmp_path)
    async with (
        Backend() as backend,
        running_proxy(backend.url, capture=capture, log=WITH_TEXT) as proxy,
    ):
        backend.then(json_response(chat_reply(HOSTILE, 9, 0, model=HOSTILE)))
        await ask(
            proxy,
            {"messages": [{"role": "user", "content": f"Say {HOSTILE}"}]},
            [("User-Agent", HOSTILE)],
        )
        await proxy.records()
        capture.close()
        async with open_page(proxy.url) as page:
            await expect(page.locator(".card h3")).to_have_text(f"Say {HOSTILE}")
            await page.get_by_label("Search").fill(HOSTILE)
            await page.locator(".card h3 a").click()
            await expect(page.locator("#conversation-title")).to_have_text(f"Say {HOSTILE}")
            await page.locator("#conversation .turn").click()
            await expect(page.locator(".message.reply pre")).to_have_text(HOSTILE)

            assert await page.evaluate("() => window.broken") is None
            assert await page.locator("main img, main script").count() == 0


async def test_an_observing_proxy_says_what_would_have_been_kept(open_page: OpenPage) -> None:
    async with Backend() as backend, running_proxy(backend.url, observe=True) as proxy:
        await mended_talk(proxy, backend)
        async with open_page(proxy.url) as page:
            await expect(page.locator("#kept")).to_have_text("1")
            await expect(page.locator("#kept-what")).to_have_text("token would have been kept")
            await expect(page.locator("#summary")).to_contain_text("It only observes now")


async def focus_of(page: Page) -> str:
    """Where the keyboard is."""
    return str(
        await page.evaluate("() => document.activeElement.textContent || document.activeElement.id")
    )


async def test_the_keyboard_reaches_the_cure_and_the_conversation(open_page: OpenPage) -> None:
    async with Backend() as backend, running_proxy(backend.url, log=WITH_TEXT) as proxy:
        await broken_talk(proxy, backend)
        async with open_page(proxy.url) as page:
            await expect(page.locator(".cause")).to_have_count(1)
            found = []
            for _ in range(9):
                await page.keyboard.press("Tab")
                found.append(await focus_of(page))

    assert found[:4] == ["?", "Copy", "Show turns", "by-text"]
    assert found[7] == "List the files."


async def test_counted_turns_reach_the_sums(open_page: OpenPage) -> None:
    """Figures follow the turns as they end."""
    async with (
        Backend(otherwise=counted("hi", 500, 0)) as backend,
        running_proxy(backend.url) as proxy,
        open_page(proxy.url) as page,
    ):
        await expect(page.get_by_text("No turn yet")).to_be_visible()
        await ask(proxy, {"messages": [{"role": "user", "content": "a"}]})
        await expect(page.locator("#processed")).to_have_text("500")
        await ask(proxy, {"messages": [{"role": "user", "content": "b"}]})

        await expect(page.locator("#processed")).to_have_text("1.00k")


async def test_a_running_read_has_a_bar(open_page: OpenPage) -> None:
    """Cached, read and what is left are in scale, and it goes when the reply has come."""
    go_on = asyncio.Event()
    said = {"total": 4000, "cache": 1000, "processed": 2000, "time_ms": 2000}
    role = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": None}}]}
    script = [
        *stream_response(sse({**role, "prompt_progress": said}), finish=False),
        Wait(go_on),
        *(Send(http_chunk(event)) for event in chat_stream(["one"])),
        Send(b"0\r\n\r\n"),
    ]
    settings = {"kind": "llamacpp", "ask_progress": True}
    async with (
        Backend(script, gap_s=0) as backend,
        running_proxy(backend.url, backend=settings) as proxy,
    ):
        body = {"stream": True, "messages": [{"role": "user", "content": HOSTILE}]}
        asked = asyncio.create_task(ask(proxy, body))
        async with open_page(proxy.url) as page:
            shown = page.locator("#running")
            await expect(shown).to_contain_text(
                "2,000 of 4,000 tokens (1,000 cached), about 4.0 s left"
            )
            bar = shown.get_by_role("progressbar")
            await expect(bar).to_have_attribute("aria-valuenow", "2000")
            grown = await bar.locator("span").evaluate_all(
                "all => all.map((one) => one.style.flexGrow)"
            )
            go_on.set()
            await asked
            await expect(shown).to_be_hidden()

    assert grown == ["1000", "1000", "2000"]
