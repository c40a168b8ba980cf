"""The answers of a soak's backend: the bytes on the wire, and the fault that is built into them.

Every choice comes from the given `Random`, so a seed and a serial number determine one answer.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from bench.soak.words import text_of
from tests.fakes.scripted_replies import (
    chat_reply,
    chat_stream,
    dump,
    head,
    http_chunk,
    last_chunk,
    sse,
    timings,
    tool_call_deltas,
)

LARGE_CHARACTERS = 5_000_000
SSE = ("Content-Type", "text/event-stream")
JSON = ("Content-Type", "application/json")


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `pieces`: bytes on the wire, one write each, the end of the body in the last.

    `body`: their whole content without framing. `stop_at`: pieces that are sent before a cut or a stall.
    `stall_s`: length of the stall, may be infinite. `end`: FIN or RST instead of the rest.
    """

    fault: str
    status: int
    body: bytes
    pieces: tuple[bytes, ...]
    pause_s: float = 0.0
    stop_at: int | None = None
    stall_s: float = 0.0
    end: str = "whole"


def answer_for(
    serial: int, choose: Random, *, is_chat: bool, is_stream: bool, is_plain: bool = False
) -> Answer:
    """The answer to one request, without a fault if `is_plain`.

    Its count of prompt tokens is the serial number, which identifies the turn in the log.
    """
    names = list(FAULTS)
    fault = choose.choices(names, [FAULTS[name][0] for name in names])[0]
    fault = "none" if is_plain else fault
    if is_chat and is_stream:
        plain = streamed(fault, split_events(events(serial, choose)), 200)
    elif is_chat:
        plain = whole(fault, reply(serial, choose))
    else:
        plain = whole(fault, dump({"data": [choose.random() for _ in range(400)]}))
    return FAULTS[fault][1](plain, serial, choose)


def counts(serial: int) -> dict[str, object]:
    """llama-server's timings with the serial number as the size of the prompt."""
    return timings(1, serial - 1, 8)


def events(serial: int, choose: Random) -> bytes:
    """The events of a streamed reply, every fourth with a tool call."""
    if choose.random() < 0.25:
        calls = tool_call_deltas("read", ['{"path": ', f'"f{serial}",', ' "n": 5}'], f"c{serial}")
        return b"".join(
            chat_stream([], late_deltas=calls, timings=counts(serial), finish_reason="tool_calls")
        )
    return b"".join(chat_stream(text_of(choose), timings=counts(serial)))


def reply(serial: int, choose: Random) -> bytes:
    """A reply that is not streamed."""
    body = chat_reply("".join(text_of(choose)), 1, serial - 1)
    return dump(body)


def split_events(body: bytes) -> list[bytes]:
    """The events of a body, one each."""
    return [event + b"\n\n" for event in body.split(b"\n\n") if event]


def chunked(parts: list[bytes], status: int = 200, *, trailer: bool = False) -> tuple[bytes, ...]:
    """An event stream on the wire; the end of the body comes with its last part."""
    more = [("Trailer", "X-End")] if trailer else []
    first = head(status, [SSE, ("Transfer-Encoding", "chunked"), *more])
    *rest, last = [http_chunk(part) for part in parts]
    return (first, *rest, last + last_chunk([("X-End", "1")] if trailer else []))


def streamed(fault: str, parts: list[bytes], status: int) -> Answer:
    """An event stream."""
    return Answer(fault, status, b"".join(parts), chunked(parts, status))


def whole(fault: str, body: bytes, status: int = 200) -> Answer:
    """An answer with a length, in two writes."""
    length = ("Content-Length", str(len(body)))
    return Answer(fault, status, body, (head(status, [JSON, length]) + body[:9], body[9:]))


def is_streamed(answer: Answer) -> bool:
    """Whether it is an event stream."""
    return b"text/event-stream" in answer.pieces[0]


Change = Callable[[Answer, int, Random], Answer]


def none(answer: Answer, serial: int, choose: Random) -> Answer:
    """As llama-server would."""
    del serial, choose
    return answer


def slow(answer: Answer, serial: int, choose: Random) -> Answer:
    """A pause after each piece."""
    del serial
    return replace(answer, pause_s=choose.uniform(0.005, 0.05))


def half_characters(answer: Answer, serial: int, choose: Random) -> Answer:
    """Pieces of five bytes, which end inside characters."""
    del serial
    if not is_streamed(answer):
        return replace(answer, pause_s=choose.uniform(0, 0.02))
    body = answer.body
    return replace(answer, pieces=chunked([body[at : at + 5] for at in range(0, len(body), 5)]))


