"""Time for what is not about time: a real server shares the machine with other tests."""

import pytest


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the server says of its slots may take its time; otherwise a request goes on without knowing it."""
    for limit in ("seating._ASK_S", "readings._ALONE_S"):
        monkeypatch.setattr(f"warmprefix.slots.{limit}", 10.0)
