"""What the soak calls lost: each kind of loss is seen, and what is as it should be is none."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.soak.verdict import fates, log_losses, loss

Line = dict[str, Any]

ASKS: Line = {"event": "asks", "kind": "chat"}
BEGIN: Line = {"event": "begin", "fault": "none"}
ANSWERS: Line = {"event": "answers", "fault": "none"}
ENDING: Line = {"event": "ending", "fault": "none", "status": 200, "digest": "d"}
WHOLE: Line = {**ENDING, "event": "whole"}
CUT: Line = {**ENDING, "event": "cut", "fault": "reset"}
GOT: Line = {"event": "got", "status": 200, "clean": True, "digest": "d"}
REFUSED: Line = {"event": "got", "status": 502, "clean": True, "digest": "ours"}
BROKEN: Line = {**GOT, "clean": False, "digest": "half"}
LEFT: Line = {"event": "left", "when": "in the body"}
TIRED: Line = {"event": "left", "when": "patience"}
STALL: Line = {"event": "begin", "fault": "stalls for ever"}

CASES = [
    pytest.param([BEGIN, ENDING, WHOLE], GOT, None, id="whole"),
    pytest.param([BEGIN, CUT], BROKEN, None, id="cut-is-seen"),
    pytest.param([BEGIN, CUT], REFUSED, None, id="cut-is-told"),
    pytest.param([], REFUSED, None, id="nobody-there"),
    pytest.param([BEGIN, ENDING], GOT, None, id="killed-behind-the-end"),
    pytest.param([BEGIN], LEFT, None, id="client-left"),
    pytest.param([STALL], TIRED, None, id="a-stall"),
    pytest.param([BEGIN, ENDING, WHOLE], BROKEN, "answered whole, did not arrive", id="broken"),
    pytest.param([BEGIN, ENDING, WHOLE], REFUSED, "answered whole, did not arrive", id="refused"),
    pytest.param([BEGIN, CUT], GOT, "cut by the backend, ended cleanly", id="clean-after-cut"),
    pytest.param([BEGIN], GOT, "cut by the backend, ended cleanly", id="clean-after-kill"),
    pytest.param([BEGIN, ENDING, WHOLE], {**GOT, "digest": "x"}, "other bytes", id="bytes"),
    pytest.param([BEGIN, ENDING, WHOLE], TIRED, "hung", id="hung"),
    pytest.param([BEGIN, BEGIN, ANSWERS, ENDING, WHOLE], GOT, None, id="again-after-no-answer"),
    pytest.param([BEGIN, CUT, BEGIN, CUT], REFUSED, None, id="again-for-nothing"),
    pytest.param(
        [BEGIN, ANSWERS, BEGIN, ANSWERS, WHOLE], GOT, "sent twice", id="again-after-an-answer"
    ),
    pytest.param([BEGIN, BEGIN, BEGIN, ANSWERS, WHOLE], GOT, "sent twice", id="three-times"),
    pytest.param([BEGIN, ENDING, WHOLE], None, "no end noted by the client", id="no-end"),
]


def written(path: Path, lines: list[Line]) -> Path:
    """A journal about request 7."""
    path.write_text("".join(json.dumps({"serial": 7, **line}) + "\n" for line in lines))
    return path


@pytest.mark.parametrize(("sent", "got", "expected"), CASES)
def test_a_loss_is_seen(
    sent: list[Line], got: Line | None, expected: str | None, tmp_path: Path
) -> None:
    client = written(tmp_path / "client", [ASKS, *([got] if got else [])])
    backend = written(tmp_path / "backend", sent)

    assert loss(fates(client, [backend])[7]) == expected


@pytest.mark.parametrize(("counts", "is_right"), [([7], True), ([], False), ([7, 7], False)])
def test_a_chat_request_has_one_line(counts: list[int], is_right: bool, tmp_path: Path) -> None:
    client = written(tmp_path / "client", [ASKS, GOT])
    found = fates(client, [written(tmp_path / "backend", [BEGIN, ENDING, WHOLE])])

    assert (log_losses(found, [{"prompt_tokens": count} for count in counts]) == []) is is_right
