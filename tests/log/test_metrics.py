"""What Prometheus reads: it parses, the numbers are those of the turns, and nobody can make it grow."""

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Metric
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Backend, RunningProxy, running_proxy
from tests.fakes.scripted_replies import chat_reply, chat_stream, json_response, stream_response
from warmprefix.core.explain.cache_break import CacheBreak
from warmprefix.core.explain.cures import CAUSES
from warmprefix.core.explain.direct import Kept
from warmprefix.core.explain.hint import nothing
from warmprefix.core.memory.ledger import Place
from warmprefix.core.rules import RULE_NAMES
from warmprefix.core.stats import cache_stats
from warmprefix.core.turn import Times, Turn
from warmprefix.core.types import CacheStats, Kind, Outcome, Reply, Timings, Usage
from warmprefix.counters import REASONS, Counters
from warmprefix.log.metrics import CLIENTS, KINDS, RESTORED, SIDES, Metrics
from warmprefix.log.metrics_state import State
from warmprefix.log.rates import read_directly
from warmprefix.log.writer import TurnLog
from warmprefix.profiles.volatile import volatile_patterns
from warmprefix.stores.memory import MemoryStore
from warmprefix.tasks import Tasks

CHAT = "/v1/chat/completions"
PAGE = "/warmprefix/metrics"
ROOT = Path(__file__).parents[2]

Values = Mapping[tuple[str, frozenset[tuple[str, str]]], float]

TURN = Turn(
    id="t0",
    client="hermes",
    endpoint=CHAT,
    model="m",
    stream=True,
    status=200,
    outcome=Outcome.OK,
    kind=Kind.APPEND,
    place=Place("c0", 0, None, Kind.APPEND, 0),
    prefix=None,
    prompt_characters=None,
    rules=(),
    restored=(),
    stats=CacheStats(1000, 800, 200, 10, 400.0, 500.0, "timings"),
    times=Times(0.0, 1000.0, 2.0, 450.0),
)
BREAK = CacheBreak("edit", "tools[0]", 0, "tool-order", None, None, 50, 0.1, "client", nothing(""))


def families(page: bytes) -> list[Metric]:
    """The page as Prometheus' own library reads it."""
    return list(text_string_to_metric_families(page.decode()))


