"""A reply read, whatever the pieces: text, reasoning, calls, counts, errors, and how it ended."""

from typing import Any, NamedTuple

import pytest

from tests.dialects.replies import READ_TIMINGS, TIMINGS
from tests.dialects.responses.requests import (
    CALLED,
    REPLY,
    SAID,
    SEARCHED,
    THOUGHT,
    Json,
    called,
    dumped,
    message,
    text,
    whole,
)
from warmprefix.core.types import Finish, Part, ReasoningPart, Reply, Usage
from warmprefix.dialects.responses.items import parse_message
from warmprefix.dialects.responses.reply import ResponsesReader

USAGE = {"input_tokens": 618, "output_tokens": 8, "total_tokens": 626,
    "input_tokens_details": {"cached_tokens": 617}}  # fmt: skip
COUNTS = Usage(618, 617, 8)


def read(stream: bool, *pieces: bytes) -> Reply:
    reader = ResponsesReader(stream)
    for piece in pieces:
        reader.feed(piece)
    return reader.finish()


def event(kind: str, /, **members: Any) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), dumped({"type": kind, **members}))


def added(item: Json, **members: Any) -> bytes:
    begun = {"content": [], "arguments": ""}
    own = {**item, **{name: value for name, value in begun.items() if name in item}}
    return event("response.output_item.added", item={**own, "status": "in_progress", **members})


def delta(kind: str, item: str, piece: Any) -> bytes:
    return event(f"response.{kind}.delta", item_id=item, delta=piece)


def response(*output: Json, status: str = "completed", **members: Any) -> Json:
    return {"id": "resp_1", "object": "response", "status": status, "model": "m",
        "output": [*output], "usage": USAGE, **members}  # fmt: skip


def ended(*output: Json, kind: str = "completed", **members: Any) -> bytes:
    whole_one = response(*output, status=kind)
    return event(f"response.{kind}", response=whole_one, timings=TIMINGS, **members)


BEGUN = event("response.created", response={"id": "resp_1", "status": "in_progress"}) + event(
    "response.in_progress", response={"id": "resp_1", "status": "in_progress"}
)
THINKS = (
    added(THOUGHT) + delta("reasoning_text", "rs_1", "Hm") + delta("reasoning_text", "rs_1", ".\n")
)
SAYS = (
    added(SAID)
    + event(
        "response.content_part.added", item_id="msg_1", part={"type": "output_text", "text": ""}
    )
    + delta("output_text", "msg_1", "  I ")
    + delta("output_text", "msg_1", "look.\n\n")
)
CALLS = (
    added(CALLED)
    + delta("function_call_arguments", "fc_1", '{ "at":')
    + delta("function_call_arguments", "fc_1", " 1e1 }")
)
DONE = b"".join(event("response.output_item.done", item=item) for item in (THOUGHT, SAID, CALLED))


def ok(*parts: Part, **members: Any) -> Reply:
    values = {"finish": Finish.ANSWER, "usage": COUNTS, "timings": READ_TIMINGS, "complete": True,
        "model": "m", **members}  # fmt: skip
    return Reply(message("assistant", *parts) if parts else None, **values)


def cut(*parts: Part, **members: Any) -> Reply:
    return Reply(message("assistant", *parts) if parts else None, **members)


class Case(NamedTuple):
    id: str
    stream: bytes
    expected: Reply


