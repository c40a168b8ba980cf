"""What a turn leaves in the log: the backend's own counts, null where it reported none."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.builders import user
from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Backend, Json, running_proxy
from tests.fakes.scripted import Step
from tests.fakes.scripted_replies import (
    chat_reply,
    chat_stream,
    dump,
    json_response,
    sse,
    stream_response,
    timings,
    usage,
)
from warmprefix.log.writer import FIELDS

CHAT = "/v1/chat/completions"
USER = {"role": "user", "content": "What is it?"}


async def logged(script: list[Step], **fields: object) -> Json:
    """The line of one request."""
    async with Backend(script) as backend, running_proxy(backend.url) as proxy:
        await exchange(proxy.url, "POST", CHAT, {"messages": [USER], **fields})
        return await proxy.record()


@dataclass(frozen=True)
class Counts:
    """A reply, and the counts that its line has: prompt, cached, processed, generated."""

    id: str
    script: list[Step]
    counts: tuple[int | None, ...]
    ratio: float | None
    prompt_ms: float | None = None
    source: str = "tools/server/server-task.cpp:365-519"


def without(reply: Json, *names: str) -> list[Step]:
    """A whole reply that lacks these members."""
    return json_response({key: value for key, value in reply.items() if key not in names})


WHOLE = chat_reply("hi", 12, 30, 8)
UNCACHED = {"prompt_tokens": 42, "completion_tokens": 8, "total_tokens": 50}
"""What a server without a cache reports, or one that says nothing of it."""


def stream(*, include_usage: bool, drop: str = "") -> list[Step]:
    """A stream; lines with `drop` in them are left out."""
    lines = chat_stream(
        ["h", "i"], usage=usage(12, 30, 8), timings=timings(12, 30, 8), include_usage=include_usage
    )
    return stream_response([line for line in lines if not drop or drop.encode() not in line])


def finish(**members: object) -> list[Step]:
    """A stream whose last chunk has these members."""
    chunk = {"choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": "stop"}]}
    return stream_response(sse({**chunk, **members}, "[DONE]"))


NONE = (None, None, None, None)
COUNTS = [
    Counts("whole", json_response(WHOLE), (42, 30, 12, 8), 0.7143, 12.0),
    Counts("whole-usage-only", without(WHOLE, "timings"), (42, 30, 12, 8), 0.7143),
    Counts("whole-timings-only", without(WHOLE, "usage"), (42, 30, 12, 8), 0.7143, 12.0),
    Counts("whole-neither", without(WHOLE, "usage", "timings"), NONE, None),
    Counts("whole-no-cache-count", json_response({**WHOLE, "usage": UNCACHED, "timings": None}),
           (42, None, None, 8), None),
    Counts("stream", stream(include_usage=False), (42, 30, 12, 8), 0.7143, 12.0),
    Counts("stream-usage", stream(include_usage=True), (42, 30, 12, 8), 0.7143, 12.0),
    Counts("stream-usage-only", finish(usage=usage(12, 30, 8)), (42, 30, 12, 8), 0.7143),
    Counts("stream-neither", stream(include_usage=False, drop="timings"), NONE, None),
    Counts("stream-no-cache-count", finish(usage=UNCACHED), (42, None, None, 8), None),
    Counts("nothing-cached", finish(timings=timings(42, 0, 8)), (42, 0, 42, 8), 0.0, 42.0),
    Counts("all-cached", finish(timings=timings(1, 41, 8)), (42, 41, 1, 8), 0.9762, 1.0),
    Counts("usage-null-as-it-streams", finish(usage=None), NONE, None),
    Counts("counts-of-the-wrong-type", finish(usage={"prompt_tokens": "42"}, timings=[1]), NONE, None),
    Counts("timings-on-every-chunk",
           stream_response(sse(*({"choices": [{"index": 0, "delta": {"content": "x"}}],
                                  "timings": timings(12, 30, n)} for n in (1, 2, 3)), "[DONE]")),
           (42, 30, 12, 3), 0.7143, 12.0),
]  # fmt: skip


@pytest.mark.parametrize("case", COUNTS, ids=lambda case: case.id)
async def test_counts_are_those_of_the_backend_or_null(case: Counts) -> None:
    """Never a zero for what was not reported, and one meaning for each count."""
    record = await logged(case.script)

    names = ("prompt_tokens", "cached_tokens", "processed_tokens", "generated_tokens")
    assert tuple(record[name] for name in names) == case.counts
    assert record["cache_ratio"] == case.ratio
    assert record["prompt_ms"] == case.prompt_ms


async def test_a_line_has_every_field_in_order() -> None:
    record = await logged(stream(include_usage=False), stream=True, model="m")

    assert tuple(record) == FIELDS
    assert record["endpoint"] == CHAT
    assert record["model"] == "/path/tiny.gguf"
    assert record["stream"] is True
    assert (record["status"], record["outcome"], record["kind"]) == (200, "ok", "cold")
    assert 0 <= record["proxy_ms"] <= record["ttft_ms"] <= record["total_ms"]
    assert record["time"].endswith("Z")


async def test_a_reply_that_is_not_streamed_has_no_time_to_the_first_token() -> None:
    record = await logged(json_response(WHOLE))

    assert record["ttft_ms"] is None
    assert record["generate_ms"] == 80.0


async def test_a_body_that_was_not_understood_is_logged_with_what_the_backend_told() -> None:
    async with Backend(json_response(WHOLE)) as backend, running_proxy(backend.url) as proxy:
        await exchange(proxy.url, "POST", CHAT, b'{"messages":[],"messages":[]}')
        record = await proxy.record()

    assert record["cached_tokens"] == 30
    unknown = ("conversation", "index", "parent", "kind", "prefix_messages", "prompt_characters")
    assert [record[name] for name in unknown] == [None] * 6
    assert (record["client"], record["rules"], record["restored"]) == ("unknown", [], [])


async def test_no_text_of_a_prompt_and_no_key_is_in_the_log() -> None:
    secret = [("Authorization", "Bearer sk-very-secret"), ("Cookie", "c=very-secret")]
    body = {"messages": [{"role": "user", "content": "my very-secret diary"}]}
    async with (
        Backend(otherwise=json_response(WHOLE)) as backend,
        running_proxy(backend.url) as proxy,
    ):
        await exchange(proxy.url, "POST", CHAT, body, secret)
        await exchange(proxy.url, "POST", CHAT, b"very-secret", secret)
        await proxy.records()
        text = proxy.output.getvalue()

    assert text.count(b"\n") == 2
    assert b"very-secret" not in text


SYSTEM = {"role": "system", "content": "Be brief."}
ANSWER = {"role": "assistant", "content": "hi"}
TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {}}}
OTHER_TOOL = {"type": "function", "function": {"name": "g", "description": "d", "parameters": {}}}


@dataclass(frozen=True)
class Ask:
    """A request of a conversation, and what its line says of it."""

    messages: list[Json]
    kind: str
    index: int = 0
    prefix: int | None = None
    fields: dict[str, Any] = field(default_factory=dict)


START = [SYSTEM, user("one")]
NEXT = [*START, ANSWER, user("two")]
LONG = [*START, *(m for n in range(4) for m in (ANSWER, user(f"more {n}")))]
TITLE = [{"role": "system", "content": "Generate a title for this chat."}, user("one")]

CONVERSATIONS = {
    "append": [Ask(START, "cold"), Ask(NEXT, "append", 1, 2)],
    "append-without-the-reply": [
        Ask(START, "cold"), Ask([*START, user("two")], "edit", 1, 2)],
    "retry": [Ask(START, "cold"), Ask(START, "retry", 1, 2)],
    "edit": [Ask(START, "cold"), Ask(NEXT, "append", 1, 2),
             Ask([*START, ANSWER, user("other")], "edit", 2, 3)],
    "another-question": [Ask(START, "cold"), Ask([SYSTEM, user("else")], "cold")],
    "another-system-prompt": [Ask(START, "cold"), Ask([user("one")], "cold")],
    "tools-changed": [
        Ask(START, "cold", fields={"tools": [TOOL]}),
        Ask(NEXT, "tools-changed", 1, 0, {"tools": [TOOL, OTHER_TOOL]})],
    "tools-gone": [
        Ask(START, "cold", fields={"tools": [TOOL]}), Ask(NEXT, "tools-changed", 1, 0)],
    "template-options-changed": [
        Ask(START, "cold"),
        Ask(NEXT, "template-options-changed", 1, 0, {"reasoning_effort": "high"})],
    "side": [Ask(START, "cold"), Ask(TITLE, "side"), Ask(NEXT, "append", 1, 2)],
    "sampling-is-no-change": [
        Ask(START, "cold", fields={"temperature": 0}),
        Ask(NEXT, "append", 1, 2, {"temperature": 1, "seed": 3, "stop": ["x"]})],
}  # fmt: skip


@pytest.mark.parametrize("name", CONVERSATIONS)
async def test_how_a_turn_relates_to_its_conversation(name: str) -> None:
    """The prefix is our own computation: whole messages shared with what was sent before."""
    steps = CONVERSATIONS[name]
    async with (
        Backend(otherwise=json_response(WHOLE)) as backend,
        running_proxy(backend.url) as proxy,
    ):
        for step in steps:
            body = {"messages": step.messages, **step.fields}
            await exchange(proxy.url, "POST", CHAT, body)
        records = await proxy.records()

    told = [(r["kind"], r["index"], r["prefix_messages"]) for r in records]
    assert told == [(step.kind, step.index, step.prefix) for step in steps]


async def test_turns_of_a_conversation_name_it_and_their_parent() -> None:
    async with (
        Backend(otherwise=json_response(WHOLE)) as backend,
        running_proxy(backend.url) as proxy,
    ):
        for messages in (START, NEXT, [SYSTEM, user("else")]):
            await exchange(proxy.url, "POST", CHAT, {"messages": messages})
        first, second, other = await proxy.records()

    assert second["conversation"] == first["conversation"] != other["conversation"]
    assert (first["parent"], second["parent"], other["parent"]) == (None, first["turn"], None)
    assert second["prefix_characters"] == first["prompt_characters"]
    assert len({first["turn"], second["turn"], other["turn"]}) == 3


async def test_a_prefix_ends_inside_the_first_message_that_differs() -> None:
    """Characters of the JSON as sent, up to the first that is another."""
    async with (
        Backend(otherwise=json_response(WHOLE)) as backend,
        running_proxy(backend.url) as proxy,
    ):
        for text in ("the same start, old", "the same start, new"):
            messages = [SYSTEM, user("one"), ANSWER, user(text)]
            await exchange(proxy.url, "POST", CHAT, dump({"messages": messages}))
        first, second = await proxy.records()

    shared = first["prompt_characters"] - len('old"}')
    assert (second["prefix_messages"], second["prefix_characters"]) == (3, shared)


async def test_a_request_that_failed_is_no_part_of_the_conversation() -> None:
    """The next turn is compared with what the backend really took."""
    refused = json_response({"error": "no"}, 503)
    ok = json_response(WHOLE)
    async with Backend(ok, refused, ok) as backend, running_proxy(backend.url) as proxy:
        for messages in (START, NEXT, NEXT):
            await exchange(proxy.url, "POST", CHAT, {"messages": messages})
        records = await proxy.records()

    assert [record["kind"] for record in records] == ["cold", "append", "append"]
    assert [record["index"] for record in records] == [0, 1, 1]
    assert [record["outcome"] for record in records] == ["ok", "backend_error", "ok"]
