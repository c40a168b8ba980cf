"""The names of the conventions, and what is left out of them."""

from dataclasses import replace

import pytest

from tests.request_stages import read
from warmprefix.core.explain.direct import Kept
from warmprefix.core.turn import Times, Turn
from warmprefix.core.types import CacheStats, Outcome, Reply
from warmprefix.pipeline.stages import ended_of, turn_of
from warmprefix.telemetry.attributes import (
    Call,
    failure_of,
    is_failed,
    measured,
    span_attributes,
    span_name,
)

CALL = Call("chat", "vllm", "box", 8000, None, None, None, {}, {}, {})
BODY = b'{"messages":[{"role":"user","content":"hi"}]}'


def turn(outcome: Outcome = Outcome.OK, status: int | None = 200) -> Turn:
    return turn_of(
        ended_of(read(BODY), Reply(), status, outcome, Times(1.0, 2000.0, 1.0, None)), {}
    )


def test_what_is_not_reported_is_not_there() -> None:
    found = span_attributes(turn(), CALL)

    assert {name for name in found if not name.startswith("warmprefix.")} == {
        "gen_ai.operation.name",
        "gen_ai.provider.name",
        "gen_ai.request.stream",
        "openinference.span.kind",
        "server.address",
        "server.port",
    }
    assert [one.name for one in measured(turn(), CALL)] == ["gen_ai.client.operation.duration"]


def test_what_was_said_stands_beside_the_rest() -> None:
    assert span_attributes(turn(), replace(CALL, said={"x": "y"}))["x"] == "y"


@pytest.mark.parametrize(("model", "name"), [(None, "chat"), ("m", "chat m")])
def test_a_span_is_named_by_its_model(model: str | None, name: str) -> None:
    assert span_name(replace(CALL, model=model)) == name


OUTCOMES: list[tuple[Outcome, int | None, str | None, bool]] = [
    (Outcome.OK, 200, None, False),
    (Outcome.BACKEND_ERROR, 503, "503", True),
    (Outcome.BACKEND_ERROR, 200, "backend_error", True),
    (Outcome.BACKEND_TIMEOUT, 504, "backend_timeout", True),
    (Outcome.BACKEND_UNREACHABLE, None, "backend_unreachable", True),
    (Outcome.CLIENT_GONE, 200, "client_gone", False),
    (Outcome.STOPPED, None, "stopped", False),
]


@pytest.mark.parametrize(("outcome", "status", "error", "fails"), OUTCOMES)
def test_a_failure_has_a_type(
    outcome: Outcome, status: int | None, error: str | None, fails: bool
) -> None:
    one = turn(outcome, status)

    assert failure_of(one) == error == span_attributes(one, CALL).get("error.type")
    assert is_failed(one) is fails
    (duration,) = measured(one, CALL)
    assert duration.attributes.get("error.type") == error
    assert duration.value == 2.0


def test_tokens_are_measured_by_kind() -> None:
    stats = CacheStats(prompt_tokens=10, cached_tokens=8, processed_tokens=2, generated_tokens=3)
    one = replace(turn(), stats=stats, kept=Kept(9, 7, is_estimated=True))
    found = {(m.name, m.attributes.get("gen_ai.token.type")): m.value for m in measured(one, CALL)}
    attributes = span_attributes(one, CALL)

    assert found[("gen_ai.client.token.usage", "input")] == 10
    assert found[("gen_ai.client.token.usage", "output")] == 3
    assert found[("warmprefix.prompt.kept_tokens", None)] == 7
    assert attributes["gen_ai.usage.input_tokens"] == 10
    assert attributes["llm.token_count.prompt_details.cache_read"] == 8
    assert attributes["warmprefix.direct_tokens"] == 9
