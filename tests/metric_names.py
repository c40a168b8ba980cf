"""The names of all metrics of an application, put together as in warmprefix/server/app.py."""

from warmprefix.counters import Counters
from warmprefix.log.metrics import Metrics
from warmprefix.log.metrics_state import State
from warmprefix.log.writer import TurnLog
from warmprefix.stores.memory import MemoryStore
from warmprefix.tasks import Tasks


def metric_names() -> list[str]:
    """As they stand on the page, in order."""
    metrics, log = Metrics(), TurnLog(None)
    metrics.registry.register(State(Counters(), log, MemoryStore(1, 1.0), Tasks(), dict))
    log.close()
    return metrics.names()
