"""What a running proxy says of itself."""

import pytest

from tests.fakes.pages import serving
from tests.fakes.running_proxy import running_proxy
from warmprefix.core.slots.slot import Slot
from warmprefix.server.state import held_in, state_lines


async def test_turns_ledger_and_backends_have_a_line_each() -> None:
    async with serving({}) as backend, running_proxy(backend.url) as proxy:
        lines = [*state_lines(proxy.app, 180.0, 2)]

    assert lines[0].startswith("up 3 min; 0 turns ended, 2 running; 0 tokens read")
    assert lines[1] == "ledger: 0 conversations, 0 messages, 0 bytes, 0 turns lost"
    assert lines[2].startswith(f"backend {backend.url}: llamacpp, ")


@pytest.mark.parametrize(
    ("slot", "line"),
    [
        pytest.param(Slot(0), "empty, 0 tokens", id="empty"),
        pytest.param(Slot(1, tokens=None, is_known=False), "not known", id="not-known"),
        pytest.param(Slot(2, tokens=1234, is_busy=True), "empty, 1,234 tokens, busy", id="busy"),
    ],
)
def test_a_slot_says_what_it_holds(slot: Slot, line: str) -> None:
    assert held_in(slot) == line
