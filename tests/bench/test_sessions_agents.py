"""Clients of `bench sessions` at other endpoints write as those that were captured, and read replies."""

import json
from typing import Any

import pytest

from bench.sessions.agent import Agent, AgentWire, Course, Habits, Sent
from bench.sessions.agent_noises import AGENT_NOISES, CLAUDE_CODE, CODEX
from bench.sessions.claude_code import with_defaults
from bench.sessions.evaluation import Evaluated
from bench.sessions.families import FAMILIES
from bench.sessions.measure import direct, through
from bench.sessions.native_wire import native_reply
from bench.sessions.noises import GOALS, Noise
from bench.sessions.script import Json, load_script
from tests.servers.stock import stock_binary
from warmprefix.dialects import dialect_of

CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "get_time", "arguments": '{"b": 1.0, "a": "\u00e9"}'},
}
SAID: Json = {
    "role": "assistant",
    "content": "  I look.\n\n",
    "reasoning_content": "Hm.\n",
    "tool_calls": [CALL],
}
TOOL = {
    "type": "function",
    "function": {
        "name": "get_time",
        "description": "d",
        "parameters": {"type": "object", "properties": {"a": {}, "b": {}}},
    },
}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "noon"}
HISTORY: tuple[Json, ...] = (
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "When?"},
    SAID,
    RESULT,
    {"role": "user", "content": "And now?"},
)
ANSWERS: dict[str, Json] = {
    "/v1/messages": {
        "id": "chatcmpl-x",
        "type": "message",
        "role": "assistant",
        "usage": {"cache_read_input_tokens": 7, "input_tokens": 3, "output_tokens": 1},
    },
    "/v1/responses": {
        "id": "resp_x",
        "object": "response",
        "status": "completed",
        "usage": {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 7}},
    },
}
WIRES = [pytest.param(CLAUDE_CODE, id="messages"), pytest.param(CODEX, id="responses")]


def sent(habits: Habits = Habits(), **fields: Any) -> Sent:  # noqa: B008  # frozen
    values = {"messages": HISTORY, "tools": (TOOL,), "session": "s", "process": 1, "stream": True}
    return Sent(**{**values, **fields}, habits=habits)


def evaluated(path: str) -> Evaluated:
    return Evaluated(0, "prompt", 7, 3, ANSWERS[path])


@pytest.mark.parametrize("wire", WIRES)
def test_a_streamed_reply_is_what_was_scripted(wire: AgentWire) -> None:
    answer = native_reply(wire.path, SAID, evaluated(wire.path), 9, is_stream=True)

    read = wire.message(answer)

    ids = [call.pop("id") for call in (dict(call) for call in read["tool_calls"])]
    assert [one.removeprefix("fc_") for one in ids] == ["call_1"]
    assert {**read, "tool_calls": None} == {**SAID, "tool_calls": None}
    assert read["tool_calls"][0]["function"] == CALL["function"]


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("is_stream", [True, False])
def test_the_proxy_reads_the_counts_of_a_reply(wire: AgentWire, is_stream: bool) -> None:
    answer = native_reply(wire.path, SAID, evaluated(wire.path), 9, is_stream=is_stream)
    dialect = dialect_of(wire.path)
    assert dialect is not None
    reader = dialect.reader(is_stream)

    reader.feed(answer.body)
    reply = reader.finish()

    assert reply.complete
    assert reply.usage is not None
    usage = reply.usage
    assert (usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens) == (10, 7, 9)
    assert reply.message is not None
    assert reply.message.reasoning == "Hm.\n"
    assert [call.name for call in reply.message.tool_calls] == ["get_time"]


def test_a_messages_request_is_written_as_captured() -> None:
    body = CLAUDE_CODE.body(sent())

    assert body["system"][0]["text"].startswith("x-anthropic-billing-header: ")
    assert "\ngitStatus: " in body["system"][2]["text"]
    assert body["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "Hm.\n", "signature": ""},
        {"type": "text", "text": "  I look.\n\n"},
        {
            "type": "tool_use",
            "id": "call_1",
            "name": "get_time",
            "input": {"b": 1.0, "a": "\u00e9"},
        },
    ]
    marked = [block for message in body["messages"] for block in marks_of(message["content"])]
    assert [block["text"] for block in marked] == ["And now?"]


