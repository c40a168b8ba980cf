"""What the user's environment asks for: the standard variables of OpenTelemetry, and no settings of our own.

Source: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ and
.../docs/specs/otel/protocol/exporter/. Those that the SDK reads itself are not named here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL"
_SPOKEN = ("", "http/protobuf")
_CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_ON_SPANS = frozenset({"true", "span_only", "span_and_event"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """Addresses of traces and of metrics, empty if they are off. `text`: whether spans may hold what was said.
    `refused`: what is asked for and cannot be done; empty if there is nothing."""

    traces: str = ""
    metrics: str = ""
    text: bool = False
    refused: str = ""

    @property
    def is_on(self) -> bool:
        """Whether anything is exported."""
        return bool(self.traces or self.metrics)


def wanted(environment: Mapping[str, str]) -> Wanted:
    """What these variables ask for; nothing if no address is among them."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return Wanted()
    found = {signal: _address(environment, signal) for signal in ("TRACES", "METRICS")}
    protocols = {_of(environment, _PROTOCOL, signal) for signal in found if found[signal]}
    unknown = sorted(protocols.difference(_SPOKEN))
    if unknown:
        return Wanted(refused=f"{_PROTOCOL} is {unknown[0]}, and only http/protobuf is spoken")
    text = environment.get(_CAPTURE, "").strip().lower() in _ON_SPANS
    return Wanted(found["TRACES"], found["METRICS"], text and bool(found["TRACES"]))


def _address(environment: Mapping[str, str], signal: str) -> str:
    exporters = environment.get(f"OTEL_{signal}_EXPORTER", "otlp").split(",")
    if "otlp" not in (name.strip() for name in exporters):
        return ""
    return _of(environment, _ENDPOINT, signal)


def _of(environment: Mapping[str, str], name: str, signal: str) -> str:
    """The value of a variable for one signal, or else for all."""
    own = name.replace("OTLP_", f"OTLP_{signal}_")
    return (environment.get(own) or environment.get(name) or "").strip()
