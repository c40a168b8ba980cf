"""An outage is told once when it begins and once when it is over, and once a minute at most."""

import pytest

from warmprefix.stores.outage import Outage

ROWS = [
    # minutes at which it fails (-) or works (+), what is said
    ("works", "0+ 1+", []),
    ("fails", "0- 0.1- 5-", ["gone"]),
    ("fails-and-works", "0- 0.5+ 0.6+", ["gone", "back"]),
    ("again-within-a-minute", "0- 0.1+ 0.2- 0.3+", ["gone", "back"]),
    ("again-later", "0- 0.1+ 2- 3+", ["gone", "back", "gone", "back"]),
    ("again-and-lasts", "0- 0.1+ 0.2- 1.1-", ["gone", "back", "gone"]),
]


@pytest.mark.parametrize(("story", "said"), [row[1:] for row in ROWS], ids=[r[0] for r in ROWS])
def test_what_is_said_of_an_outage(
    story: str,
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    now_s = [0.0]
    monkeypatch.setattr("warmprefix.stores.outage.time.monotonic", lambda: now_s[0])
    outage = Outage("back")
    for step in story.split():
        now_s[0] = 1_000.0 + float(step[:-1]) * 60
        if step.endswith("-"):
            outage.begins("gone")
        else:
            outage.ends()

    assert caplog.messages == said