def marks_of(content: Any) -> list[Json]:
    return [one for one in content if isinstance(one, dict) and "cache_control" in one]


def test_a_text_is_a_string_once_it_is_not_the_newest_any_more() -> None:
    older = (*HISTORY, {"role": "assistant", "content": "Noon."}, {"role": "user", "content": "x"})

    messages = CLAUDE_CODE.body(sent(messages=older))["messages"]

    assert messages[3] == {"role": "user", "content": "And now?"}
    assert isinstance(messages[5]["content"], list)


def test_a_text_may_stand_behind_the_results() -> None:
    messages = CLAUDE_CODE.body(sent(Habits(behind_results=True)))["messages"]

    assert [block["type"] for block in messages[2]["content"]] == ["tool_result", "text"]


@pytest.mark.parametrize(
    ("habits", "fields"),
    [
        (Habits(suffix=True), {"messages": (HISTORY[0], {"role": "user", "content": "Why?"})}),
        (Habits(status=True), {"process": 2}),
    ],
    ids=["suffix", "status"],
)
def test_instructions_differ_by_habit_alone(habits: Habits, fields: dict[str, Any]) -> None:
    before, after = CLAUDE_CODE.body(sent(habits)), CLAUDE_CODE.body(sent(habits, **fields))
    plain = [CLAUDE_CODE.body(sent())["system"], CLAUDE_CODE.body(sent(**fields))["system"]]

    assert before["system"] != after["system"]
    assert plain[0] == plain[1]


def test_arguments_come_back_in_the_order_of_the_schema_with_its_defaults() -> None:
    schema = {"properties": {"a": {}, "b": {}, "all": {"default": False}, "c": {"default": 5}}}

    written = with_defaults({"x": [2.0], "b": 1.0, "a": 0.5}, schema)

    assert json.dumps(written) == '{"all": false, "a": 0.5, "b": 1, "x": [2]}'


def test_a_responses_request_keeps_the_ids_of_its_items() -> None:
    before, after = CODEX.body(sent(messages=HISTORY[:3])), CODEX.body(sent())

    assert after["input"][: len(before["input"])] == before["input"]
    kinds = [item["type"] for item in after["input"][4:]]
    assert kinds == ["reasoning", "message", "function_call", "function_call_output", "message"]


@pytest.mark.backend
@pytest.mark.skipif(stock_binary() is None, reason="no llama-server; make servers")
@pytest.mark.parametrize("endpoint", ["messages", "responses"])
def test_a_clean_agent_costs_no_more_through_the_proxy(endpoint: str) -> None:
    """The short version of `python -m bench sessions --endpoint messages --endpoint responses`."""
    noise = next(noise for noise in AGENT_NOISES if noise.endpoint == endpoint)
    script = load_script("household").first(2)

    without = direct(script, FAMILIES[0], noise)
    with_it = through(script, FAMILIES[0], noise, ())

    assert len(with_it.counts) == len(without.counts)
    assert with_it.processed() <= without.processed() + len(without.counts)


@pytest.mark.backend
@pytest.mark.skipif(stock_binary() is None, reason="no llama-server; make servers")
def test_what_claude_code_rewrites_costs_nothing() -> None:
    course = Course(session_at=2)
    habits = Habits(suffix=True, defaults=True)
    noise = Noise(
        "", "neutral", AGENT_NOISES[0].change, "", agent=Agent(CLAUDE_CODE, course, habits)
    )
    clean = Noise("", "neutral", AGENT_NOISES[0].change, "", agent=Agent(CLAUDE_CODE, course))
    script = load_script("household").first(2)

    quiet = direct(script, FAMILIES[0], clean).processed()
    noisy = direct(script, FAMILIES[0], noise).processed()
    with_it = through(script, FAMILIES[0], noise, ()).processed()

    assert noisy > 1.1 * quiet
    assert with_it <= GOALS["neutral"] * quiet
