"""Chat completions that are not streamed."""

import re

import pytest

from tests.conformance.cases import CHAT, Ask, Case, check, name_of
from tests.conformance.conftest import Servers
from tests.conformance.prompts import GREEDY, LOOP, MESSAGES, PROMPT_TOKENS, TOOL, row
from tests.fakes.llama import LlamaServer

pytestmark = pytest.mark.backend

TEXT = "choices.0.message.content"
LENGTH = {"choices.0.finish_reason": "length"}
STOP = {"choices.0.finish_reason": "stop"}


WHOLE = {
    **LENGTH,
    "id": re.compile(r"^chatcmpl-\w{32}$"),
    "object": "chat.completion",
    "model": "tiny",
    "system_fingerprint": re.compile("^b"),
    "choices.#": 1,
    "choices.0.message.role": "assistant",
    "usage.prompt_tokens": PROMPT_TOKENS,
    "usage.completion_tokens": 6,
    "usage.total_tokens": PROMPT_TOKENS + 6,
    "usage.prompt_tokens_details.cached_tokens": 0,
    "timings.prompt_n": PROMPT_TOKENS,
    "timings.predicted_n": 6,
    "timings.cache_n": 0,
}
CASES = [
    row("whole", {}, WHOLE),
    row("short-path", {}, WHOLE, "/chat/completions"),
    row("query", {}, WHOLE, f"{CHAT}?a=%2F&b"),
    row("another-model", {"model": "nobody"}, WHOLE),
    row("one-token", {"max_tokens": 1}, {**LENGTH, "usage.completion_tokens": 1}),
    row("max-completion-tokens", {"max_tokens": None, "max_completion_tokens": 3}, LENGTH),
    row("no-limit", {"max_tokens": -1}, {**LENGTH, "usage.completion_tokens": 64}),
    row("sampled", {"temperature": 1.5, "seed": 7, "top_k": 0}, LENGTH),
    row("samplers", {"top_p": 0.5, "min_p": 0.1, "samplers": ["top_k", "temperature"]}, LENGTH),
    row("penalties", {"presence_penalty": 1.5, "frequency_penalty": 1, "repeat_penalty": 2}, LENGTH),
    row("mirostat", {"mirostat": 2, "mirostat_tau": 3, "temperature": 1, "seed": 3}, LENGTH),
    row("logit-bias", {"logit_bias": [[65, 100]]}, {TEXT: "A" * 6}),
    row("logit-bias-object", {"logit_bias": {"66": 100}}, {TEXT: "B" * 6}),
    row("logit-bias-word", {"logit_bias": [["C", 100]]}, {TEXT: "C" * 6}),
    row("ignore-eos", {"ignore_eos": True, "logit_bias": [[258, 100]]}, LENGTH),
    row("end-of-turn", {"logit_bias": [[258, 100]]}, {**STOP, TEXT: ""}),
    row("stop-text", {"stop": "AA", "logit_bias": [[65, 100]]}, {**STOP, TEXT: ""}),
    row("stop-list", {"stop": ["x y", "AAA"], "logit_bias": [[65, 100]]}, STOP),
    row("logprobs", {"logprobs": True, "top_logprobs": 3}, {
        "choices.0.logprobs.content.#": 6, "choices.0.logprobs.content.0.top_logprobs.#": 3,
        "choices.0.logprobs.content.0.logprob": float}),
    row("post-sampling", {"logprobs": True, "top_logprobs": 2, "post_sampling_probs": True}, {
        "choices.0.logprobs.content.0.prob": float}),
    row("verbose", {"verbose": True}, {
        "__verbose.id_slot": 0, "__verbose.tokens_cached": PROMPT_TOKENS + 5,
        "__verbose.tokens_evaluated": PROMPT_TOKENS, "__verbose.stop_type": "limit",
        "__verbose.prompt": re.compile("^<.im_start.>system\nBe brief")}),
    row("verbose-tokens", {"verbose": True, "return_tokens": True}, {"__verbose.tokens.#": 6}),
    row("grammar", {"grammar": 'root ::= "yes" | "no"'}, {**STOP, TEXT: re.compile("yes|no")}),
    row("json-schema", {"json_schema": {"const": "42"}}, {**STOP, TEXT: '"42"'}),
    row("format-text", {"response_format": {"type": "text"}}, LENGTH),
    row("format-json", {"response_format": {"type": "json_object"}}, {TEXT: re.compile(r"^\s*[`{]")}),
    row("format-json-schema", {"response_format": {"type": "json_object", "schema": {"const": 1}}},
        {TEXT: "1"}),
    row("format-schema", {"max_tokens": 20, "response_format": {
        "type": "json_schema", "json_schema": {"schema": {"const": "done"}}}}, {TEXT: '"done"'}),
    row("tools-offered", {"tools": [TOOL]}, LENGTH),
    row("tools-none", {"tools": [TOOL], "tool_choice": "none"}, LENGTH),
    row("tools-parallel", {"tools": [TOOL], "parallel_tool_calls": True}, LENGTH),
    row("tool-required", {"max_tokens": 64, "tools": [TOOL], "tool_choice": "required"}, {
        "usage.completion_tokens": int}),
    row("tool-loop", {"messages": LOOP, "tools": [TOOL]}, {**LENGTH, "usage.prompt_tokens": int}),
    row("tool-loop-bare", {"messages": LOOP}, LENGTH),
    row("prefill", {"messages": [*MESSAGES, {"role": "assistant", "content": "I see "}],
        "verbose": True}, {"__verbose.prompt": re.compile("I see $")}),
    row("text-part", {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]}, {
        **LENGTH, "usage.prompt_tokens": 21}),
    row("text-parts", {"messages": [{"role": "user", "content": [
        {"type": "text", "text": "What"}, {"type": "text", "text": "now?"}]}], "verbose": True},
        {"__verbose.prompt": re.compile("What\nnow?")}),
    row("non-ascii", {"messages": [{"role": "user", "content": "é\u2028\U0001f600\\u0000\t"}]}, LENGTH),
    row("generated-non-ascii", {"grammar": 'root ::= "é😀"'}, {TEXT: "é😀"}),
    row("other-roles", {"messages": [{"role": "developer", "content": "a"}, *MESSAGES[1:]]}, LENGTH),
    row("no-system", {"messages": MESSAGES[1:]}, {"usage.prompt_tokens": 35}),
    row("two-system", {"messages": [MESSAGES[0], *MESSAGES]}, LENGTH),
    row("many", {"messages": [{"role": role, "content": "x"} for role in ("user", "assistant") * 6]
        + MESSAGES[1:]}, LENGTH),
    row("reasoning", {"messages": [MESSAGES[1], {
        "role": "assistant", "content": "a", "reasoning_content": "b"}, MESSAGES[1]]}, LENGTH),
    row("template-options", {"chat_template_kwargs": {"enable_thinking": False}}, LENGTH),
    row("reasoning-format", {"reasoning_format": "none"}, LENGTH),
    row("reasoning-effort", {"reasoning_effort": "low"}, LENGTH),
    row("unknown-members", {"user": "u", "store": True, "metadata": {"a": 1}, "x": None}, LENGTH),
    row("no-generation-prompt", {"add_generation_prompt": False, "verbose": True}, {
        "__verbose.prompt": re.compile("see\\?<.im_end.>\n$")}),
    row("no-cache", {"cache_prompt": False}, {"timings.cache_n": 0}),
    row("slot", {"id_slot": 0, "verbose": True}, {"__verbose.id_slot": 0}),
    row("slot-beyond", {"id_slot": 7, "verbose": True}, {"__verbose.id_slot": 0}),
    row("timings-per-token", {"timings_per_token": True}, {"timings.predicted_n": 6}),
    row("progress-ignored", {"return_progress": True}, {"prompt_progress": None}),
    row("t-max", {"t_max_predict_ms": 60_000}, LENGTH),
]  # fmt: skip


