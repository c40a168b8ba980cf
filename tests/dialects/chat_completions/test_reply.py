"""A streamed reply, whatever the pieces: text, reasoning, calls, counts, errors, and how it ended."""

from typing import Any

import pytest

from tests.chat_dialect import tool_call
from tests.dialects.replies import (
    DONE,
    HI,
    OK,
    PING,
    READ,
    READ_TIMINGS,
    READ_USAGE,
    ROLE,
    STOP,
    TIMINGS,
    USAGE,
    Case,
    F,
    call,
    chunk,
    data,
    ok,
    read,
    said,
)
from warmprefix.core.types import Finish, Reply, Timings
from warmprefix.dialects.chat_completions.reply import ChatReader
from warmprefix.dialects.reader import Json

METRICS = {"time_to_first_token_ms": 85.2, "generation_time_ms": 9, "queue_time_ms": 1.5}
STREAMS = [
    Case(
        "timings-on-the-last-chunk",
        HI + data(chunk("stop") | {"timings": TIMINGS}) + DONE,
        ok(timings=READ_TIMINGS),
        "server-task.cpp:502-519, no include_usage",
    ),
    Case(
        "usage-and-metrics-behind",
        HI + STOP + data({"choices": [], "model": "m", "usage": USAGE, "metrics": METRICS}) + DONE,
        ok(usage=READ_USAGE, timings=Timings(prompt_ms=85.2, predicted_ms=9.0)),
        "https://docs.vllm.ai/en/latest/features/per_request_metrics/",
    ),
    Case(
        "usage-and-timings-behind",
        HI + STOP + data({"choices": [], "model": "m", "usage": USAGE, "timings": TIMINGS}) + DONE,
        ok(usage=READ_USAGE, timings=READ_TIMINGS),
        "server-task.cpp:502-519, include_usage",
    ),
    Case(
        "timings-per-token",
        ROLE
        + data(chunk(content="Hi") | {"timings": TIMINGS | {"predicted_n": 1}})
        + data(chunk("stop") | {"timings": TIMINGS})
        + DONE,
        ok(timings=READ_TIMINGS),
        "server-task.cpp:1101: the last counts",
    ),
    Case(
        "usage-null-until-the-end",
        HI + data(chunk("stop") | {"usage": None}) + data({"choices": [], "usage": USAGE}) + DONE,
        ok(usage=READ_USAGE),
        "OpenAI, vLLM",
    ),
    Case(
        "pings",
        PING + PING + ROLE + PING + data(chunk(content="Hi")) + STOP + PING + DONE,
        OK,
        "Lemonade after v11.7.0",
    ),
    Case(
        "progress",
        data(chunk(role="assistant", content=None) | {"prompt_progress": {"total": 9}}) * 3
        + HI
        + STOP
        + DONE,
        OK,
        "return_progress: the role is repeated",
    ),
    Case("no-done", HI + STOP, OK, "Lemonade before it adds one"),
    Case("no-finish-reason", HI + DONE, ok(finish=None), "own"),
    Case("cut", HI, ok(finish=None, complete=False), "a backend that dies"),
    Case("only-a-role", ROLE, Reply(said(""), model="m"), "a client that leaves in the prefill"),
    Case("nothing", b"", Reply(), "a backend that dies first"),
    Case("only-done", DONE, Reply(complete=True), "own"),
    Case(
        "reasoning",
        ROLE
        + data(chunk(reasoning_content="be"))
        + data(chunk(reasoning_content="cause"))
        + data(chunk(content="Hi"))
        + STOP
        + DONE,
        ok(message=said("Hi", reasoning="because")),
        "llama-server --reasoning-format deepseek",
    ),
    Case(
        "call-in-pieces",
        ROLE
        + data(call(0, id="c1", type="function", function=F))
        + data(call(0, function={"arguments": '{"path":'}))
        + data(call(0, function={"arguments": '"a"}'}))
        + data(chunk("tool_calls"))
        + DONE,
        ok(message=said("", tool_calls=(READ,)), finish=Finish.CALLS),
        "llama-server",
    ),
    Case(
        "calls-side-by-side",
        ROLE
        + data(call(1, id="c2", function=F))
        + data(call(0, id="c1", function=F))
        + data(call(1, function={"arguments": "2"}))
        + data(call(0, function={"arguments": "1"}))
        + STOP,
        ok(
            message=said(
                "", tool_calls=(tool_call("c1", "read", "1"), tool_call("c2", "read", "2"))
            )
        ),
        "own: by index, not by arrival",
    ),
    Case(
        "two-calls-in-one-chunk",
        ROLE
        + data(chunk(tool_calls=[{"id": "c1", "function": F}, {"id": "c2", "function": F}]))
        + STOP,
        ok(message=said("", tool_calls=(tool_call("c1", "read", ""), tool_call("c2", "read", "")))),
        "backends that leave the index out",
    ),
    Case(
        "call-without-an-id",
        ROLE + data(call(0, id="", function=F)) + STOP,
        ok(message=said("", tool_calls=(tool_call("", "read", ""),))),
        "https://github.com/NousResearch/hermes-agent/issues/70724",
    ),
    Case(
        "id-repeated",
        ROLE
        + data(call(0, id="c1", function=F))
        + data(call(0, id="x", function={"arguments": "{}"}))
        + STOP,
        ok(message=said("", tool_calls=(tool_call("c1", "read", "{}"),))),
        "own: the first counts",
    ),
    Case(
        "odd-calls",
        ROLE
        + data(
            chunk(
                tool_calls=[
                    7,
                    {"index": "x", "id": 5, "function": "f"},
                    {"function": {"name": 1, "arguments": {}}},
                ]
            )
        )
        + STOP,
        ok(message=said("", tool_calls=(tool_call(None, "", ""), tool_call(None, "", "")))),
        "own",
    ),
    Case(
        "error-object",
        HI + data({"error": {"code": 500, "message": "no memory"}}),
        ok(finish=None, complete=False, error="no memory"),
        "Lemonade: 200, and no [DONE]",
    ),
    Case(
        "error-first",
        data({"error": {"code": 400, "message": "too long", "type": "exceed_context_size_error"}}),
        Reply(error="too long"),
        "Lemonade, context overflow",
    ),
    Case("error-string", data({"error": "no model"}), Reply(error="no model"), "Lemonade"),
    Case(
        "error-after-the-end",
        HI + STOP + data({"error": "x"}) + DONE,
        ok(complete=False, error="x"),
        "own",
    ),
    Case(
        "error-null",
        HI + data(chunk("stop") | {"error": None}) + DONE,
        OK,
        "servers that send every member",
    ),
    Case(
        "junk",
        data("text")
        + data([1])
        + b"data: {broken\n\n"
        + b"data:\n\nevent: x\nid: 1\n\n"
        + HI
        + data({"choices": "x"})
        + data({"choices": [7, {"delta": 5}, {"index": 0}]})
        + STOP
        + DONE,
        OK,
        "own: unknown events are passed over",
    ),
    Case(
        "other-choices",
        ROLE + data(chunk("length", 1, content="other")) + data(chunk(content="Hi")) + STOP + DONE,
        OK,
        "n > 1: the first continues the conversation",
    ),
    Case(
        "odd-members",
        data(
            {
                "model": 5,
                "usage": [],
                "timings": 7,
                "choices": [
                    {
                        "delta": {
                            "role": 1,
                            "content": [],
                            "reasoning_content": 2,
                            "tool_calls": {},
                        },
                        "finish_reason": 3,
                    }
                ],
            }
        )
        + HI
        + STOP
        + DONE,
        OK,
        "own",
    ),
    Case("carriage-returns", (HI + STOP + DONE).replace(b"\n", b"\r\n"), OK, "adapters between"),
    Case(
        "no-index",
        data(
            {
                "choices": [
                    {"delta": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
                ]
            }
        ),
        ok(model=None),
        "own",
    ),
    Case(
        "not-ascii",
        ROLE
        + 'data: {"choices":[{"delta":{"content":"é\u2028\U0001f600"}}]}\n\n'.encode()
        + STOP
        + DONE,
        ok(message=said("é\u2028\U0001f600")),
        "UTF-8 as llama-server writes it",
    ),
]


@pytest.mark.parametrize("case", STREAMS, ids=lambda case: case.id)
def test_a_stream_says_the_same_in_any_pieces(case: Case) -> None:
    """Whole, byte by byte, and split at every byte."""
    stream = case.stream

    assert read(True, stream) == case.expected
    assert read(True, *(stream[at : at + 1] for at in range(len(stream)))) == case.expected
    for at in range(len(stream)):
        assert read(True, stream[:at], stream[at:]) == case.expected


@pytest.mark.parametrize("case", STREAMS, ids=lambda case: case.id)
def test_a_cut_stream_says_no_more_than_the_whole(case: Case) -> None:
    whole = case.expected.message
    for at in range(len(case.stream)):
        part = read(True, case.stream[:at])

        if part.message is not None:
            assert whole is not None
            assert str(whole.content).startswith(str(part.message.content))
            assert (whole.reasoning or "").startswith(part.message.reasoning or "")


def test_progress_is_seen_while_it_passes() -> None:
    reader = ChatReader(stream=True)

    seen = []
    for piece in (ROLE, data(chunk(content="")), data(chunk(content="Hi")), STOP, DONE):
        reader.feed(piece)
        seen.append((reader.has_output, reader.done, reader.reply().complete))

    nothing, output = (False, False, False), (True, False, False)
    assert seen == [nothing, nothing, output, (True, False, True), (True, True, True)]
    assert reader.reply() == OK


FIRST_OUTPUT = [
    pytest.param(chunk(reasoning_content="r"), True, id="reasoning"),
    pytest.param(chunk(reasoning_content=""), False, id="empty-reasoning"),
    pytest.param(call(0, id="c"), True, id="call"),
    pytest.param({"choices": []}, False, id="counts"),
]


@pytest.mark.parametrize(("value", "expected"), FIRST_OUTPUT)
def test_output_is_whatever_was_generated(value: Any, expected: bool) -> None:
    reader = ChatReader(stream=True)
    reader.feed(data(value))

    assert reader.has_output is expected


class Whole(ChatReader):
    """Reads every event as a whole."""

    def _event(self, value: Json) -> None:
        super()._event(value)


def delta(text: str, name: str = "content", more: str = "", index: int = 0) -> str:
    inside = f'{{"index":{index},"delta":{{"{name}":{text}{more}}},"finish_reason":null}}'
    return f'{{"choices":[{inside}],"created":1,"id":"c","model":"m"}}'


def arguments(text: str, more: str = "", index: int = 0, beside: str = "") -> str:
    call = f'{{"index":{index},"function":{{"arguments":{text}{more}}}}}{beside}'
    return delta(f"[{call}]", "tool_calls")


FRAMES = [
    pytest.param([delta('"a"'), delta('"b"'), delta('""'), delta('"c\\n\\"d"')], id="texts"),
    pytest.param([delta('"a"', "reasoning_content")] * 3 + [delta('"b"')] * 3, id="reasoning"),
    pytest.param([delta('"a"'), delta('"b","role":"user'), delta('"c"')], id="more-than-a-text"),
    pytest.param([delta('""'), delta('"')], id="no-end"),
    pytest.param([delta('"a"'), delta('"\\ud800"'), delta('"b"')], id="half-a-character"),
    pytest.param([delta('"a"', index=1), delta('"b"', index=1), delta('"c"')], id="another-choice"),
    pytest.param([delta('"a"', more=',"tool_calls":[{"index":0}]')] * 2, id="with-a-call"),
    pytest.param([delta('"a"', more=',"reasoning":"content"')] * 2, id="with-more"),
    pytest.param([delta('"a"').replace('"m"', '"content"')] * 2, id="the-name-twice"),
    pytest.param([delta('"a"').replace("content", "con\\u0074ent")] * 2, id="an-escaped-name"),
    pytest.param(
        ['{"choices":[{"delta":{"con\\u0074ent":"a"}}],"x":{"content":"b"}}'] * 2, id="elsewhere"
    ),
    pytest.param([delta('"a"'), delta('"b"').replace('"created":1', '"created":2')], id="later"),
    pytest.param(
        [delta('"a"'), *(arguments(text) for text in ('""', '"{"', '"}"'))], id="arguments"
    ),
    pytest.param(
        [arguments('"a"'), arguments('"b"', index=1), arguments('"c"'), arguments("{}")],
        id="another-call",
    ),
    pytest.param([arguments('"a"', ',"name":"n"')] * 2, id="with-its-name"),
    pytest.param([arguments('"a"', beside=',{"index":1}')] * 2, id="two-calls"),
    pytest.param([delta('"a"'), delta("null"), delta("7"), delta('"b"')], id="no-text"),
]


@pytest.mark.parametrize("chunks", FRAMES)
def test_an_event_that_only_goes_on_says_what_it_would_alone(chunks: list[str]) -> None:
    stream = b"".join(f"data: {chunk}\n\n".encode() for chunk in chunks)
    found = []
    for reader in (ChatReader(stream=True), Whole(stream=True)):
        reader.feed(stream)
        found.append((reader.has_output, reader.finish()))

    assert found[0] == found[1]