STREAMS = [
    Case("answer", BEGUN + SAYS + ended(SAID), ok(whole("  I look.\n\n"))),
    Case("all", BEGUN + THINKS + SAYS + CALLS + DONE + ended(THOUGHT, SAID, CALLED),
        ok(*REPLY.parts, finish=Finish.CALLS)),
    Case("end-alone", ended(SAID), ok(whole("  I look.\n\n"))),
    Case("end-without-output", BEGUN + SAYS + event("response.completed", response={"status": "completed"}),
        cut(whole("  I look.\n\n"), finish=Finish.ANSWER, complete=True)),
    Case("nothing-said", BEGUN + ended(), ok()),
    Case("empty-text", ended({**SAID, "content": [{"type": "output_text", "text": ""}]}), ok()),
    Case("texts", ended({**SAID, "content": [{"text": "a"}, {"text": "b"}, {"refusal": "c"}, 5]}),
        ok(text("a"), text("b"))),
    Case("thoughts", ended({**THOUGHT, "content": [{"text": "a"}, {"text": "b"}]}),
        ok(ReasoningPart("a"))),
    Case("of-another-kind", ended(SEARCHED, SAID), ok(whole("  I look.\n\n"))),
    Case("odd-items", ended({**SAID, "content": "x"}, {**CALLED, "call_id": 1, "name": 2, "arguments": {}}),
        ok(called("", "", ""), finish=Finish.CALLS)),
    Case("incomplete", BEGUN + SAYS + ended(SAID, kind="incomplete"),
        ok(whole("  I look.\n\n"), finish=Finish.OTHER)),
    Case("failed", BEGUN + event("response.failed", response=response(
        status="failed", error={"code": "server_error", "message": "No."})),
        cut(usage=COUNTS, model="m", error="No.")),
    Case("error-event", BEGUN + SAYS + event("error", code="x", message="No."),
        cut(whole("  I look.\n\n"), error="No.")),
    Case("error-of-llama-server", BEGUN + SAYS + b'data: {"error":{"code":500,"message":"No."}}\n\n',
        cut(whole("  I look.\n\n"), error="No.")),
    Case("error-as-text", b'data: {"error":"No."}\n\n', cut(error="No.")),
    Case("odd-error", b'data: {"error":{"code":5}}\n\n', cut(error="unknown error")),
    Case("cut-in-a-text", BEGUN + THINKS + SAYS, cut(ReasoningPart("Hm.\n"), whole("  I look.\n\n"))),
    Case("cut-in-a-call", BEGUN + CALLS, cut(called("fc_a", "look", '{ "at": 1e1 }'))),
    Case("cut-before-the-end", BEGUN + THINKS + SAYS + CALLS + DONE, cut(*REPLY.parts)),
    Case("cut-at-once", BEGUN + added(SAID), cut()),
    Case("cut-before-a-call-goes-on", BEGUN + added(CALLED), cut(called("fc_a", "look", ""))),
    Case("pieces-of-nothing", delta("output_text", "msg_9", "x") + added(SAID)
        + delta("output_text", "msg_1", 5), cut()),
    Case("no-id", added(SAID, id=None) + added(CALLED, id=5), cut(called("fc_a", "look", ""))),
    Case("odd-kind", b'data: {"type":{}}\n\n' + ended(SAID), ok(whole("  I look.\n\n"))),
    Case("pieces-of-an-odd-item", b'data: {"type":"response.output_text.delta","item_id":[],"delta":"x"}\n\n',
        cut()),
    Case("no-item", event("response.output_item.added", item=5), cut()),
    Case("odd-end", event("response.completed", response=5, timings=5), cut()),
    Case("pings", b":\n\n" + BEGUN + b":\n\n" + SAYS + ended(SAID), ok(whole("  I look.\n\n"))),
    Case("no-json", b"data: [DONE]\n\ndata: 5\n\n", cut()),
    Case("odd-counts", event("response.completed", response={**response(SAID), "model": 5, "output": 5,
        "usage": {"input_tokens": -1, "input_tokens_details": None}}),
        cut(finish=Finish.ANSWER, usage=Usage(), complete=True)),
    Case("odd-output", event("response.completed", response={**response(5, SAID), "usage": None}),  # type: ignore[arg-type]
        cut(whole("  I look.\n\n"), finish=Finish.ANSWER, complete=True, model="m")),
    Case("cut-in-the-last-line", ended(SAID).rstrip(), ok(whole("  I look.\n\n"))),
    Case("nothing", b"", cut()),
]  # fmt: skip


@pytest.mark.parametrize("case", STREAMS, ids=lambda case: case.id)
def test_a_stream_is_read(case: Case) -> None:
    assert read(True, case.stream) == case.expected


@pytest.mark.parametrize("case", STREAMS, ids=lambda case: case.id)
def test_pieces_of_any_size_are_the_same(case: Case) -> None:
    pieces = [case.stream[at : at + 1] for at in range(len(case.stream))]

    assert read(True, *pieces) == case.expected
    for at in range(0, len(case.stream), 7):
        assert read(True, case.stream[:at], case.stream[at:]) == case.expected


def test_a_reply_has_the_bytes_of_its_items() -> None:
    found = read(True, ended(THOUGHT, SAID, CALLED)).message

    assert found is not None
    assert found.raw is not None
    assert parse_message(found.raw) == found == REPLY


BODIES = [
    Case("answer", dumped(response(SAID)), ok(whole("  I look.\n\n"), timings=None)),
    Case("all", dumped(response(THOUGHT, SAID, CALLED, error=None)),
        ok(*REPLY.parts, finish=Finish.CALLS, timings=None)),
    Case("incomplete", dumped(response(SAID, status="incomplete")),
        ok(whole("  I look.\n\n"), finish=Finish.OTHER, timings=None)),
    Case("error", dumped({"error": {"code": 400, "message": "No."}}), cut(error="No.")),
    Case("no-json", b"<html>", cut()),
    Case("no-object", b"5", cut()),
]  # fmt: skip


@pytest.mark.parametrize("case", BODIES, ids=lambda case: case.id)
def test_a_whole_body_is_read(case: Case) -> None:
    half = len(case.stream) // 2

    assert read(False, case.stream) == case.expected
    assert read(False, case.stream[:half], case.stream[half:]) == case.expected


def test_a_body_beyond_the_limit_is_no_longer_read() -> None:
    """Relayed, but not kept: a reply has 64 MiB at most."""
    reader = ResponsesReader(stream=False)
    piece = b" " * 1024 * 1024
    for _ in range(66):
        reader.feed(piece)
    reader.feed(dumped(response(SAID)))

    assert reader.finish() == Reply()
    assert reader.done is False


SEEN = [
    pytest.param(BEGUN, False, False, id="nothing-yet"),
    pytest.param(BEGUN + added(SAID), False, False, id="an-empty-item"),
    pytest.param(
        BEGUN + added(SAID) + delta("output_text", "msg_1", ""), False, False, id="no-text"
    ),
    pytest.param(BEGUN + SAYS, True, False, id="text"),
    pytest.param(BEGUN + THINKS, True, False, id="reasoning"),
    pytest.param(BEGUN + added(CALLED), True, False, id="a-call"),
    pytest.param(BEGUN + SAYS + ended(SAID), True, True, id="the-end"),
    pytest.param(
        BEGUN + event("response.failed", response={"error": "x"}), False, True, id="failed"
    ),
]


@pytest.mark.parametrize(("stream", "has_output", "is_done"), SEEN)
def test_what_has_come_is_known_at_once(stream: bytes, has_output: bool, is_done: bool) -> None:
    reader = ResponsesReader(stream=True)
    reader.feed(stream)

    assert (reader.has_output, reader.done) == (has_output, is_done)
