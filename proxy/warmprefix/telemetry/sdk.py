"""The exporter on OpenTelemetry's own SDK, its only importer. Its threads deliver; its queues are bounded.

Spans are made when a turn has ended, with the ids that its request went out with. The SDK reads the standard
variables that environment.py does not name: headers, certificates, sampler, intervals, propagators, resource.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import Counter, Histogram, Meter, UpDownCounter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from warmprefix.core.turn import Turn
from warmprefix.telemetry.attributes import (
    Attributes,
    Call,
    failure_of,
    is_failed,
    measured,
    span_attributes,
    span_name,
)
from warmprefix.telemetry.environment import Wanted

_NAME = "warmprefix"
_CLOSE_S = 2.0  # a collector that is there takes milliseconds
_WITH_TEXT = 128  # spans that may wait if they hold text: a long conversation has a megabyte
_MODELS = 100  # more names of models are one, as every client may make them up
_OTHER = "_OTHER"
_MODEL = "gen_ai.request.model"
_TRACE = "traceparent"

# https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/ names these boundaries.
_TOKENS = tuple(4.0**power for power in range(14))
_SECONDS = tuple(0.01 * 2**power for power in range(14))


class _Ids(RandomIdGenerator):
    """Gives the next span the ids that its request went out with."""

    def __init__(self) -> None:
        self.given: SpanContext | None = None

    def generate_span_id(self) -> int:
        """An id for a span."""
        return self.given.span_id if self.given else super().generate_span_id()

    def generate_trace_id(self) -> int:
        """An id for a trace, if the span begins one."""
        return self.given.trace_id if self.given else super().generate_trace_id()


class SdkExporter:
    """Delivers turns over OTLP/HTTP. `report`: is told of each failure, from any thread."""

    def __init__(self, wanted: Wanted, report: Callable[[str], None]) -> None:
        _listen(report)
        resource = _resource()
        self._ids = _Ids()
        self._traces: TracerProvider | None = None
        self._meters: MeterProvider | None = None
        self._models: set[object] = set()
        if wanted.traces:
            self._traces = TracerProvider(
                resource=resource, id_generator=self._ids, shutdown_on_exit=False
            )
            self._traces.add_span_processor(_processor(has_text=wanted.text))
            self._tracer = self._traces.get_tracer(_NAME)
        if wanted.metrics:
            reader = PeriodicExportingMetricReader(OTLPMetricExporter())
            self._meters = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
            self._instruments = _instruments(self._meters.get_meter(_NAME))

    def outgoing(self, came: Mapping[str, str]) -> Mapping[str, str]:
        """Headers of the span that a request will be, whose parent is the one that its client named."""
        if self._traces is None:
            return {}
        parent = propagate.extract(came)
        above = trace.get_current_span(parent).get_span_context()
        trace_id = above.trace_id if above.is_valid else self._ids.generate_trace_id()
        result = self._traces.sampler.should_sample(parent, trace_id, "chat", SpanKind.CLIENT)
        own = SpanContext(
            trace_id,
            self._ids.generate_span_id(),
            is_remote=False,
            trace_flags=trace.TraceFlags(int(result.decision is Decision.RECORD_AND_SAMPLE)),
            trace_state=result.trace_state,
        )
        carried: dict[str, str] = {}
        propagate.inject(carried, trace.set_span_in_context(NonRecordingSpan(own), parent))
        return carried

    def turn(self, turn: Turn, call: Call) -> None:
        """Deliver a turn, some time."""
        if self._traces is not None:
            self._span(turn, call)
        if self._meters is not None:
            for one in measured(turn, call):
                record, attributes = self._instruments[one.name], self._bounded(one.attributes)
                record(one.value, attributes)

    def _span(self, turn: Turn, call: Call) -> None:
        began_ns = int(turn.times.started_s * 1e9)
        parent = propagate.extract(call.came)
        self._ids.given = _own(call)
        try:
            span = self._tracer.start_span(
                span_name(call),
                parent,
                SpanKind.CLIENT,
                span_attributes(turn, call),
                start_time=began_ns,
            )
        finally:
            self._ids.given = None
        if is_failed(turn):
            span.set_status(Status(StatusCode.ERROR, failure_of(turn)))
        span.end(began_ns + int(turn.times.total_ms * 1e6))

    def _bounded(self, attributes: Attributes) -> Attributes:
        model = attributes.get(_MODEL)
        if model is None or model in self._models:
            return attributes
        if len(self._models) >= _MODELS:
            return {**attributes, _MODEL: _OTHER}
        self._models.add(model)
        return attributes

    def close(self) -> None:
        """Deliver what waits, but not for long. Blocks."""
        threads = [
            threading.Thread(target=provider.shutdown, name="telemetry", daemon=True)
            for provider in (self._traces, self._meters)
            if provider is not None
        ]
        for thread in threads:
            thread.start()
        latest = time.monotonic() + _CLOSE_S
        for thread in threads:
            thread.join(max(latest - time.monotonic(), 0.0))


def _own(call: Call) -> SpanContext | None:
    """The span that a request went out as; None if it did not say, or only what its client had said."""
    if call.sent.get(_TRACE) == call.came.get(_TRACE):
        return None
    went = TraceContextTextMapPropagator().extract(call.sent, Context())
    own = trace.get_current_span(went).get_span_context()
    return own if own.is_valid else None


def _processor(*, has_text: bool) -> BatchSpanProcessor:
    exporter = OTLPSpanExporter()
    if has_text and "OTEL_BSP_MAX_QUEUE_SIZE" not in os.environ:
        return BatchSpanProcessor(exporter, _WITH_TEXT, max_export_batch_size=_WITH_TEXT // 4)
    return BatchSpanProcessor(exporter)


def _resource() -> Resource:
    """Who we are; what the user says of it comes first."""
    given = OTELResourceDetector().detect().attributes
    return Resource.create({"service.name": _NAME, "service.version": version(_NAME), **given})


def _instruments(meter: Meter) -> Mapping[str, Callable[[float, Attributes], None]]:
    def histogram(name: str, unit: str, bounds: Iterable[float]) -> Histogram:
        return meter.create_histogram(name, unit, explicit_bucket_boundaries_advisory=tuple(bounds))

    kept: UpDownCounter = meter.create_up_down_counter("warmprefix.prompt.kept_tokens", "{token}")
    counted: dict[str, Counter] = {
        name: meter.create_counter(name, unit)
        for name, unit in (
            ("warmprefix.prompt.cached_tokens", "{token}"),
            ("warmprefix.prompt.processed_tokens", "{token}"),
            ("warmprefix.breaks", "{break}"),
        )
    }
    client = "gen_ai.client."
    return {
        f"{client}token.usage": histogram(f"{client}token.usage", "{token}", _TOKENS).record,
        **{
            name: histogram(name, "s", _SECONDS).record
            for name in (f"{client}operation.duration", f"{client}operation.time_to_first_chunk")
        },
        "warmprefix.prompt.kept_tokens": kept.add,
        **{name: counter.add for name, counter in counted.items()},
    }


class _Failures(logging.Handler):
    """Takes the place of what the SDK would write to the log for every failed export."""

    def __init__(self, report: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._report = report

    def emit(self, record: logging.LogRecord) -> None:
        """Report it, without a traceback."""
        self._report(record.getMessage().splitlines()[0])


def _listen(report: Callable[[str], None]) -> None:
    theirs = logging.getLogger("opentelemetry")
    theirs.handlers = [_Failures(report)]
    theirs.propagate = False
