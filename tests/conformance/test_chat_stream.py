"""Chat completions as streams: which events come, in which order, and what is in them."""

import re
from typing import Any

import pytest

from tests.conformance.cases import CHAT, Ask, Case, check, name_of
from tests.conformance.conftest import Servers
from tests.conformance.prompts import GREEDY, LOOP, MESSAGES, PROMPT_TOKENS, TOOL, row
from tests.fakes.llama import LlamaServer
from tests.fakes.running_proxy import Json

pytestmark = pytest.mark.backend

STREAM: Json = {"stream": True}
USAGE: Json = {"stream": True, "stream_options": {"include_usage": True}}
ROLE = {
    "0.object": "chat.completion.chunk",
    "0.choices.0.delta.role": "assistant",
    "0.choices.0.delta.content": None,
    "0.choices.0.finish_reason": None,
    "1.choices.0.delta.role": None,
}
DONE = {
    "-1": "[DONE]",
    "header.content-type": "text/event-stream",
    "header.x-accel-buffering": "no",
}
LENGTH = {"-2.choices.0.finish_reason": "length", "-2.choices.0.delta.#": 0, **DONE}


def has(name: str) -> Any:
    """Whether an event has a member."""
    return lambda event: name in event


def lacks(name: str) -> Any:
    """Whether an event lacks a member."""
    return lambda event: name not in event


CASES = [
    row("whole", STREAM, {
        **ROLE, **LENGTH, "#": 9, "0.id": re.compile(r"^chatcmpl-\w{32}$"), "0.model": "tiny",
        "0": lacks("timings"), "1": lacks("timings"), "-2": lacks("usage"),
        "-2.timings.prompt_n": PROMPT_TOKENS, "-2.timings.predicted_n": 6}),
    row("short-path", STREAM, {**ROLE, **LENGTH}, "/chat/completions"),
    row("usage", USAGE, {
        **ROLE, **DONE, "#": 10, "-2.choices.#": 0, "-2.usage.prompt_tokens": PROMPT_TOKENS,
        "-2.usage.completion_tokens": 6, "-2.usage.prompt_tokens_details.cached_tokens": 0,
        "-2.timings.predicted_n": 6, "-3.choices.0.finish_reason": "length", "-3": lacks("timings")}),
    row("usage-off", {"stream": True, "stream_options": {"include_usage": False}}, {
        **LENGTH, "-2": lacks("usage")}),
    row("usage-null", {"stream": True, "stream_options": None}, {**LENGTH, "-2": lacks("usage")}),
    row("timings-per-token", {**STREAM, "timings_per_token": True}, {
        **ROLE, **LENGTH, "0": lacks("timings"), "1.timings.predicted_n": 1,
        "2.timings.predicted_n": 2, "2.timings.cache_n": 0}),
    row("timings-and-usage", {**USAGE, "timings_per_token": True}, {
        "0": lacks("timings"), "1": has("timings"), "-2.timings.predicted_n": 6}),
    row("progress", {**STREAM, "return_progress": True}, {
        **LENGTH, "0.prompt_progress.total": PROMPT_TOKENS, "0.prompt_progress.cache": 0,
        "0.prompt_progress.processed": 0, "0.choices.0.delta.role": "assistant",
        "1.prompt_progress.processed": PROMPT_TOKENS}),
    row("progress-long", {**STREAM, "return_progress": True, "messages": [
        {"role": "user", "content": "word " * 300}]}, {
        **LENGTH, "1.prompt_progress.processed": int, "0.prompt_progress.time_ms": int}),
    row("all-extras", {**USAGE, "return_progress": True, "timings_per_token": True, "verbose": True,
        "logprobs": True, "top_logprobs": 2}, {"-1": "[DONE]", "0": has("prompt_progress")}),
    row("verbose", {**STREAM, "verbose": True, "id_slot": 0}, {
        "-2.__verbose.id_slot": 0, "-2.__verbose.tokens_cached": PROMPT_TOKENS + 5}),
    row("one-token", {**STREAM, "max_tokens": 1}, {**LENGTH, "#": 4}),
    row("no-limit", {**STREAM, "max_tokens": -1}, {**LENGTH, "-2.timings.predicted_n": 64}),
    row("sampled", {**STREAM, "temperature": 1.5, "seed": 7}, LENGTH),
    row("logprobs", {**STREAM, "logprobs": True, "top_logprobs": 3}, {
        **ROLE, "1.choices.0.logprobs.content.#": 1,
        "1.choices.0.logprobs.content.0.top_logprobs.#": 3}),
    row("stop-text", {**STREAM, "stop": ["AAA"], "logit_bias": [[65, 100]]}, {
        "-2.choices.0.finish_reason": "stop", "-1": "[DONE]"}),
    row("stop-text-halfway", {**STREAM, "stop": ["AB"], "grammar": 'root ::= "xA" "AC"'}, {
        "-2.choices.0.finish_reason": "stop", "-1": "[DONE]"}),
    row("end-of-turn", {**STREAM, "logit_bias": [[258, 100]]}, {
        "-2.choices.0.finish_reason": "stop", "#": 3}),
    row("grammar", {**STREAM, "grammar": 'root ::= "yes"'}, {
        "1.choices.0.delta.content": "y", "-2.choices.0.finish_reason": "stop"}),
    row("half-characters", {**STREAM, "max_tokens": 12, "grammar": 'root ::= "é😀é"'}, {
        "0.choices.0.delta.content": "é", "1.choices.0.delta.content": "😀"}),
    row("half-a-character", {**STREAM, "max_tokens": 2, "grammar": 'root ::= "😀"'}, LENGTH),
    row("json-schema", {**STREAM, "json_schema": {"const": "42"}}, {"-1": "[DONE]"}),
    row("format-json", {**STREAM, "response_format": {"type": "json_object"}}, LENGTH),
    row("tools-offered", {**STREAM, "tools": [TOOL]}, LENGTH),
    row("tool-required", {**STREAM, "max_tokens": 64, "tools": [TOOL], "tool_choice": "required"}, {
        "0.choices.0.delta.role": "assistant", "-1": "[DONE]"}),
    row("tool-loop", {**STREAM, "tools": [TOOL], "messages": LOOP}, LENGTH),
    row("thought", {**STREAM, "max_tokens": 40, "grammar": 'root ::= "<think>a</think>b"'}, {
        "-1": "[DONE]"}),
    row("prefill", {**STREAM, "messages": [*MESSAGES, {"role": "assistant", "content": "I"}]}, LENGTH),
    row("non-ascii", {**STREAM, "messages": [{"role": "user", "content": "é\u2028\U0001f600"}]}, LENGTH),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=name_of)
