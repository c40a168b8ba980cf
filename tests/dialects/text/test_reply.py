"""What the reply to a plain prompt says, whole and streamed, of either kind."""

import json
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dialects.replies import DONE, PING, TIMINGS, USAGE, data
from warmprefix.core.messages import piece
from warmprefix.core.stats import cache_stats
from warmprefix.core.types import CacheStats, Finish, Reply, Timings, Usage
from warmprefix.dialects.text.reply import TextReader

# As llama-server b11669 writes them.
OWN: dict[str, Any] = {
    "index": 0, "content": "Hi", "tokens": [], "id_slot": 2, "stop": True, "model": "m",
    "tokens_predicted": 8, "tokens_evaluated": 618, "prompt": "x", "truncated": False,
    "stop_type": "limit", "tokens_cached": 625, "timings": TIMINGS,
}  # fmt: skip
PART = {"index": 0, "content": "H", "tokens": [1], "stop": False, "id_slot": -1}
LAST = {**OWN, "content": ""}
CHUNK: dict[str, Any] = {
    "choices": [{"text": "H", "index": 0, "finish_reason": None}],
    "model": "m",
}
END = {
    "choices": [{"text": "", "index": 0, "finish_reason": "length"}],
    "model": "m",
    "usage": USAGE,
    "timings": TIMINGS,
}
# As vLLM writes them if `stream_options` asks for it.
COUNTED = {**CHUNK, "usage": {**USAGE, "completion_tokens": 1}}
TOTAL = {"choices": [], "model": "m", "usage": USAGE}
OPENAI = {**END, "choices": [{"text": "Hi", "index": 0, "finish_reason": "stop"}]}
READ = CacheStats(618, 617, 1, 8, 49.6, 202.0, "timings")


def read(stream: bool, *bodies: bytes) -> Reply:
    reader = TextReader(stream)
    for body in bodies:
        reader.feed(body)
    return reader.finish()


def whole(value: object) -> Reply:
    return read(False, json.dumps(value).encode())


class Case(NamedTuple):
    id: str
    reply: Reply
    text: str | None
    finish: Finish | None
    slot: int | None


COMPLETE = [
    Case("own", whole(OWN), "Hi", Finish.OTHER, 2),
    Case("own-eos", whole({**OWN, "stop_type": "eos"}), "Hi", Finish.ANSWER, 2),
    Case("own-stop-word", whole({**OWN, "stop_type": "word"}), "Hi", Finish.ANSWER, 2),
    Case("own-shifted", whole({**OWN, "tokens_cached": 400}), "Hi", Finish.OTHER, None),
    Case("own-no-slot", whole({**OWN, "id_slot": -1}), "Hi", Finish.OTHER, None),
    Case("own-says-nothing", whole({**OWN, "content": ""}), None, Finish.OTHER, 2),
    Case("own-streamed", read(True, data(PART), PING, data({**PART, "content": "i"}), data(LAST)),
         "Hi", Finish.OTHER, 2),
    Case("openai", whole(OPENAI), "Hi", Finish.ANSWER, None),
    Case("openai-streamed", read(True, data(CHUNK), data(CHUNK), data(END), DONE),
         "HH", Finish.OTHER, None),
    Case("counts-with-every-chunk", read(True, data(COUNTED), data(END), DONE), "H", Finish.OTHER, None),
    Case("counts-once-more-at-the-end", read(True, data(CHUNK), data(END), data(TOTAL), DONE),
         "H", Finish.OTHER, None),
]  # fmt: skip


@pytest.mark.parametrize("case", COMPLETE, ids=lambda case: case.id)
def test_a_reply_is_read(case: Case) -> None:
    reply = case.reply

    assert reply.message == (None if case.text is None else piece(case.text))
    assert (reply.finish, reply.slot) == (case.finish, case.slot)
    assert (reply.complete, reply.model, reply.error) == (True, "m", None)
    assert cache_stats(reply) == READ


def test_only_asked_for_fields_are_read_as_far_as_they_go() -> None:
    reply = whole({"content": "Hi", "tokens_evaluated": 618})

    assert reply.usage == Usage(618)
    assert reply.timings is None
    assert reply.complete


SEVERAL = [
    pytest.param(whole([OWN, {**OWN, "index": 1, "id_slot": 0}]), id="own"),
    pytest.param(
        read(True, b"data: null\n\n", data(PART), data(LAST), data({**LAST, "index": 1})),
        id="own-streamed",
    ),
    pytest.param(
        read(True, b"data: null\n\n", data(END), data({**END, "choices": [{"text": "", "index": 1}]}), DONE),
        id="openai-streamed",
    ),
]  # fmt: skip


@pytest.mark.parametrize("reply", SEVERAL)
def test_the_counts_of_several_are_added_up_and_no_slot_is_named(reply: Reply) -> None:
    stats = cache_stats(reply)

    assert (stats.prompt_tokens, stats.cached_tokens, stats.processed_tokens) == (1236, 1234, 2)
    assert (stats.generated_tokens, stats.prompt_ms) == (16, 99.2)
    assert reply.slot is None


def test_one_of_several_does_not_end_a_stream() -> None:
    reader = TextReader(True)
    reader.feed(b"data: null\n\n" + data(LAST))
    assert not reader.done

    alone = TextReader(True)
    alone.feed(data(PART))
    assert (alone.done, alone.has_output) == (False, True)
    alone.feed(data(LAST))
    assert alone.done


@pytest.mark.parametrize(
    "counts",
    [
        pytest.param({"timings": {"cache_n": 1}}, id="first-without"),
        pytest.param({"timings": None}, id="none"),
    ],
)
def test_what_only_some_report_is_added_up_as_far_as_it_goes(counts: dict[str, Any]) -> None:
    reply = whole([{**OWN, **counts}, OWN])

    assert reply.timings is not None
    assert reply.timings.prompt_n == 1


ERRORS = [
    pytest.param(whole({"error": {"message": "no", "code": 400}}), id="whole"),
    pytest.param(read(True, data(PART), data({"error": {"message": "no"}})), id="in-a-stream"),
]


@pytest.mark.parametrize("reply", ERRORS)
def test_an_error_is_an_error(reply: Reply) -> None:
    assert (reply.error, reply.complete, reply.slot) == ("no", False, None)


@pytest.mark.parametrize(
    "body", [b"", b"no", b"5", b"[5]", b"{}", b'{"choices":[5]}', b'{"choices":5}']
)
@pytest.mark.parametrize("stream", [False, True])
def test_odd_replies_say_nothing(stream: bool, body: bytes) -> None:
    reply = read(stream, b"data: " + body + b"\n\n" if stream else body)

    assert (reply.message, reply.error, reply.slot) == (None, None, None)
    assert cache_stats(reply).prompt_tokens is None


def test_a_reply_that_is_cut_off_says_what_came() -> None:
    reply = read(True, data(PART), b'data: {"con')

    assert reply == Reply(piece("H"))
    assert reply.timings is None


@given(cut=st.integers(0, 2000))
def test_it_does_not_matter_how_a_stream_is_cut(cut: int) -> None:
    stream = data(PART) + data(LAST)

    assert read(True, stream[:cut], stream[cut:]) == read(True, stream)


def test_timings_are_those_of_the_end() -> None:
    early = {**PART, "timings": {"cache_n": 1, "prompt_n": 1}}

    assert read(True, data(early), data(LAST)).timings == Timings(617, 1, 49.6, 8, 202.0)
