"""Telemetry is opened if it is asked for; else nothing of it is even imported."""

import logging
import subprocess
import sys

import pytest

from warmprefix.counters import Counters
from warmprefix.telemetry.listener import Telemetry
from warmprefix.telemetry.opening import open_telemetry

URL = "http://127.0.0.1:1"
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


def test_nothing_is_imported_if_no_address_is_set() -> None:
    program = (
        "import sys; from warmprefix.telemetry.opening import open_telemetry;"
        "from warmprefix.counters import Counters; import warmprefix.server.app;"
        "open_telemetry({}, Counters());"
        "print([name for name in sys.modules if name.startswith('opentelemetry.sdk')])"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert said.stdout.strip() == "[]"


def test_it_says_once_what_is_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    environment = {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://me:secret@127.0.0.1:1/v1/traces?key=secret",
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    opened = open_telemetry(environment, Counters())
    assert isinstance(opened, Telemetry)
    opened.close()

    assert caplog.messages == [
        f"telemetry: traces to {URL}/v1/traces, with the text of prompts and replies"
    ]


def test_without_the_extra_it_is_off_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delitem(sys.modules, "warmprefix.telemetry.sdk", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    assert open_telemetry({ENDPOINT: URL}, Counters()) is None

    (message,) = caplog.messages
    assert message.startswith("telemetry is off: ")
    assert message.endswith('pip install "warmprefix[otel]"')


def test_what_cannot_be_opened_is_off(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def boom(*_: object) -> None:
        raise ValueError("no such sampler")

    monkeypatch.setattr("warmprefix.telemetry.sdk.SdkExporter", boom)
    assert open_telemetry({ENDPOINT: URL}, Counters()) is None
    unspoken = {ENDPOINT: URL, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    assert open_telemetry(unspoken, Counters()) is None

    assert caplog.messages == [
        "telemetry is off: no such sampler",
        "telemetry is off: OTEL_EXPORTER_OTLP_PROTOCOL is grpc, and only http/protobuf is spoken",
    ]


def test_failures_are_counted_and_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    counters = Counters()
    monkeypatch.setenv(ENDPOINT, URL)
    opened = open_telemetry({ENDPOINT: URL}, counters)
    caplog.clear()
    for _ in range(2):
        logging.getLogger("opentelemetry.exporter").error(
            "Failed to export: %s\nand more", "refused"
        )
    assert counters.fail_open["telemetry"] == 2
    assert opened is not None
    opened.close()

    told = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [record.getMessage() for record in told][:1] == [
        "telemetry failed, requests go on without it: Failed to export: refused"
    ]
