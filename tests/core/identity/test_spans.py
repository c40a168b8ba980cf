"""What looks like a clock, a date, an id or a number in one line."""

import pytest

from warmprefix.core.identity.spans import coded, spans_of


def found(line: str) -> list[tuple[str, str]]:
    return [(line[span.start : span.end], span.kind) for span in spans_of(coded(line))]


@pytest.mark.parametrize(
    ("line", "spans"),
    [
        ("at 10:05:33.250 PM CET", [("10:05:33.250 PM CET", "clock")]),
        ("10h05", [("10h05", "clock")]),
        ("à 10 h", [("10 h", "clock")]),
        ("10.05 Uhr", [("10.05 Uhr", "clock")]),
        ("下午3点04分", [("下午3点04分", "clock")]),
        ("2031-05-06T10:00:40.000Z", [("2031-05-06T10:00:40.000Z", "clock")]),
        ("20310506T100040Z", [("20310506T100040Z", "clock")]),
        ("6 May 2031", [("6 May 2031", "date")]),
        ("May 6th, 2031", [("May 6th, 2031", "date")]),
        ("Dienstag, 6. Mai 2031", [("Dienstag, 6. Mai 2031", "date")]),
        ("2031. május 6.", [("2031. május 6.", "date")]),
        ("6/5/2031", [("6/5/2031", "date")]),
        ("2031年5月6日(火)", [("2031年5月6日(火)", "date")]),
        ("二〇三一年五月六日", [("二〇三一年五月六日", "date")]),
        ("10:05:33+02:00", [("10:05:33+02:00", "clock")]),
        ("10:05 (UTC-5)", [("10:05 (UTC-5)", "clock")]),
        ("2031-05-06T10:00-05:00", [("2031-05-06T10:00-05:00", "clock")]),
        ("Tuesday", [("Tuesday", "date")]),
        ("٦ مايو ٢٠٣١", [("٦ مايو ٢٠٣١", "date")]),
        ("01234567-89ab-cdef-0123-456789abcdef", [("01234567-89ab-cdef-0123-456789abcdef", "id")]),
        ("Session ID: x-1", [("x-1", "id")]),
        ("session=8f3a2b1c", [("8f3a2b1c", "id")]),
        ("req-8f3a2b1c", [("req-8f3a2b1c", "id")]),
        ("[###   ]", [("[###   ]", "bar")]),
        ("2h 5m", [("2h 5m", "amount")]),
        ("40%", [("40%", "amount")]),
        ("1,085/2,200", [("1,085", "number"), ("2,200", "number")]),
        ("v1.2.3 RTX4060 gpt4 2x 7B", [("7B", "amount")]),
        ("9:75 and 25:00", [("9", "number"), ("75", "number"), ("25", "number"), ("00", "number")]),
    ],
)
def test_the_spans_of_a_line(line: str, spans: list[tuple[str, str]]) -> None:
    assert found(line) == spans


@pytest.mark.parametrize("line", ["you may 6 times", "set 7 alarms", "march 3 steps", "Set 7"])
def test_a_word_that_is_also_a_month_is_none_without_a_year(line: str) -> None:
    assert "date" not in [kind for _, kind in found(line)]


def test_a_short_word_is_no_day_of_a_week() -> None:
    assert found("an 6 Mai 2031") == [("6 Mai 2031", "date")]
    assert found("Di. 6. Mai 2031") == [("Di. 6. Mai 2031", "date")]


def test_the_coded_line_is_as_long_as_the_line() -> None:
    line = "Am Dienstag, ٦ مايو, im Oktober, 6 במאי"

    assert len(coded(line)) == len(line)


@pytest.mark.parametrize(
    "line", ["6 May 2031, 10:05", "10:05 on 6 May 2031", "2031-05-06 um 10:05"]
)
def test_a_date_and_a_clock_beside_each_other_are_strong(line: str) -> None:
    assert all(span.strong for span in spans_of(coded(line)))


def test_the_days_of_dates_grow() -> None:
    days = [spans_of(coded(line))[0].day for line in ("2031-05-31", "2031-06-01", "2032-01-01")]

    assert None not in days
    assert days == sorted(days, key=lambda day: day or 0)
    assert [span.day for span in spans_of(coded("6/5/2031 May 2031"))] == [None, None]
