"""Opens telemetry if the user's environment asks for it, and says once what is on. Else nothing is imported."""

import logging
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

from warmprefix.core.errors import TelemetryError
from warmprefix.counters import Counters
from warmprefix.guard import tell
from warmprefix.telemetry.environment import Wanted, wanted
from warmprefix.telemetry.listener import Telemetry

logger = logging.getLogger(__name__)


def open_telemetry(environment: Mapping[str, str], counters: Counters) -> Telemetry | None:
    """What exports turns as these variables ask; None if nothing does. Raises nothing: the operator is told if
    it cannot."""
    asked = wanted(environment)
    if asked.refused:
        logger.warning("telemetry is off: %s", asked.refused)
    if not asked.is_on:
        return None

    def report(what: str) -> None:
        counters.failed_open("telemetry")
        tell(counters, "telemetry", TelemetryError(what))

    try:
        from warmprefix.telemetry.sdk import SdkExporter

        exporter = SdkExporter(asked, report)
    except ImportError as error:
        logger.warning('telemetry is off: %s; pip install "warmprefix[otel]"', error)
        return None
    except Exception as error:
        logger.warning("telemetry is off: %s", error)
        return None
    logger.info("telemetry: %s", _said(asked))
    return Telemetry(exporter, shows_text=asked.text)


def _said(asked: Wanted) -> str:
    signals = {"traces": asked.traces, "metrics": asked.metrics}
    to = ", ".join(f"{name} to {_shown(url)}" for name, url in signals.items() if url)
    text = "with the text of prompts and replies" if asked.text else "without any text of prompts"
    return f"{to}, {text}"


def _shown(url: str) -> str:
    """An address without the name and password that may stand in it."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))
