"""All turns added up, as the dashboard shows them."""

from dataclasses import replace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.builders import assistant, user
from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Backend, running_proxy
from tests.fakes.scripted_replies import chat_reply, json_response
from tests.log.test_turns import TURN
from warmprefix.core.explain.cache_break import CacheBreak
from warmprefix.core.explain.direct import Kept
from warmprefix.core.explain.hint import Hint, flag, nothing
from warmprefix.core.explain.saving import WouldSave
from warmprefix.core.turn import Turn
from warmprefix.core.types import CacheStats
from warmprefix.log.rates import read_directly
from warmprefix.log.sums import HINTS, Sums

CHAT = "/v1/chat/completions"
READ = replace(TURN, stats=CacheStats(1000, 800, 200, 10, 400.0))


def summed(*turns: Turn) -> dict[str, Any]:
    """The sums of these turns."""
    sums = Sums()
    for turn in turns:
        sums.add(turn, read_directly(turn))
    return sums.record()


def broken(cause: str, tokens: int | None, hint: Hint, saves: int | None = None) -> Turn:
    """A turn that broke, and what would have helped."""
    seconds = None if tokens is None else tokens / 1000
    hint = replace(hint, saves_tokens=saves)
    found = CacheBreak("edit", None, None, cause, None, None, tokens, seconds, "client", hint)
    return replace(TURN, cache_break=found)


def test_what_was_read_and_what_would_have_been() -> None:
    """A turn that was not compared counts as it was, so it keeps nothing."""
    kept = replace(READ, kept=Kept(700, 500, is_estimated=True), direct_ms=1400.0)
    found = summed(READ, kept, TURN)

    assert found["turns"] == 3
    assert found["reported"] == 2
    assert (found["prompt_tokens"], found["cached_tokens"]) == (2000, 1600)
    assert (found["processed_tokens"], found["direct_tokens"]) == (400, 900)
    assert (found["prompt_ms"], found["direct_ms"]) == (800.0, 1800.0)


def test_what_nobody_reported_is_not_0() -> None:
    found = summed(TURN)

    assert {name: value for name, value in found.items() if value is not None} == {
        "since": found["since"],
        "started": found["since"],
        "turns": 1,
        "reported": 0,
        "breaks": [],
    }


def test_what_an_observed_session_would_have_saved() -> None:
    saving = replace(TURN, would_save=WouldSave(70, estimated=True))
    unknown = replace(TURN, would_save=WouldSave(None, estimated=True))

    assert summed(saving, saving, unknown)["would_save_tokens"] == 140


def test_causes_come_with_what_they_cost_largest_first() -> None:
    freeze, ram = flag("--freeze", "keeps"), flag("--cache-ram 8192", "more room")
    found = summed(
        broken("edit", None, nothing("the model has to read it")),
        broken("clock", 100, freeze, 90),
        broken("evicted", 900, ram, 900),
        broken("clock", 200, ram),
        broken("clock", 300, freeze, 290),
    )["breaks"]

    assert [(each["cause"], each["turns"], each["tokens"]) for each in found] == [
        ("evicted", 1, 900), ("clock", 3, 600), ("edit", 1, 0),
    ]  # fmt: skip
    assert found[1]["seconds"] == pytest.approx(0.6)
    assert [(hint["paste"], hint["saves_tokens"]) for hint in found[1]["hints"]] == [
        ("--freeze", 380), ("--cache-ram 8192", None),
    ]  # fmt: skip


def test_hints_do_not_pile_up() -> None:
    turns = [broken("clock", 1, flag(f"--flag {number}", "")) for number in range(HINTS + 5)]

    assert len(summed(*turns)["breaks"][0]["hints"]) == HINTS


async def test_the_page_and_the_metrics_show_the_same_time() -> None:
    """One source for both, also for a turn that read a handful of tokens slowly, and for one that kept much."""
    replies = [chat_reply("hi", 40, 0), chat_reply("so", 3000, 42), chat_reply("oh", 9, 3044)]
    for reply, took_ms in zip(replies, (200.0, 6000.0, 700.0), strict=True):
        reply["timings"]["prompt_ms"] = took_ms
    async with (
        Backend(*map(json_response, replies)) as backend,
        running_proxy(backend.url) as proxy,
    ):
        for length in (1, 3, 5):
            # At last the client gives the first reply back with blanks, in front of the long question.
            said = [" hi\n" if length == 5 else "hi", "so"]
            history = [
                user("a"),
                assistant(said[0]),
                user("long " * 900),
                assistant(said[1]),
                user("b"),
            ]
            await exchange(proxy.url, "POST", CHAT, {"messages": history[:length]})
        await proxy.records()
        sums = (await exchange(proxy.url, "GET", "/warmprefix/api/sums")).json()
        page = (await exchange(proxy.url, "GET", "/warmprefix/metrics")).body.decode()
    families = text_string_to_metric_families(page)
    metrics = {sample.name: sample.value for family in families for sample in family.samples}
    kept_ms = sums["direct_ms"] - sums["prompt_ms"]

    assert kept_ms == pytest.approx(3000 * 2.0, rel=0.1)
    assert kept_ms == pytest.approx(
        1000
        * (metrics["warmprefix_direct_seconds_total"] - metrics["warmprefix_prompt_seconds_total"])
    )
