"""The comparer finds every change of an answer, and takes chance for chance."""

import json
from dataclasses import dataclass, field

import pytest

from tests.conformance.cases import Case, judge
from tests.conformance.comparing import Difference, differences
from tests.fakes.raw_client import Answer, Arrival

JSON_TYPE = ("Content-Type", "application/json")
EVENTS_TYPE = ("Content-Type", "text/event-stream")
TEXT_TYPE = ("Content-Type", "text/plain")
RANDOM = "chatcmpl-" + "a" * 32
OTHER = "chatcmpl-" + "b" * 32


def answer(
    body: str,
    *headers: tuple[str, str],
    status_line: str = "HTTP/1.1 200 OK",
    complete: bool = True,
) -> Answer:
    """An answer with these bytes."""
    status = int(status_line.split()[1])
    arrivals = [Arrival(body.encode(), 0.0)]
    return Answer(status_line.encode(), status, [*headers], [], arrivals, [], complete)


def events(*datas: object, end: str = "\n\n") -> str:
    """A stream of these events."""
    texts = [
        data if isinstance(data, str) else json.dumps(data, separators=(",", ":")) for data in datas
    ]
    return "".join(f"data: {text}{end}" for text in texts)


@dataclass(frozen=True)
class Row:
    """Two answers, and the paths at which they differ."""

    id: str
    direct: Answer
    through: Answer
    paths: list[str] = field(default_factory=list)


def bodies(id: str, direct: str, through: str, *paths: str) -> Row:
    """Two JSON answers that differ in their bodies only."""
    return Row(id, answer(direct, JSON_TYPE), answer(through, JSON_TYPE), [*paths])


def streams(id: str, direct: str, through: str, *paths: str) -> Row:
    """Two streams."""
    return Row(id, answer(direct, EVENTS_TYPE), answer(through, EVENTS_TYPE), [*paths])


def heads(
    id: str, direct: list[tuple[str, str]], through: list[tuple[str, str]], *paths: str
) -> Row:
    """Two empty answers that differ in their headers only."""
    return Row(id, answer("", *direct), answer("", *through), [*paths])


