"""What a running proxy says of itself when it gets SIGUSR1, a line each."""

from collections.abc import Iterator

from warmprefix.core.plural import plural
from warmprefix.core.slots.slot import Slot
from warmprefix.log.record import iso
from warmprefix.server.app import App


def state_lines(app: App, up_s: float, running: int) -> Iterator[str]:
    """The lines. `up_s`: how long it runs; `running`: requests that it answers now."""
    sums, ledger = app.turns.sums.totals(), app.ledger()
    read, directly = (sums.sums.get(name, 0) for name in ("processed_tokens", "direct_tokens"))
    yield (
        f"up {up_s / 60:,.0f} min; {plural(sums.turns, 'turn')} ended, {running:,} running; "
        f"{plural(read, 'token')} read, about {directly:,.0f} without warmprefix; since {iso(sums.since_s)}"
    )
    yield (
        f"ledger: {plural(ledger.conversations, 'conversation')}, {plural(ledger.messages, 'message')}, "
        f"{plural(ledger.bytes, 'byte')}, {plural(ledger.lost, 'turn')} lost"
    )
    for backend in app.backends.all:
        known = backend.parts.known
        what = known.name if known.silence is None else f"{known.name}, {known.silence.value}"
        yield f"backend {backend.settings.url}: {what}; {backend.running:,} running"
        for parts in backend.parts.seatings.all:
            yield from (f"slot {slot.id}: {held_in(slot)}" for slot in parts.seating.table.slots)


def held_in(slot: Slot) -> str:
    """What a slot holds, as far as it is known."""
    whose = "not known" if not slot.is_known else "empty"
    if slot.content is not None:
        whose = "a side request" if slot.content.is_side else slot.content.held.conversation
    tokens = "" if slot.tokens is None else f", {plural(slot.tokens, 'token')}"
    return f"{whose}{tokens}{', busy' if slot.is_busy else ''}"
