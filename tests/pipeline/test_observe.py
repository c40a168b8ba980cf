"""`serve --observe`: nothing on the wire changes, and what would have been saved is told."""

import signal
from pathlib import Path

import pytest

from tests.builders import assistant, system, user
from tests.cli.test_serve import serving
from tests.fakes.lemonade import LemonadeDouble
from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Backend, Json, running_proxy
from tests.fakes.scripted_replies import chat_reply, dump, json_response
from tests.ledger_driver import Driver
from tests.log.test_turns import TURN
from tests.noisy_session import CHAT, Noise, clock, lemonade, play, quiet, respelled
from warmprefix.core.types import Timings
from warmprefix.pipeline.observe import Savings

OK = json_response(chat_reply("hi", 5, 0))
ODD = b'{ "messages":[{"content":"x ","role":"user","name":null}],"tools":[],"thinking":false }'
CALL = {"id": "", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLING = dump(chat_reply(None, 5, 0, message={"tool_calls": [CALL, CALL]}))


@pytest.mark.parametrize("kind", ["llamacpp", "lemonade", "openai-compatible"])
async def test_a_body_is_forwarded_byte_for_byte(kind: str) -> None:
    """Not even Lemonade's options are rewritten."""
    async with (
        Backend(OK) as backend,
        running_proxy(backend.url, observe=True, backend={"kind": kind}) as proxy,
    ):
        await exchange(proxy.url, "POST", CHAT, ODD)
        record = await proxy.record()

    assert backend.requests[0].body == ODD
    assert record["rules"] == record["restored"] == []
    assert "null-fields" in record["would_save"]["rules"]


async def test_empty_and_repeated_ids_of_a_reply_stay() -> None:
    body = {"messages": [{"role": "user", "content": "x"}], "tools": [{"type": "function"}]}
    async with (
        Backend(json_response(CALLING)) as backend,
        running_proxy(backend.url, observe=True) as proxy,
    ):
        answer = await exchange(proxy.url, "POST", CHAT, body)

    assert answer.body == CALLING


def processed(double: LemonadeDouble) -> int:
    """Tokens evaluated so far, by the backend's own account."""
    return sum(counts.processed for counts in double.counts)


async def played(noise: Noise, enable: tuple[str, ...] = (), *, observe: bool) -> list[Json]:
    """The records of a session, the tokens that the backend really evaluated among them."""
    async with (
        lemonade() as double,
        running_proxy(double.url, observe=observe, canonicalize={"enable": enable}) as proxy,
    ):
        await play(proxy.url, noise, requests=6)
        records = await proxy.records()
        assert sum(record["processed_tokens"] for record in records) == processed(double)
    return records


SESSIONS = [
    pytest.param(quiet, (), id="quiet"),
    pytest.param(respelled, (), id="respelled-arguments"),
    pytest.param(clock, (), id="clock-without-the-rule"),
    pytest.param(clock, ("freeze-volatile",), id="clock-with-the-rule"),
]


@pytest.mark.parametrize(("noise", "enable"), SESSIONS)
async def test_the_estimate_is_what_the_proxy_really_saves(
    noise: Noise, enable: tuple[str, ...]
) -> None:
    """Within 3 % of the session's tokens: characters become tokens at a turn's own ratio."""
    observed = await played(noise, enable, observe=True)
    served = await played(noise, enable, observe=False)
    direct = sum(record["processed_tokens"] for record in observed)
    through = sum(record["processed_tokens"] for record in served)
    saved = sum(record["would_save"]["tokens"] for record in observed)

    assert abs(saved - (direct - through)) <= 0.03 * sum(r["prompt_tokens"] for r in observed)
    for record in observed:
        assert 0 <= record["would_save"]["tokens"] <= record["processed_tokens"]
    assert all(record["would_save"] is None for record in served)


async def test_each_turn_says_what_would_have_acted() -> None:
    first, second, *_ = await played(respelled, observe=True)

    assert (first["would_save"]["tokens"], first["would_save"]["estimated"]) == (0, False)
    assert second["break"]["cause"] == "arguments"
    assert second["would_save"]["tokens"] > 0
    assert second["would_save"]["estimated"] is True
    assert second["would_save"]["restored"] == ["arguments"]


async def test_a_turn_that_failed_saves_nothing_and_one_without_counts_says_so() -> None:
    ask = {"messages": [{"role": "user", "content": "x"}]}
    silent = chat_reply("hi ", 5, 0)
    told = {key: value for key, value in silent.items() if key not in ("usage", "timings")}
    more = [{"role": "assistant", "content": "hi"}, {"role": "user", "content": "y"}]
    again = {"messages": [*ask["messages"], *more]}
    refused, ok = json_response({"error": "no"}, 500), json_response(told)
    async with (
        Backend(refused, ok, ok) as backend,
        running_proxy(backend.url, observe=True) as proxy,
    ):
        for body in (ask, ask, again):
            await exchange(proxy.url, "POST", CHAT, body)
        failed, first, second = await proxy.records()

    assert failed["would_save"] is None
    assert first["would_save"]["tokens"] == 0
    assert (second["would_save"]["tokens"], second["would_save"]["estimated"]) == (None, True)


async def test_a_turn_by_its_id_holds_what_the_log_leaves_out() -> None:
    async with (
        Backend(OK, json_response({"error": {"message": "too long"}}, 400)) as backend,
        running_proxy(backend.url) as proxy,
    ):
        for headers in ([("x-session-id", "s1")], []):
            body = {"messages": [{"role": "user", "content": "x"}]}
            await exchange(proxy.url, "POST", CHAT, body, headers)
        pages = [f"/warmprefix/api/turns/{record['turn']}" for record in await proxy.records()]
        good, bad = [(await exchange(proxy.url, "GET", page)).json() for page in pages]

    assert (good["session"], good["sent_messages"], good["error"]) == ("s1", 1, None)
    assert (bad["session"], bad["error"]) == (None, "too long")


async def test_the_sum_is_told_at_the_end(tmp_path: Path) -> None:
    async with lemonade() as double, serving(tmp_path, double.url, flags=("--observe",)) as process:
        await play(process.url, respelled)
        process.signal(signal.SIGTERM)
        status, _ = await process.ended()

    (line,) = [line for line in process.errors if "observed" in line]
    assert status == 0
    assert "observed 4 turns: " in line
    assert " would have been saved without --observe: arguments " in line


def test_an_idle_proxy_saw_nothing() -> None:
    assert Savings().summary() == "observed no turn"


def test_a_proxy_that_saves_nothing_says_so() -> None:
    savings = Savings()
    savings.add(TURN)

    assert savings.summary().endswith("an estimated 0 would have been saved without --observe")


LONG = "Use the tools with care. " * 40
KEEPS = "; what a setting would have kept: canonicalize.enable "


@pytest.mark.parametrize(
    ("rule", "changed"),
    [
        ("freeze-volatile", [system(f"{LONG}\nIt is 10:00:09."), user(f"{LONG}Read it.")]),
        ("restore-transient-blocks", [system(f"{LONG}\nIt is 10:00:00."), user("Read it.")]),
    ],
)
async def test_the_sum_says_what_an_opt_in_would_have_kept(rule: str, changed: list[Json]) -> None:
    """What it really keeps, if it is on: all but the newest turn."""
    block = "" if rule == "freeze-volatile" else f"<note>\n{LONG}\n</note>\n\n"
    asked = "Read it." if block else f"{LONG}Read it."
    first = [system(f"{LONG}\nIt is 10:00:00."), user(f"{block}{asked}")]
    driver, savings = Driver(observe=True), Savings()
    next_ = [assistant("Done."), user("And the other one?")]
    for messages, cached in ((first, 0), ([*changed, *next_], 5)):
        counts = Timings(cached, 600 - cached, 1000.0, 5, 50.0)
        await driver.send(messages, reply=assistant("Done."), timings=counts)
        assert driver.turn is not None
        savings.add(driver.turn)

    assert driver.turn is not None
    found = driver.turn.cache_break
    assert found is not None
    kept = found.hint.saves_tokens
    assert kept is not None
    assert 500 < kept < 600
    assert savings.summary().endswith(f"{KEEPS}+{rule} about {kept} in 1 turn")


async def test_only_a_proxy_that_observes_says_what_a_setting_would_have_kept() -> None:
    driver, savings = Driver(), Savings()
    for clock_, cached in (("10:00:00", 0), ("10:00:09", 5)):
        more = [assistant("Done."), user("And?")] if cached else []
        counts = Timings(cached, 600 - cached, 1000.0, 5, 50.0)
        messages = [system(f"{LONG} It is {clock_}."), user("Read it."), *more]
        await driver.send(messages, reply=assistant("Done."), timings=counts)
        assert driver.turn is not None
        savings.add(driver.turn)

    assert driver.turn is not None
    assert driver.turn.cache_break is not None
    assert KEEPS not in savings.summary()
