"""Turns as a collector on a real socket gets them, with the names of the conventions; what a bad one costs."""

import asyncio
import json
import os
import re
from collections.abc import Mapping
from typing import Any

import pytest
from opentelemetry.propagators.composite import CompositePropagator

from tests.fakes.collector import Collector, attributes
from tests.fakes.engines import EngineDouble
from tests.fakes.raw_client import Answer, exchange
from tests.fakes.running_proxy import DEADLINE_S, Backend, RunningProxy, running_proxy
from tests.fakes.scripted import Cut
from tests.fakes.scripted_replies import json_response

CHAT = "/v1/chat/completions"
SECRET = "the wreck lies at seven fathoms"
CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
Json = dict[str, Any]
FIRST: list[Json] = [
    {"role": "system", "content": f"You know that {SECRET}."},
    {"role": "user", "content": "Where is it?"},
]


@pytest.fixture
def sends(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that sets the environment of a user who sends everything to a collector."""

    def set_all(collector: Collector, **more: str) -> Mapping[str, str]:
        for name, value in (collector.environment | more).items():
            monkeypatch.setenv(name, value)
        return os.environ

    return set_all


async def chat(url: str, messages: list[Json], *headers: tuple[str, str], **more: object) -> Answer:
    body = {"model": "m", "messages": messages, **more}
    return await exchange(url, "POST", CHAT, body, list(headers))


def in_front_of(engine: EngineDouble, environment: Mapping[str, str]) -> Any:
    settings = {"kind": "auto", "ask_usage": True}
    return running_proxy(engine.url, backend=settings, environment=environment)


async def test_a_turn_is_a_span_with_the_names_of_the_conventions(sends: Any) -> None:
    async with Collector() as collector, EngineDouble("mlx") as engine:
        async with in_front_of(engine, sends(collector)) as proxy:
            await chat(proxy.url, FIRST, stream=True)
            more = [{"role": "assistant", "content": "It is 4 mm."}, FIRST[1]]
            await chat(proxy.url, [*FIRST, *more], ("traceparent", TRACEPARENT), stream=True)
            lines = await proxy.records()

        first, second = collector.spans
        found = attributes(second)
        line = lines[1]
        assert second.name == "chat m"
        assert second.kind == second.SPAN_KIND_CLIENT
        assert second.end_time_unix_nano - second.start_time_unix_nano == pytest.approx(
            line["total_ms"] * 1e6, abs=1e6
        )
        assert {name: value for name, value in found.items() if name.startswith("gen_ai.")} == {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "mlx",
            "gen_ai.request.model": "m",
            "gen_ai.response.model": "m",
            "gen_ai.response.id": "m",
            "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.request.stream": True,
            "gen_ai.response.time_to_first_chunk": pytest.approx(line["ttft_ms"] / 1000, abs=1e-3),
            "gen_ai.conversation.id": line["conversation"],
            "gen_ai.usage.input_tokens": line["prompt_tokens"],
            "gen_ai.usage.output_tokens": 3,
            "gen_ai.usage.cache_read.input_tokens": line["cached_tokens"],
            "gen_ai.usage.input_cached_tokens": line["cached_tokens"],
        }
        assert line["cached_tokens"] > 0
        assert (found["server.address"], found["server.port"]) == ("127.0.0.1", engine.port)
        assert found["llm.token_count.prompt_details.cache_read"] == line["cached_tokens"]
        assert found["session.id"] == line["conversation"] == attributes(first)["session.id"]
        assert found["warmprefix.turn"] == line["turn"]
        assert found["warmprefix.kind"] == "append"
        assert found["warmprefix.index"] == 1
        assert "error.type" not in found
        assert collector.resource["service.name"] == "warmprefix"


async def test_a_trace_goes_on_to_the_backend_below_our_span(sends: Any) -> None:
    """And a request without one begins a trace."""
    async with Collector() as collector, EngineDouble("vllm") as engine:
        async with in_front_of(engine, sends(collector)) as proxy:
            await chat(proxy.url, FIRST, ("traceparent", TRACEPARENT), ("tracestate", "a=1"))
            await chat(proxy.url, FIRST)
        below, alone = collector.spans

    sent = [r.header("traceparent") for r in engine.requests if r.method == "POST"]
    assert sent[0] == f"00-{TRACE}-{below.span_id.hex()}-01"
    assert (below.trace_id.hex(), below.parent_span_id.hex()) == (TRACE, PARENT)
    assert below.trace_state == "a=1"
    assert sent[1] == f"00-{alone.trace_id.hex()}-{alone.span_id.hex()}-01"
    assert alone.parent_span_id == b""
    assert alone.trace_id != below.trace_id


async def test_a_trace_that_is_not_recorded_is_passed_on_as_such(sends: Any) -> None:
    async with Collector() as collector, EngineDouble("vllm") as engine:
        async with in_front_of(engine, sends(collector)) as proxy:
            await chat(proxy.url, FIRST, ("traceparent", f"00-{TRACE}-{PARENT}-00"))

        assert collector.spans == []
    (sent,) = [r.header("traceparent") for r in engine.requests if r.method == "POST"]
    assert re.fullmatch(rf"00-{TRACE}-[0-9a-f]{{16}}-00", sent or "")


@pytest.mark.parametrize("given", ["", "nonsense", f"ff-{TRACE}-{PARENT}-01"])
async def test_what_is_no_trace_begins_one(given: str, sends: Any) -> None:
    async with Collector() as collector, EngineDouble("vllm") as engine:
        async with in_front_of(engine, sends(collector)) as proxy:
            await chat(proxy.url, FIRST, ("traceparent", given))
        (span,) = collector.spans

    (sent,) = [r.header("traceparent") for r in engine.requests if r.method == "POST"]
    assert sent == f"00-{span.trace_id.hex()}-{span.span_id.hex()}-01"


async def test_the_propagators_of_the_environment_are_used(
    sends: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without any, the client's header goes on as it came, and the span has ids of its own."""
    none = CompositePropagator([])
    monkeypatch.setattr("opentelemetry.propagate.get_global_textmap", lambda: none)
    async with Collector() as collector, EngineDouble("vllm") as engine:
        async with in_front_of(engine, sends(collector)) as proxy:
            await chat(proxy.url, FIRST, ("traceparent", TRACEPARENT))
        (span,) = collector.spans

    (sent,) = [r.header("traceparent") for r in engine.requests if r.method == "POST"]
    assert sent == TRACEPARENT
    assert span.parent_span_id == b""


METRICS = {
    "gen_ai.client.token.usage",
    "gen_ai.client.operation.duration",
    "gen_ai.client.operation.time_to_first_chunk",
    "warmprefix.prompt.cached_tokens",
    "warmprefix.prompt.processed_tokens",
    "warmprefix.prompt.kept_tokens",
}


async def test_turns_are_measured(sends: Any) -> None:
    async with Collector() as collector, EngineDouble("sglang") as engine:
        async with in_front_of(engine, sends(collector)) as proxy:
            await chat(proxy.url, FIRST, stream=True)
            (line,) = await proxy.records()
        found = collector.metrics()

    usage = {attributes(p)["gen_ai.token.type"]: p for p in found["gen_ai.client.token.usage"]}
    assert set(found) >= METRICS - {"warmprefix.prompt.kept_tokens"}
    assert set(found) <= METRICS
    assert {kind: point.sum for kind, point in usage.items()} == {
        "input": line["prompt_tokens"],
        "output": 3,
    }
    assert attributes(usage["input"])["gen_ai.provider.name"] == "sglang"
    (duration,) = found["gen_ai.client.operation.duration"]
    assert duration.sum == pytest.approx(line["total_ms"] / 1000, abs=1e-3)
    assert list(duration.explicit_bounds)[:3] == [0.01, 0.02, 0.04]


SIGNALS = pytest.mark.parametrize("off", ["TRACES", "METRICS"])


@SIGNALS
async def test_one_of_the_two_can_be_off(off: str, sends: Any) -> None:
    """Without spans of our own, the client's trace goes on as it came."""
    async with Collector() as collector, EngineDouble("vllm") as engine:
        environment = sends(collector, **{f"OTEL_{off}_EXPORTER": "none"})
        async with in_front_of(engine, environment) as proxy:
            await chat(proxy.url, FIRST, ("traceparent", TRACEPARENT))

        (sent,) = [r.header("traceparent") for r in engine.requests if r.method == "POST"]
        assert (sent == TRACEPARENT) is (off == "TRACES")
        assert len(collector.spans) == (0 if off == "TRACES" else 1)
        assert bool(collector.metrics()) is (off == "TRACES")


async def test_models_that_clients_make_up_are_one_in_the_end(
    sends: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("warmprefix.telemetry.sdk._MODELS", 2)
    async with Collector() as collector, EngineDouble("vllm") as engine:
        async with in_front_of(engine, sends(collector)) as proxy:
            for model in ("a", "b", "c", "d", "a"):
                await chat(proxy.url, FIRST, model=model)
        points = collector.metrics()["gen_ai.client.operation.duration"]

    assert {attributes(p)["gen_ai.request.model"]: p.count for p in points} == {
        "a": 2,
        "b": 1,
        "_OTHER": 2,
    }


FAILURES = [
    ("refused", [json_response({"error": {"message": SECRET}}, 503)], "503", True),
    ("broken-off", [[Cut()], [Cut()]], "backend_disconnected", True),
]


@pytest.mark.parametrize(
    ("script", "error", "is_failed"), [r[1:] for r in FAILURES], ids=[r[0] for r in FAILURES]
)
async def test_a_failure_is_named_without_its_words(
    script: Any, error: str, is_failed: bool, sends: Any
) -> None:
    async with Collector() as collector:
        async with (
            Backend(*script) as backend,
            running_proxy(backend.url, environment=sends(collector)) as proxy,
        ):
            await chat(proxy.url, FIRST)
        (span,) = collector.spans
        bodies = b"".join(request.body for request in collector.requests)

    assert attributes(span)["error.type"] == error
    assert (span.status.code == span.status.STATUS_CODE_ERROR) is is_failed
    assert SECRET.encode() not in bodies


@pytest.mark.parametrize("wish", ["", "false", "NO_CONTENT", "EVENT_ONLY"])
async def test_no_text_leaves_unless_it_is_asked_for(wish: str, sends: Any) -> None:
    async with Collector() as collector, EngineDouble("mlx", {"content": SECRET}) as engine:
        async with in_front_of(engine, sends(collector, **{CAPTURE: wish})) as proxy:
            noisy = [*FIRST, {"role": "assistant", "content": f"{SECRET} "}, FIRST[1]]
            await chat(proxy.url, FIRST)
            await chat(proxy.url, noisy)
            await chat(proxy.url, [{"role": "system", "content": SECRET * 2}, *noisy[1:]])
        bodies = b"".join(request.body for request in collector.requests)

        assert len(collector.spans) == 3
        assert SECRET.encode() not in bodies


@pytest.mark.parametrize("wish", ["true", "SPAN_ONLY", "span_and_event"])
async def test_text_is_there_if_it_is_asked_for(wish: str, sends: Any) -> None:
    async with Collector() as collector, EngineDouble("mlx") as engine:
        async with in_front_of(engine, sends(collector, **{CAPTURE: wish})) as proxy:
            await chat(proxy.url, FIRST)
        (span,) = collector.spans

    found = attributes(span)
    asked, said = (json.loads(found[f"gen_ai.{way}.messages"]) for way in ("input", "output"))
    assert [message["parts"][0]["content"] for message in asked] == [m["content"] for m in FIRST]
    assert said == [
        {
            "role": "assistant",
            "parts": [{"type": "text", "content": "It is 4 mm."}],
            "finish_reason": "stop",
        }
    ]


async def reply_and_failures(proxy: RunningProxy) -> tuple[bytes, int]:
    answer = await chat(proxy.url, FIRST)
    assert answer.status == 200
    await proxy.records()
    return answer.body, proxy.app.turns._counters.fail_open["telemetry"]


async def test_a_collector_that_is_not_there_costs_no_request_anything(
    sends: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with Collector() as collector:
        environment = sends(collector, OTEL_EXPORTER_OTLP_TIMEOUT="1")
    async with EngineDouble("mlx") as engine, in_front_of(engine, environment) as proxy:
        body, _ = await reply_and_failures(proxy)
        async with asyncio.timeout(10):
            while not proxy.app.turns._counters.fail_open["telemetry"]:  # noqa: ASYNC110  # it has no event
                await asyncio.sleep(0.01)
        lines = proxy.lines()

    assert json.loads(body)["choices"]
    assert lines[0]["failed_open"] is None
    told = [
        record.getMessage()
        for record in caplog.records
        if "telemetry failed" in record.getMessage()
    ]
    assert told


async def test_a_collector_that_never_answers_holds_up_neither_request_nor_end(sends: Any) -> None:
    async with Collector(stalls=True) as collector, EngineDouble("mlx") as engine:
        async with asyncio.timeout(DEADLINE_S):
            async with in_front_of(engine, sends(collector)) as proxy:
                await reply_and_failures(proxy)

    assert {request.target for request in collector.requests} >= {"/v1/traces"}
