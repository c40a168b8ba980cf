"""A turn as OpenTelemetry names it: attributes of its span, and its measurements.

Names: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/ and .../gen-ai-metrics/. What they do
not have is ours, under `warmprefix.`. Beside the conventional names stand those that some receivers read:
Langfuse and Datadog `gen_ai.usage.input_cached_tokens`, Phoenix the names of OpenInference
(https://github.com/Arize-ai/openinference/blob/main/spec/semantic_conventions.md). None holds what was said.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from warmprefix.core.turn import Turn
from warmprefix.core.types import Outcome

Value = str | int | float | bool | tuple[str, ...]
Attributes = Mapping[str, Value]

_CLIENTS_OWN = frozenset({Outcome.OK, Outcome.CLIENT_GONE, Outcome.STOPPED})


@dataclass(frozen=True, slots=True)
class Call:
    """What a span says besides its turn. `operation`: chat or text_completion; `provider`: the kind of the
    backend, `address` and `port` its own; `model`: as requested. `came`, `sent`: headers by lower-case name, of
    which only those of a trace are read. `said`: attributes with text, if the user wants them."""

    operation: str
    provider: str
    address: str
    port: int
    model: str | None
    response_id: str | None
    finish: str | None
    came: Mapping[str, str]
    sent: Mapping[str, str]
    said: Attributes


@dataclass(frozen=True, slots=True)
class Measured:
    """One measurement: `name` of the instrument, its value and attributes."""

    name: str
    value: float
    attributes: Attributes


def span_name(call: Call) -> str:
    """The operation and its model."""
    return " ".join(filter(None, (call.operation, call.model)))


def failure_of(turn: Turn) -> str | None:
    """What went wrong, as `error.type`; None if nothing did."""
    if turn.outcome is Outcome.OK:
        return None
    is_refused = turn.outcome is Outcome.BACKEND_ERROR and (turn.status or 0) >= 400
    return str(turn.status) if is_refused else turn.outcome.value


def is_failed(turn: Turn) -> bool:
    """Whether the span counts as failed: a client that leaves is no failure."""
    return turn.outcome not in _CLIENTS_OWN


def span_attributes(turn: Turn, call: Call) -> Attributes:
    """All that is known, without what is not."""
    stats, place = turn.stats, turn.place
    first_ms = turn.times.first_ms
    found: dict[str, Value | None] = {
        **_common(turn, call),
        "gen_ai.response.id": call.response_id,
        "gen_ai.response.finish_reasons": (call.finish,) if call.finish else None,
        "gen_ai.request.stream": turn.stream,
        "gen_ai.response.time_to_first_chunk": None if first_ms is None else first_ms / 1000,
        "gen_ai.conversation.id": place.conversation if place else None,
        "gen_ai.usage.input_tokens": stats.prompt_tokens,
        "gen_ai.usage.output_tokens": stats.generated_tokens,
        "gen_ai.usage.cache_read.input_tokens": stats.cached_tokens,
        "gen_ai.usage.input_cached_tokens": stats.cached_tokens,
        "openinference.span.kind": "LLM",
        "llm.model_name": turn.model,
        "llm.token_count.prompt": stats.prompt_tokens,
        "llm.token_count.completion": stats.generated_tokens,
        "llm.token_count.prompt_details.cache_read": stats.cached_tokens,
        "session.id": place.conversation if place else None,
        "error.type": failure_of(turn),
        **_ours(turn),
        **call.said,
    }
    return {name: value for name, value in found.items() if value is not None}


def _ours(turn: Turn) -> dict[str, Value | None]:
    stats, place, kept = turn.stats, turn.place, turn.kept
    return {
        "warmprefix.turn": turn.id,
        "warmprefix.endpoint": turn.endpoint,
        "warmprefix.client": turn.client,
        "warmprefix.outcome": turn.outcome.value,
        "warmprefix.kind": turn.kind.value if turn.kind else None,
        "warmprefix.index": place.index if place else None,
        "warmprefix.backend": turn.backend,
        "warmprefix.slot": turn.slot,
        "warmprefix.processed_tokens": stats.processed_tokens,
        "warmprefix.kept_tokens": kept.tokens if kept else None,
        "warmprefix.direct_tokens": kept.direct_tokens if kept else None,
        "warmprefix.prewarmed_tokens": turn.prewarmed_tokens,
        "warmprefix.put_back_tokens": turn.put_back_tokens,
        "warmprefix.prompt_ms": stats.prompt_ms,
        "warmprefix.generate_ms": stats.generate_ms,
        "warmprefix.proxy_ms": turn.times.proxy_ms,
        "warmprefix.break.cause": turn.cache_break.cause if turn.cache_break else None,
        "warmprefix.break.tokens_lost": turn.cache_break.tokens_lost if turn.cache_break else None,
        "warmprefix.rules": turn.rules or None,
        "warmprefix.restored": turn.restored or None,
        "warmprefix.failed_open": turn.failed_open or None,
    }


def _common(turn: Turn, call: Call) -> dict[str, Value | None]:
    return {
        "gen_ai.operation.name": call.operation,
        "gen_ai.provider.name": call.provider,
        "gen_ai.request.model": call.model,
        "gen_ai.response.model": turn.model,
        "server.address": call.address,
        "server.port": call.port,
    }


def measured(turn: Turn, call: Call) -> Iterator[Measured]:
    """The measurements of a turn, as far as they were reported."""
    about = {name: value for name, value in _common(turn, call).items() if value is not None}
    stats, first_ms = turn.stats, turn.times.first_ms
    for kind, tokens in (("input", stats.prompt_tokens), ("output", stats.generated_tokens)):
        if tokens is not None:
            attributes = {**about, "gen_ai.token.type": kind}
            yield Measured("gen_ai.client.token.usage", tokens, attributes)
    failure = failure_of(turn)
    ended = about if failure is None else {**about, "error.type": failure}
    yield Measured("gen_ai.client.operation.duration", turn.times.total_ms / 1000, ended)
    if first_ms is not None:
        yield Measured("gen_ai.client.operation.time_to_first_chunk", first_ms / 1000, about)
    for name, value in (
        ("warmprefix.prompt.cached_tokens", stats.cached_tokens),
        ("warmprefix.prompt.processed_tokens", stats.processed_tokens),
        ("warmprefix.prompt.kept_tokens", turn.kept.tokens if turn.kept else None),
    ):
        if value is not None:
            yield Measured(name, value, about)
    if turn.cache_break is not None:
        cause = {**about, "warmprefix.break.cause": turn.cache_break.cause}
        yield Measured("warmprefix.breaks", 1, cause)
