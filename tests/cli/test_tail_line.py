"""One turn as one line: every column, what is absent, what failed, where the cache broke."""

from collections.abc import Mapping
from datetime import UTC, timedelta, timezone

import pytest

from warmprefix.cli.tail_line import parse_record, render_line, render_other

TURN: Mapping[str, object] = {
    "time": "2026-03-01T12:04:31.250+00:00",
    "turn": "t1",
    "conversation": "3f9c2a81d07e",
    "client": "hermes",
    "stream": True,
    "status": 200,
    "outcome": "ok",
    "kind": "append",
    "prompt_tokens": 12034,
    "cached_tokens": 11980,
    "processed_tokens": 54,
    "cache_ratio": 0.99551,
    "break": None,
    "ttft_ms": 312.0,
    "total_ms": 4000.0,
}
LINE = (
    "12:04:31 hermes       ▸ 3f9c2a81   12,034 prompt   11,980 cached   99.5%"
    "       54 processed    0.3 s  append"
)


def line_of(**changed: object) -> str:
    return render_line({**TURN, **changed}, zone=UTC).plain


def test_a_turn_is_one_aligned_line() -> None:
    assert line_of() == LINE


CHANGED = [
    pytest.param({"kind": "side"}, " ▸ side     ", id="side-request"),
    pytest.param({"conversation": None}, " ▸ –        ", id="no-conversation"),
    pytest.param({"client": "a-very-long-client"}, " a-very-long… ▸", id="long-client"),
    pytest.param(
        {"outcome": "backend_unreachable", "status": 502, "kind": "cold", "processed_tokens": None},
        "s  failed  backend_unreachable 502",
        id="came-to-nothing",
    ),
    pytest.param({"outcome": "client_gone", "kind": "cold"}, "s  cold  client_gone", id="was-read"),
    pytest.param({"client": None}, " –            ▸", id="no-client"),
    pytest.param({"cached_tokens": None}, "        – cached", id="not-reported"),
    pytest.param({"cached_tokens": 0}, "        0 cached", id="zero-is-not-absent"),
    pytest.param({"cache_ratio": None}, " cached       –  ", id="no-ratio"),
    pytest.param({"cache_ratio": 1.0}, " cached  100.0%", id="everything-cached"),
    pytest.param({"cache_ratio": 0.99999}, " cached   99.9%", id="nearly-everything-is-not-100"),
    pytest.param({"cache_ratio": 0.29}, " cached   29.0%", id="cut-keeps-exact-values"),
    pytest.param({"stream": False}, "    4.0 s", id="whole-reply-counts-to-its-end"),
    pytest.param({"ttft_ms": None}, "      – s", id="no-first-token"),
    pytest.param({"ttft_ms": 1234567}, " 1,234.6 s", id="long-wait"),
    pytest.param({"time": 1772366671.25}, "12:04:31 hermes", id="time-as-number"),
    pytest.param({"time": "2026-03-01T12:04:31Z"}, "12:04:31 hermes", id="time-with-z"),
    pytest.param({"time": None}, "–        hermes", id="no-time"),
    pytest.param({"time": "yesterday"}, "yesterd… hermes", id="odd-time"),
    pytest.param({"client": "a\x1b[2J\n"}, " a�[2J�       ▸", id="cannot-steer-the-terminal"),
]


@pytest.mark.parametrize(("changed", "part"), CHANGED)
def test_a_column_shows(changed: Mapping[str, object], part: str) -> None:
    assert part in line_of(**changed)


def test_the_time_is_that_of_the_zone() -> None:
    zone = timezone(timedelta(hours=2))

    assert render_line(TURN, zone=zone).plain.startswith("14:04:31 ")


FAILURES = [
    pytest.param({"outcome": "backend_error", "status": 503}, "  backend_error 503", id="backend"),
    pytest.param({"outcome": "client_gone"}, "  client_gone 200", id="client-gone"),
    pytest.param({"outcome": "refused", "status": None}, "  refused", id="no-status"),
    pytest.param({"status": 400}, "  ok 400", id="relayed-refusal"),
]