async def test_a_stream(case: Case, one: LlamaServer) -> None:
    await check(case, one)


FIRST = Ask(CHAT, {"messages": MESSAGES, **GREEDY, **STREAM})
GROWN = [*MESSAGES, {"role": "assistant", "content": "j+ZzhY"}, {"role": "user", "content": "And?"}]
AGAIN = [
    Case("again", CHAT, {"messages": MESSAGES, **GREEDY, **USAGE}, 200, {
        "-2.usage.prompt_tokens_details.cached_tokens": PROMPT_TOKENS - 1}, before=[FIRST]),
    Case("progress", CHAT, {"messages": MESSAGES, **GREEDY, **STREAM, "return_progress": True}, 200, {
        "0.prompt_progress.cache": PROMPT_TOKENS - 1,
        "0.prompt_progress.processed": PROMPT_TOKENS - 1}, before=[FIRST]),
    Case("grown", CHAT, {"messages": GROWN, **GREEDY, **STREAM}, 200, {
        "-2.timings.cache_n": PROMPT_TOKENS + 5}, before=[FIRST]),
    Case("stream-after-whole", CHAT, {"messages": GROWN, **GREEDY, **STREAM}, 200, {
        "-2.timings.cache_n": PROMPT_TOKENS + 5}, before=[Ask(CHAT, {"messages": MESSAGES, **GREEDY})]),
]  # fmt: skip


@pytest.mark.parametrize("case", AGAIN, ids=name_of)
async def test_a_stream_of_what_is_in_the_cache(case: Case, one: LlamaServer) -> None:
    await check(case, one)


CHOICES = [
    row("slot", {**STREAM, "id_slot": 1, "verbose": True}, {"-2.__verbose.id_slot": 1}),
    row("left-slot", STREAM, LENGTH),
    # which of them speaks first depends on the slots, so the slot is named
    row("two-choices", {**USAGE, "n": 2, "id_slot": 0}, {
        "0.choices.0.index": int, "1.choices.0.index": int, "-1": "[DONE]", "-2.choices.#": 0}),
]  # fmt: skip


@pytest.mark.parametrize("case", CHOICES, ids=name_of)
async def test_a_stream_of_a_server_with_two_slots(case: Case, servers: Servers) -> None:
    await check(case, servers("two"))


LATE = [
    # the prompt fits, its two replies do not: an error after the head was sent, and no [DONE]; the slot is
    # named, for the order of the replies
    Case("chat", CHAT, {
        "messages": [{"role": "user", "content": "x" * 300}], "n": 2, "max_tokens": 200,
        "temperature": 0, "id_slot": 0, **STREAM}, 200, {
        "0.choices.0.delta.role": "assistant", "-1.error.code": 500,
        "-1.error.message": re.compile("(?i)context size")}),
    Case("completion", "/completion", {
        "prompt": ["x" * 300], "n": 2, "n_predict": 200, "temperature": 0, "id_slot": 0,
        **STREAM}, 200, {
        "0.stop": False, "-1.error.code": 500}),
]  # fmt: skip


@pytest.mark.parametrize("case", LATE, ids=name_of)
async def test_an_error_within_a_stream(case: Case, servers: Servers) -> None:
    await check(case, servers("shared-cells"))