ONE, TWO = {"a": 1}, {"b": 2}
ROWS = [
    bodies("same", '{"a":1}', '{"a":1}'),
    bodies("changed", '{"a":1}', '{"a":2}', "body.a"),
    bodies("changed-inside", '{"a":[{"b":"x"}]}', '{"a":[{"b":"y"}]}', "body.a.0.b"),
    bodies("missing", '{"a":1,"b":2}', '{"a":1}', "body.(members)"),
    bodies("added", '{"a":1}', '{"a":1,"b":2}', "body.(members)"),
    bodies("another-order", '{"a":1,"b":2}', '{"b":2,"a":1}', "body.(members)"),
    bodies("longer-list", '{"a":[1]}', '{"a":[1,2]}', "body.a.(length)"),
    bodies("another-type", '{"a":1}', '{"a":"1"}', "body.a"),
    bodies("null", '{"a":null}', '{"a":0}', "body.a"),
    bodies("number-spelling", '{"a":1.0}', '{"a":1.00}', "body.a"),
    bodies("white-space", '{"a":1}', '{"a": 1}', "bytes"),
    bodies("escapes", '{"a":"é"}', '{"a":"\\u00e9"}', "bytes"),
    bodies("truth", '{"a":true}', '{"a":false}', "body.a"),
    bodies("chance-id", f'{{"id":"{RANDOM}"}}', f'{{"id":"{OTHER}"}}'),
    bodies("chance-prefix", f'{{"id":"{RANDOM}"}}', '{"id":"cmpl-' + "a" * 32 + '"}', "body.id"),
    bodies("chance-length", f'{{"id":"{RANDOM}"}}', '{"id":"chatcmpl-1"}', "body.id"),
    bodies("chance-repeated", f'[{{"id":"{RANDOM}"}},{{"id":"{RANDOM}"}}]',
        f'[{{"id":"{RANDOM}"}},{{"id":"{OTHER}"}}]', "body.1.id"),
    bodies("fixed-id", '{"id":"tiny"}', '{"id":"tony"}', "body.id"),
    bodies("token-id", '{"id":7}', '{"id":8}', "body.id"),
    bodies("clock", '{"created":1,"prompt_ms":1.5,"x_per_second":2}',
        '{"created":22,"prompt_ms":0.25,"x_per_second":9e3}'),
    bodies("clock-type", '{"created":1}', '{"created":"1"}', "body.created"),
    bodies("clock-missing", '{"created":1}', "{}", "body.(members)"),
    bodies("count", '{"prompt_n":3}', '{"prompt_n":4}', "body.prompt_n"),
    streams("same-events", events(ONE, TWO, "[DONE]"), events(ONE, TWO, "[DONE]")),
    streams("events-swapped", events(ONE, TWO), events(TWO, ONE),
        "body.0.0.1.(members)", "body.1.0.1.(members)"),
    streams("event-changed", events(ONE, TWO), events(ONE, {"b": 3}), "body.1.0.1.b"),
    streams("event-missing", events(ONE, "[DONE]"), events(ONE), "body.(length)", "body.1.0.0",
        "body.1.0.1"),
    streams("event-added", events(ONE), events(ONE, "[DONE]"), "body.(length)", "body.1.0.0",
        "body.1.0.1"),
    streams("event-named", "event: a\ndata: 1\n\n", "event: b\ndata: 1\n\n", "body.0.0.1"),
    streams("event-unnamed", "event: a\ndata: 1\n\n", "data: 1\n\n", "body.0.(length)", "body.0.0.0",
        "body.0.0.1"),
    streams("comment", ":\n\ndata: 1\n\n", "data: 1\n\n", "body.(length)", "body.0.0.0", "body.0.0.1",
        "body.1.0.0", "body.1.0.1"),
    streams("joined", events(ONE, TWO), events(ONE, TWO, end="\n"), "body.(length)",
        "body.0.(length)"),
    streams("event-chance", events({"id": RANDOM}), events({"id": OTHER})),
    Row("status", answer(""), answer("", status_line="HTTP/1.1 201 OK"), ["status"]),
    Row("reason", answer(""), answer("", status_line="HTTP/1.1 200 Fine"), ["reason"]),
    Row("cut", answer(""), answer("", complete=False), ["complete"]),
    Row("text", answer("a 1\nb 2", TEXT_TYPE), answer("a 1\nb 3", TEXT_TYPE), ["body.1"]),
    Row("measured-line", answer("llamacpp:x_seconds_total 1", TEXT_TYPE),
        answer("llamacpp:x_seconds_total 2.5", TEXT_TYPE)),
    Row("counted-line", answer("llamacpp:x_total 1", TEXT_TYPE),
        answer("llamacpp:x_total 2", TEXT_TYPE), ["body.0"]),
    heads("header-case", [("X-A", "1")], [("x-a", "1")], "header names"),
    heads("header-order", [("X-A", "1"), ("X-B", "2")], [("X-B", "2"), ("X-A", "1")]),
    heads("header-changed", [("X-A", "1")], [("X-A", "2")], "header x-a"),
    heads("header-missing", [("X-A", "1")], [], "header names"),
    heads("header-added", [], [("X-A", "1")], "header names"),
    heads("header-twice", [("X-A", "1")], [("X-A", "1"), ("X-A", "1")], "header names", "header x-a"),
    heads("header-values-swapped", [("X-A", "1"), ("X-A", "2")], [("X-A", "2"), ("X-A", "1")],
        "header x-a"),
    heads("connection", [("Connection", "close")], [("Keep-Alive", "timeout=5")]),
    heads("date-added", [], [("Date", "now")]),
    heads("date-changed", [("Date", "then")], [("Date", "now")], "header date"),
    heads("chunked", [("Transfer-Encoding", "chunked")], [], "chunked"),
    heads("length-missing", [("Content-Length", "0")], [], "header names"),
    heads("length-wrong", [("Content-Length", "0")], [("Content-Length", "1")],
        "header content-length"),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_what_differs(row: Row) -> None:
    assert [difference.path for difference in differences(row.direct, row.through)] == row.paths


def test_a_member_that_is_there_twice_is_an_error() -> None:
    with pytest.raises(AssertionError, match="repeated"):
        differences(answer('{"a":1,"a":1}', JSON_TYPE), answer('{"a":1,"a":1}', JSON_TYPE))


STATUS, REASON = Difference("status", 500, 200), Difference("reason", "a", "b")
MEMBERS, OTHERS = Difference("body.(members)", ["a"], ["b"]), Difference("body.a", 1, 2)
JUDGED = [
    ("nothing", None, [], True),
    ("unexpected", None, [STATUS], False),
    ("all-of-the-row", "null of a text", [STATUS, REASON, MEMBERS], True),
    ("one-is-missing", "null of a text", [STATUS, MEMBERS], False),
    ("one-more", "null of a text", [STATUS, REASON, MEMBERS, OTHERS], False),
    ("none-any-more", "null of a text", [], False),
]


@pytest.mark.parametrize(
    ("differs", "found", "is_fine"), [row[1:] for row in JUDGED], ids=[row[0] for row in JUDGED]
)
def test_a_difference_needs_its_row(
    differs: str | None, found: list[Difference], is_fine: bool
) -> None:
    case = Case("case", "/", differs=differs)
    if is_fine:
        judge(case, found)
    else:
        with pytest.raises(AssertionError):
            judge(case, found)