@pytest.mark.parametrize(("changed", "end"), FAILURES)
def test_a_failure_stands_in_red_at_the_end(changed: Mapping[str, object], end: str) -> None:
    line = render_line({**TURN, **changed}, zone=UTC)

    assert line.plain == LINE + end
    assert "bold red" in [span.style for span in line.spans]


def test_what_failed_open_is_named() -> None:
    assert line_of(failed_open=None) == LINE
    assert line_of(failed_open=["slot", "record"]) == LINE + "  failed open: slot, record"


def test_a_cache_break_names_path_and_cause() -> None:
    found = {"path": "messages[3].content", "cause": "clock", "before": "secret"}

    assert line_of(**{"break": found}) == LINE + "  ✂ messages[3].content clock"


@pytest.mark.parametrize(
    ("ratio", "style"),
    [
        pytest.param(0.9, "green", id="good"),
        pytest.param(0.89, "yellow", id="fair"),
        pytest.param(0.5, "yellow", id="half"),
        pytest.param(0.49, "red", id="poor"),
        pytest.param(0, "red", id="nothing"),
        pytest.param(None, "dim", id="not-reported"),
    ],
)
def test_the_ratio_has_the_colour_of_its_value(ratio: float | None, style: str) -> None:
    line = render_line({**TURN, "cache_ratio": ratio}, zone=UTC)

    styles = {line.plain[span.start : span.end].strip(): span.style for span in line.spans}
    assert next(styles[text] for text in styles if text.endswith("%") or text == "–") == style


@pytest.mark.parametrize(
    "line",
    [b"INFO: started", b"[1]", b"", b'{"other": 1}', b"\xff"],
    ids=["prose", "list", "empty", "other-object", "not-utf8"],
)
def test_what_is_no_turn_is_no_record(line: bytes) -> None:
    assert parse_record(line) is None


def test_other_lines_are_shown_as_they_are_but_cannot_steer_the_terminal() -> None:
    assert render_other(b"INFO: \x1b[31mx\xff\r\n").plain == "INFO: �[31mx�"


WORST = {
    "client": "日本語クライアント",
    "prompt_tokens": 1_234_567,
    "processed_tokens": 1_234_567,
    "ttft_ms": 9_999_900.0,
    "kind": "compaction",
    "status": 502,
    "outcome": "backend_error",
    "failed_open": ["store", "routing"],
    "break": {"path": "messages[2].tool_calls[0].function.arguments", "cause": "tool-description"},
}


@pytest.mark.parametrize("width", [40, 60, 80, 107, 108, 140, 300])
@pytest.mark.parametrize(
    "changed", [{}, {"client": "日本語クライアント"}, WORST], ids=["usual", "wide", "worst"]
)
def test_no_line_is_wider_than_the_terminal(width: int, changed: Mapping[str, object]) -> None:
    lines = render_line({**TURN, **changed}, zone=UTC, width=width).split()

    assert [line.plain for line in lines if line.cell_len > width] == []


def test_fewer_columns_say_less() -> None:
    eighty, forty = (render_line(TURN, zone=UTC, width=width).plain for width in (80, 40))

    assert eighty == "12:04:31 hermes     ▸ 3f9c2a81   12,034  99.5%      54 read    0.3 s append"
    assert forty == "12:04 hermes    99.5%      54 append"
    assert render_line(TURN, zone=UTC, width=200).plain == LINE


def test_what_is_wrong_has_lines_of_its_own_if_it_does_not_fit() -> None:
    found = {"path": "messages[12].content[0].text_of_it", "cause": "clock"}
    line = render_line({**TURN, "break": found}, zone=UTC, width=40)
    beside = render_line({**TURN, "break": found}, zone=UTC, width=160)

    assert line.plain.splitlines()[1] == "  ✂ clock messages[12].content[0].text_…"
    assert beside.plain == f"{LINE}  ✂ messages[12].content[0].text_of_it clock"
