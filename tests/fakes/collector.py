"""An OTLP collector on a real socket: it takes spans and measurements over HTTP, and keeps them decoded."""

from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.fakes.scripted import ScriptedBackend, Stall, Step
from tests.fakes.scripted_http import Request
from tests.fakes.scripted_replies import json_response

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
Json = dict[str, Any]


class Collector(ScriptedBackend):
    """`status`: what it answers; `stalls`: it never answers."""

    def __init__(self, *, status: int = 200, stalls: bool = False) -> None:
        super().__init__(otherwise=self._answer)
        self.status, self.stalls = status, stalls

    def _answer(self, _: Request) -> list[Step]:
        return [Stall()] if self.stalls else json_response(b"", self.status)

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a user who sends everything here. Batches leave at once."""
        return {ENDPOINT: self.url, "OTEL_BSP_SCHEDULE_DELAY": "10"}

    @property
    def spans(self) -> list[Any]:
        """All spans, as protobuf has them."""
        return [
            span
            for request in self._of("/v1/traces", ExportTraceServiceRequest)
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def resource(self) -> Json:
        """Who has sent the first spans."""
        first = self._of("/v1/traces", ExportTraceServiceRequest)[0]
        return attributes(first.resource_spans[0].resource)

    def metrics(self) -> dict[str, list[Any]]:
        """The points of each instrument."""
        found: dict[str, list[Any]] = {}
        for request in self._of("/v1/metrics", ExportMetricsServiceRequest):
            for resource in request.resource_metrics:
                for scope in resource.scope_metrics:
                    for metric in scope.metrics:
                        points = getattr(metric, metric.WhichOneof("data")).data_points
                        found.setdefault(metric.name, []).extend(points)
        return found

    def _of(self, path: str, kind: Any) -> list[Any]:
        return [kind.FromString(r.body) for r in self.requests if r.target == path]


def attributes(holder: Any) -> Json:
    """The attributes of a span, a point or a resource."""
    return {pair.key: _value(pair.value) for pair in holder.attributes}


def _value(value: Any) -> object:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    return getattr(value, kind)