def values(page: bytes) -> Values:
    """Every sample by its name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families(page)
        for sample in family.samples
    }


def read(found: Values, name: str, **labels: str) -> float | None:
    """One sample; None where there is none."""
    return found.get((f"warmprefix_{name}", frozenset(labels.items())))


def seen(*turns: Turn) -> Values:
    """The samples after these turns."""
    metrics = Metrics()
    for turn in turns:
        metrics.saw(turn, read_directly(turn))
    return values(metrics.page()[0])


@pytest.fixture
def state() -> Iterator[State]:
    """Our own parts, nothing having happened."""
    log = TurnLog(io.BytesIO())
    yield State(Counters(), log, MemoryStore(1000, 1000.0), Tasks(), dict)
    log.close()


def test_a_turn_is_counted_with_its_tokens_and_times() -> None:
    found = seen(
        replace(TURN, put_back_tokens=70), replace(TURN, stats=CacheStats(prompt_tokens=5))
    )
    labels = {"client": "hermes", "kind": "append"}

    assert read(found, "turns_total", outcome="ok", **labels) == 2
    assert read(found, "prompt_tokens_total", **labels) == 1005
    assert read(found, "cached_tokens_total", **labels) == 800
    assert read(found, "processed_tokens_total", **labels) == 200
    assert read(found, "generated_tokens_total", **labels) == 10
    assert read(found, "put_back_tokens_total", **labels) == 70
    assert read(found, "proxy_seconds_count") == 2
    assert read(found, "proxy_seconds_sum") == pytest.approx(0.004)
    assert read(found, "time_to_first_token_seconds_sum") == pytest.approx(0.9)


def test_what_was_not_reported_is_no_series() -> None:
    found = seen(replace(TURN, stats=CacheStats(), times=Times(0.0, 1.0, 0.1, None)))

    assert read(found, "cached_tokens_total", client="hermes", kind="append") is None
    assert read(found, "time_to_first_token_seconds_count") == 0


def test_rules_restores_and_breaks_are_counted_by_name() -> None:
    found = seen(
        replace(TURN, rules=("key-order",), restored=("arguments", "ids"), cache_break=BREAK),
        replace(
            TURN, cache_break=replace(BREAK, cause="evicted", side="backend", tokens_lost=None)
        ),
    )

    assert read(found, "rule_turns_total", rule="key-order") == 1
    assert read(found, "restored_turns_total", what="arguments") == 1
    assert read(found, "restored_turns_total", what="ids") == 1
    assert read(found, "cache_breaks_total", cause="tool-order", side="client") == 1
    assert read(found, "lost_tokens_total", cause="tool-order") == 50
    assert read(found, "cache_breaks_total", cause="evicted", side="backend") == 1
    assert read(found, "lost_tokens_total", cause="evicted") is None


def test_a_turn_that_was_not_understood_and_a_side_request_have_kinds_too() -> None:
    found = seen(replace(TURN, kind=None, place=None), replace(TURN, kind=Kind.SIDE))

    assert read(found, "turns_total", client="hermes", kind="not-understood", outcome="ok") == 1
    assert read(found, "turns_total", client="hermes", kind="side", outcome="ok") == 1


@pytest.mark.parametrize("outcome", Outcome)
def test_the_backends_failures_are_counted_and_no_others(outcome: Outcome) -> None:
    found = seen(replace(TURN, outcome=outcome))
    errors = {
        key: value for key, value in found.items() if key[0] == "warmprefix_backend_errors_total"
    }

    assert len(errors) == 4, "there from the start, so that the first one shows"
    assert sum(errors.values()) == outcome.value.startswith("backend")


def test_reading_directly_is_counted_beside_what_was_read() -> None:
    """Of a turn that was not compared, it is what was read: nothing is kept in it."""
    kept = Kept(700, 500, is_estimated=True)
    found = seen(TURN, replace(TURN, kept=kept, direct_ms=1400.0))

    assert read(found, "processed_tokens_total", client="hermes", kind="append") == 200 + 200
    assert read(found, "direct_tokens_total", client="hermes", kind="append") == 200 + 700
    assert read(found, "prompt_seconds_total") == pytest.approx(0.4 + 0.4)
    assert read(found, "direct_seconds_total") == pytest.approx(0.4 + 1.4)


def test_the_state_of_our_own_parts_is_read_when_asked(state: State) -> None:
    metrics = Metrics()
    metrics.registry.register(state)
    before = values(metrics.page()[0])
    state.counters.failed_open("store")
    state.counters.failed_open("rule key-order")
    state.counters.failed_open("rule nobody-knows")
    state.counters.failed_open("\n}")
    state.log.close()
    for _ in range(3):
        state.log.write({})
    after = values(metrics.page()[0])

    assert read(before, "fail_open_total", reason="store") == 0
    assert read(after, "fail_open_total", reason="store") == 1
    assert read(after, "fail_open_total", reason="rule key-order") == 1
    assert read(after, "fail_open_total", reason="other") == 2
    assert read(after, "log_lines_dropped_total") == 3
    assert read(after, "ledger_conversations") == 0


HOSTILE = st.text() | st.sampled_from(['"', "\\", "\n", "{", "client", "x" * 5000, "\ud800"])
NUMBERS = st.none() | st.integers()
MS = st.none() | st.floats()
USAGES = st.none() | st.builds(Usage, NUMBERS, NUMBERS, NUMBERS)
TIMINGS = st.none() | st.builds(Timings, NUMBERS, NUMBERS, MS, NUMBERS, MS)


PLACES = st.builds(Place, HOSTILE, st.integers(), HOSTILE, st.sampled_from(Kind), st.just(0))
BREAKS = st.builds(
    replace, st.just(BREAK), kind=HOSTILE, cause=HOSTILE, side=HOSTILE, tokens_lost=NUMBERS
)
TURNS = st.builds(
    replace,
    st.just(TURN),
    client=HOSTILE,
    model=st.none() | HOSTILE,
    id=HOSTILE,
    endpoint=HOSTILE,
    kind=st.none() | st.sampled_from(Kind),
    place=st.none() | PLACES,
    rules=st.lists(HOSTILE).map(tuple),
    restored=st.lists(HOSTILE).map(tuple),
    outcome=st.sampled_from(Outcome),
    stats=st.builds(
        lambda usage, timings: cache_stats(Reply(usage=usage, timings=timings)), USAGES, TIMINGS
    ),
    cache_break=st.none() | BREAKS,
    kept=st.none() | st.builds(Kept, st.integers(), st.integers(), st.booleans()),
    direct_ms=st.none() | st.floats(0.0, allow_infinity=False),
)


@given(st.lists(TURNS, max_size=20))
def test_nobody_can_put_text_into_a_label(turns: list[Turn]) -> None:
    """Whatever client, model, kind or backend say: labels come from our lists, and counts only grow."""
    allowed = {
        "client": CLIENTS | {"other"},
        "kind": KINDS,
        "outcome": {outcome.value for outcome in Outcome},
        "cause": CAUSES | {"other"},
        "side": SIDES | {"other"},
        "rule": RULE_NAMES | {"other"},
        "what": RESTORED | {"other"},
    }
    for (_, labels), value in seen(*turns).items():
        assert value >= 0
        for label, text in labels - {pair for pair in labels if pair[0] == "le"}:
            assert text in allowed[label]


def test_every_cause_and_reason_has_its_label() -> None:
    """The lists here are those of the code that names them."""
    sources = [path.read_text() for path in (ROOT / "proxy" / "warmprefix").rglob("*.py")]
    patterns = (
        r'(?:failed_open|guard|failed)\((?:[^"\n]*, )?"([^"]+)"',
        r'(?m)^    reason = "([^"]+)"$',  # of a listener
    )
    named = {name for text in sources for p in patterns for name in re.findall(p, text)}

    assert {row.cause for row in volatile_patterns()} <= CAUSES
    assert named == REASONS


async def page_of(proxy: RunningProxy) -> Values:
    """The page over HTTP, once every request has ended."""
    await proxy.records()
    return values((await exchange(proxy.url, "GET", PAGE)).body)


def asking(*texts: str, stream: bool = False) -> dict[str, object]:
    """A chat request of user and assistant in turns."""
    roles = ("user", "assistant")
    messages = [{"role": roles[n % 2], "content": text} for n, text in enumerate(texts)]
    return {"messages": messages, "stream": stream}


async def test_real_requests_are_on_the_page() -> None:
    first = json_response(chat_reply("hi", 300, 0))
    second = stream_response(chat_stream(["so"]))
    async with Backend(first, second) as backend, running_proxy(backend.url) as proxy:
        await exchange(proxy.url, "POST", CHAT, asking("a"))
        await exchange(proxy.url, "POST", CHAT, asking("a", "hi", "b", stream=True))
        await exchange(proxy.url, "POST", CHAT, {"no": "messages"})
        found = await page_of(proxy)

    cold, append = ({"client": "unknown", "kind": kind} for kind in ("cold", "append"))
    assert read(found, "turns_total", outcome="ok", **cold) == 1
    assert read(found, "turns_total", outcome="ok", **append) == 1
    assert read(found, "prompt_tokens_total", **cold) == 300
    assert read(found, "cached_tokens_total", **append) == 30
    assert read(found, "processed_tokens_total", **append) == 12
    assert read(found, "direct_tokens_total", **append) == 12
    assert read(found, "prompt_seconds_total") == pytest.approx((300 + 12) * 0.001)
    assert read(found, "direct_seconds_total") == read(found, "prompt_seconds_total")
    assert read(found, "time_to_first_token_seconds_count") == 1
    assert read(found, "proxy_seconds_count") == 3
    assert read(found, "fail_open_total", reason="not-understood") == 1
    assert read(found, "ledger_conversations") == 1
    assert read(found, "ledger_messages") == 4


async def test_a_backend_that_is_down_is_on_the_page() -> None:
    async with running_proxy("http://127.0.0.1:1") as proxy:
        await exchange(proxy.url, "POST", CHAT, asking("a"))
        found = await page_of(proxy)

    assert read(found, "backend_errors_total", outcome="backend_unreachable") == 1


async def test_the_page_is_text_or_openmetrics_as_asked() -> None:
    async with running_proxy("http://127.0.0.1:1") as proxy:
        plain = await exchange(proxy.url, "GET", PAGE)
        asked = [("Accept", "application/openmetrics-text; version=1.0.0")]
        modern = await exchange(proxy.url, "GET", PAGE, headers=asked)

    assert (plain.header("content-type") or "").startswith("text/plain; version=")
    assert (modern.header("content-type") or "").startswith("application/openmetrics-text")
    text = modern.body.decode()
    read_back = openmetrics.text_string_to_metric_families(text)  # type: ignore[no-untyped-call]  # as shipped
    assert {family.name for family in families(plain.body)} == {f.name for f in read_back}


async def test_two_applications_count_for_themselves() -> None:
    """No registry is shared."""
    async with (
        running_proxy("http://127.0.0.1:1") as one,
        running_proxy("http://127.0.0.1:1") as two,
    ):
        await exchange(one.url, "POST", CHAT, asking("a"))
        found = [read(await page_of(proxy), "proxy_seconds_count") for proxy in (one, two)]

    assert found == [1, 0]
