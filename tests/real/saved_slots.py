"""The saved slots that a running proxy knows of."""

from tests.fakes.running_proxy import BUSY_S, RunningProxy, until
from warmprefix.core.slots.snapshots import Snapshot
from warmprefix.slots.seatings import Seatings


def listed(proxy: RunningProxy) -> list[Snapshot]:
    """Those of its only backend."""
    (backend,) = proxy.app.backends.all
    assert isinstance(backend.parts.seatings, Seatings)
    seating = backend.parts.seatings.of(None).seating
    assert seating.snapshots is not None
    return list(seating.snapshots.listed())


async def saved(proxy: RunningProxy, number: int = 1) -> list[Snapshot]:
    """Wait until it knows of so many. A file may be there before: the server must say that it is written."""
    await proxy.records()
    await until(lambda: len(listed(proxy)) == number, BUSY_S)
    return listed(proxy)