def large(answer: Answer, serial: int, choose: Random) -> Answer:
    """One event, or one message, of five megabytes."""
    del choose
    text = "é" * (LARGE_CHARACTERS // 2)
    if is_streamed(answer):
        parts = chat_stream([text], timings=counts(serial))
        return streamed(answer.fault, parts, 200)
    return whole(answer.fault, dump(chat_reply(text, 1, serial - 1)))


def no_done(answer: Answer, serial: int, choose: Random) -> Answer:
    """A stream without its `[DONE]`."""
    del serial, choose
    if not is_streamed(answer):
        return answer
    return streamed(answer.fault, split_events(answer.body)[:-1], 200)


def carriage_returns(answer: Answer, serial: int, choose: Random) -> Answer:
    """CRLF or CR for line ends, comments, and no space after `data:`."""
    del serial
    if not is_streamed(answer):
        return answer
    end = choose.choice([b"\r\n", b"\r"])
    body = b": ping\n\n" + answer.body.replace(b"data: ", b"data:")
    parts = [part.replace(b"\n", end) for part in split_events(body)]
    return streamed(answer.fault, parts, 200)


def error_inside(answer: Answer, serial: int, choose: Random) -> Answer:
    """An error event in a stream that began well; otherwise an error as the body."""
    del serial, choose
    error = {"error": {"code": 500, "message": "slot failed", "type": "server_error"}}
    if not is_streamed(answer):
        return whole(answer.fault, dump(error))
    return streamed(answer.fault, [*split_events(answer.body)[:2], *sse(error)], 200)


def trailers(answer: Answer, serial: int, choose: Random) -> Answer:
    """A field after the body."""
    del serial, choose
    if not is_streamed(answer):
        return answer
    return replace(answer, pieces=chunked(split_events(answer.body), trailer=True))


def interim(answer: Answer, serial: int, choose: Random) -> Answer:
    """A 1xx answer first."""
    del serial
    first = head(choose.choice([102, 103]), [("Link", "</x>")])
    return replace(answer, pieces=(first, *answer.pieces))


def status(code: int) -> Change:
    """An error status with a body."""

    def change(answer: Answer, serial: int, choose: Random) -> Answer:
        del serial, choose
        error = {"error": {"code": code, "message": "Loading model", "type": "unavailable_error"}}
        return whole(answer.fault, dump(error), code)

    return change


def stall(answer: Answer, serial: int, choose: Random) -> Answer:
    """A pause in the middle, then the rest."""
    del serial
    stop = choose.randrange(len(answer.pieces))
    return replace(answer, stop_at=stop, stall_s=choose.uniform(0.3, 3.0))


def stall_for_ever(answer: Answer, serial: int, choose: Random) -> Answer:
    """Nothing more after some piece."""
    del serial
    return replace(answer, stop_at=choose.randrange(len(answer.pieces)), stall_s=float("inf"))


def cut(end: str, *, inside: bool) -> Change:
    """The connection ends before the last piece; `inside`: in the middle of a piece."""

    def change(answer: Answer, serial: int, choose: Random) -> Answer:
        del serial
        stop = choose.randrange(1, len(answer.pieces))
        pieces = answer.pieces
        if inside:
            due = pieces[stop]
            pieces = (*pieces[:stop], due[: len(due) // 2], *pieces[stop:])
            stop += 1
        return replace(answer, pieces=pieces, stop_at=stop, end=end)

    return change


def no_answer(answer: Answer, serial: int, choose: Random) -> Answer:
    """The connection ends before the first byte of an answer."""
    del serial
    return replace(answer, stop_at=0, end=choose.choice(["cut", "reset"]))


FAULTS: dict[str, tuple[float, Change]] = {
    "none": (60, none),
    "slow": (6, slow),
    "half characters": (6, half_characters),
    "5 MB in one event": (0.5, large),
    "no [DONE]": (3, no_done),
    "CR, CRLF, comments": (3, carriage_returns),
    "error inside a 200": (2, error_inside),
    "trailers": (2, trailers),
    "1xx first": (2, interim),
    "status 500": (2, status(500)),
    "status 503": (2, status(503)),
    "stalls, goes on": (2, stall),
    "stalls for ever": (0.3, stall_for_ever),
    "cut between events": (3, cut("cut", inside=False)),
    "cut inside an event": (4, cut("cut", inside=True)),
    "reset": (3, cut("reset", inside=True)),
    "no answer": (2, no_answer),
}
"""Name, weight (the sum is about a hundred), and how it changes the plain answer."""