FIRST = Ask(CHAT, {"messages": MESSAGES, **GREEDY})
GROWN = [*MESSAGES, {"role": "assistant", "content": "j+ZzhY"}, {"role": "user", "content": "And?"}]
AGAIN = [
    Case("again", CHAT, FIRST.body, 200, {
        "usage.prompt_tokens_details.cached_tokens": PROMPT_TOKENS - 1, "timings.prompt_n": 1},
        before=[FIRST]),
    Case("again-no-cache", CHAT, {"messages": MESSAGES, **GREEDY, "cache_prompt": False}, 200, {
        "timings.cache_n": 0, "timings.prompt_n": PROMPT_TOKENS}, before=[FIRST]),
    Case("grown", CHAT, {"messages": GROWN, **GREEDY, "verbose": True}, 200, {
        # what stands in the slot: the prompt and the reply, without its last token
        "timings.cache_n": PROMPT_TOKENS + 5, "usage.prompt_tokens": PROMPT_TOKENS + 6 + 25},
        before=[FIRST]),
    Case("twice-grown", CHAT, {"messages": [*GROWN, *GROWN[-2:]], **GREEDY}, 200, {
        "timings.cache_n": int}, before=[FIRST, Ask(CHAT, {"messages": GROWN, **GREEDY})]),
    Case("edited", CHAT, {"messages": [MESSAGES[0], {"role": "user", "content": "What else"}], **GREEDY},
        200, {"timings.cache_n": 19 + 6 + 5}, before=[FIRST]),
]  # fmt: skip


@pytest.mark.parametrize("case", AGAIN, ids=name_of)
async def test_a_reply_to_what_is_in_the_cache(case: Case, one: LlamaServer) -> None:
    """Counts included: the proxy has read as much as the server, and changes nothing of what is there."""
    await check(case, one)


CHOICES = [
    row("two-choices", {"n": 2}, {
        "choices.#": 2, "choices.1.index": 1, "usage.completion_tokens": 6}),
    row("two-choices-sampled", {"n": 2, "temperature": 1, "seed": 5}, {"choices.#": 2}),
    row("two-choices-logprobs", {"n": 2, "logprobs": True}, {"choices.1.logprobs.content.#": 6}),
    row("two-choices-slot", {"n": 2, "id_slot": 1}, {"choices.#": 2}),
    row("chosen-slot", {"id_slot": 1, "verbose": True}, {"__verbose.id_slot": 1}),
    row("wrapped-slot", {"id_slot": 2, "verbose": True}, {"__verbose.id_slot": 0}),
    row("any-slot", {"id_slot": -1, "verbose": True}, {"__verbose.id_slot": int}),
]  # fmt: skip


@pytest.mark.parametrize("case", CHOICES, ids=name_of)
async def test_a_reply_of_a_server_with_two_slots(case: Case, servers: Servers) -> None:
    await check(case, servers("two"))


@pytest.mark.parametrize("case", CASES, ids=name_of)
async def test_a_reply(case: Case, one: LlamaServer) -> None:
    await check(case, one)
