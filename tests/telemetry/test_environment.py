"""What the standard variables ask for."""

import pytest

from warmprefix.telemetry.environment import Wanted, wanted

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL"
CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
URL, OTHER = "http://collector:4318", "http://other:4318/v1/traces"
ALL = {ENDPOINT: URL}
TRACES = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
METRICS = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"
ROWS: list[tuple[str, dict[str, str], Wanted]] = [
    ("nothing", {}, Wanted()),
    ("empty", {ENDPOINT: " "}, Wanted()),
    ("one-address", ALL, Wanted(URL, URL)),
    ("traces-alone", {TRACES: OTHER}, Wanted(OTHER)),
    ("metrics-alone", {METRICS: OTHER}, Wanted(metrics=OTHER)),
    ("one-elsewhere", {**ALL, TRACES: OTHER}, Wanted(OTHER, URL)),
    ("off", {**ALL, "OTEL_SDK_DISABLED": "TRUE"}, Wanted()),
    ("not-off", {**ALL, "OTEL_SDK_DISABLED": "1"}, Wanted(URL, URL)),
    ("no-traces", {**ALL, "OTEL_TRACES_EXPORTER": "none"}, Wanted(metrics=URL)),
    ("no-metrics", {**ALL, "OTEL_METRICS_EXPORTER": "none"}, Wanted(URL)),
    ("several", {**ALL, "OTEL_METRICS_EXPORTER": "console, otlp"}, Wanted(URL, URL)),
    ("text", {**ALL, CAPTURE: "True"}, Wanted(URL, URL, text=True)),
    ("text-nowhere", {METRICS: URL, CAPTURE: "true"}, Wanted(metrics=URL)),
    ("text-in-events", {**ALL, CAPTURE: "EVENT_ONLY"}, Wanted(URL, URL)),
    ("protocol", {**ALL, PROTOCOL: "http/protobuf"}, Wanted(URL, URL)),
    (
        "another-protocol",
        {**ALL, PROTOCOL: "grpc"},
        Wanted(refused=f"{PROTOCOL} is grpc, and only http/protobuf is spoken"),
    ),
    (
        "another-protocol-for-one",
        {**ALL, "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/json"},
        Wanted(refused=f"{PROTOCOL} is http/json, and only http/protobuf is spoken"),
    ),
    (
        "another-protocol-for-what-is-off",
        {TRACES: URL, "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "grpc"},
        Wanted(URL),
    ),
]


@pytest.mark.parametrize(
    ("variables", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_what_is_asked_for(variables: dict[str, str], expected: Wanted) -> None:
    assert wanted(variables) == expected
    assert wanted(variables).is_on is bool(expected.traces or expected.metrics)
