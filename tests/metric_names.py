"""The names of all metrics of an application, put together as in proxy/server/app.py."""

from proxy.counters import Counters
from proxy.metrics import Metrics
from proxy.metrics_state import State
from proxy.stores.memory import MemoryStore
from proxy.tasks import Tasks
from proxy.turnlog import TurnLog


def metric_names() -> list[str]:
    """As they stand on the page, in order."""
    metrics, log = Metrics(), TurnLog(None)
    metrics.registry.register(State(Counters(), log, MemoryStore(1, 1.0), Tasks()))
    log.close()
    return metrics.names()
