"""Text completions: llama-server's own and OpenAI's, whole and streamed; and infill."""

import re

import pytest

from tests.conformance.cases import Ask, Case, check, name_of
from tests.conformance.conftest import Servers
from tests.fakes.llama import LlamaServer
from tests.fakes.running_proxy import Json

pytestmark = pytest.mark.backend

OWN = "/completion"
PLURAL = "/completions"
OPENAI = "/v1/completions"
PROMPT = "The longest river is"
TOKENS = len(PROMPT)


def own(id: str, fields: Json, expect: Json, path: str = OWN) -> Case:
    """A request of llama-server's own kind with our prompt, unless it brings its own."""
    body = {"prompt": PROMPT, "n_predict": 6, "temperature": 0, **fields}
    return Case(id, path, body, expect=expect)


def openai(id: str, fields: Json, expect: Json) -> Case:
    """A request of OpenAI's kind."""
    body = {"prompt": PROMPT, "max_tokens": 6, "temperature": 0, **fields}
    return Case(id, OPENAI, body, expect=expect)


WHOLE = {
    "content": str, "tokens.#": 0, "id_slot": 0, "stop": True, "model": "tiny",
    "tokens_predicted": 6, "tokens_evaluated": TOKENS, "tokens_cached": TOKENS + 5,
    "prompt": PROMPT, "has_new_line": bool, "truncated": False, "stop_type": "limit",
    "stopping_word": "", "generation_settings.n_predict": 6, "generation_settings.seed": 1,
    "timings.prompt_n": TOKENS, "timings.predicted_n": 6, "timings.cache_n": 0,
}  # fmt: skip
STREAM = {"stream": True}
PARTS = {
    "0.stop": False, "0.content": str, "0.tokens.#": 1, "0.id_slot": -1, "-1.stop": True,
    "-1.stop_type": "limit", "-1.id_slot": 0, "-1.content": "", "-1.timings.predicted_n": 6,
    "#": 7, "header.content-type": "text/event-stream",
}  # fmt: skip
CHOICE = {
    "object": "text_completion", "choices.0.text": str, "choices.0.finish_reason": "length",
    "choices.0.logprobs": None, "usage.prompt_tokens": TOKENS, "usage.completion_tokens": 6,
    "id": re.compile(r"^chatcmpl-\w{32}$"), "timings.cache_n": 0,
}  # fmt: skip
CASES = [
    own("own", {}, WHOLE),
    own("plural", {}, WHOLE, PLURAL),
    own("seed", {"seed": 42, "temperature": 1}, {"generation_settings.seed": 42}),
    own("no-prediction", {"n_predict": 0}, {"tokens_predicted": int, "stop": True}),
    own("over-the-default", {"n_predict": 100}, {"tokens_predicted": 100, "stop_type": "limit"}),
    own("return-tokens", {"return_tokens": True}, {"tokens.#": 6, "tokens.0": int}),
    own("response-fields", {"response_fields": ["content", "generation_settings/n_predict", "prompt"]},
        {"#": 3, "generation_settings/n_predict": 6, "prompt": PROMPT}),
    own("response-fields-none", {"response_fields": []}, {"generation_settings.n_predict": 6}),
    own("probabilities", {"n_probs": 4}, {
        "completion_probabilities.#": 6, "completion_probabilities.0.top_logprobs.#": 4,
        "completion_probabilities.0.id": int, "completion_probabilities.0.logprob": float}),
    own("post-sampling", {"n_probs": 2, "post_sampling_probs": True}, {
        "completion_probabilities.0.top_probs.#": 1, "completion_probabilities.0.prob": float}),
    own("stop", {"stop": ["AA"], "logit_bias": [[65, 100]]}, {
        "stop_type": "word", "stopping_word": "AA", "content": ""}),
    own("end-of-text", {"logit_bias": [[258, 100]]}, {"stop_type": "eos"}),
    own("ignore-eos", {"logit_bias": [[258, 100]], "ignore_eos": True}, {"stop_type": "limit"}),
    own("bias-removes", {"logit_bias": [["a", False]]}, {"content": str}),
    own("grammar", {"grammar": 'root ::= "ab"'}, {"content": "ab", "stop_type": "eos"}),
    own("json-schema", {"json_schema": {"const": 7}}, {"content": "7"}),
    own("samplers", {"samplers": ["min_p", "temperature"], "temperature": 1.2}, {"content": str}),
    own("keep", {"n_keep": 2}, {"generation_settings.n_keep": 2}),
    own("indent", {"n_indent": 1}, {"content": str}),
    own("lora-none", {"lora": []}, {"content": str}),
    own("lines-end", {"logit_bias": [[198, 100]]}, {"content": str}),
    own("no-cache", {"cache_prompt": False}, {"timings.cache_n": 0}),
    own("slot", {"id_slot": 0}, {"id_slot": 0}),
    own("special", {"prompt": "<|im_start|>user\nhi"}, {"tokens_evaluated": 8}),
    own("tokens", {"prompt": [84, 104, 101]}, {"tokens_evaluated": 3, "prompt": str}),
    own("mixed", {"prompt": [84, "he ", 101, "nd"]}, {"tokens_evaluated": 7}),
    own("two-prompts", {"prompt": [PROMPT, "And"]}, {"#": 2, "0.index": 0, "1.prompt": "And"}),
    own("two-token-prompts", {"prompt": [[84, 104], [85]]}, {"#": 2, "1.tokens_evaluated": 1}),
    own("one-prompt-listed", {"prompt": [PROMPT]}, {"tokens_evaluated": TOKENS}),
    own("empty-prompt", {"prompt": ""}, {"stop": True}),
    own("timings-per-token", {"timings_per_token": True}, {"timings.predicted_n": 6}),
    own("stream", STREAM, PARTS),
    own("stream-plural", STREAM, PARTS, PLURAL),
    own("stream-probabilities", {**STREAM, "n_probs": 3}, {
        "0.completion_probabilities.#": 1, "0.completion_probabilities.0.top_logprobs.#": 3}),
    own("stream-timings", {**STREAM, "timings_per_token": True}, {"0.timings.predicted_n": 1}),
    own("stream-progress", {**STREAM, "return_progress": True}, {
        "0.prompt_progress.total": TOKENS, "0.prompt_progress.processed": 0}),
    own("stream-two-prompts", {**STREAM, "prompt": [PROMPT, "And"]}, {"0.index": 0, "-1.index": 1}),
    own("stream-stop", {**STREAM, "stop": ["BB"], "logit_bias": [[66, 100]]}, {"-1.stop_type": "word"}),
    own("stream-one", {**STREAM, "n_predict": 1}, {"-1.stop": True, "#": 2}),
    openai("openai", {}, CHOICE),
    openai("openai-model", {"model": "davinci"}, {"model": "tiny"}),
    openai("openai-logprobs", {"logprobs": 2}, {"choices.0.logprobs.content.#": 6}),
    openai("openai-stop", {"stop": "AA", "logit_bias": [[65, 100]]}, {
        "choices.0.finish_reason": "stop"}),
    openai("openai-echo", {"echo": False, "suffix": None}, {"choices.0.text": str}),
    openai("openai-two-prompts", {"prompt": [PROMPT, "And"]}, {"choices.#": 2, "choices.1.index": 1}),
    openai("openai-verbose", {"verbose": True}, {"__verbose.tokens_cached": TOKENS + 5}),
    openai("openai-grammar", {"grammar": 'root ::= "ab"'}, {"choices.0.text": "ab"}),
    openai("openai-stream", STREAM, {
        "0.object": "text_completion", "0.choices.0.finish_reason": None,
        "-2.choices.0.finish_reason": "length", "-2.usage.prompt_tokens": TOKENS,
        "-2.timings.predicted_n": 6, "-1": "[DONE]"}),
    openai("openai-stream-usage", {**STREAM, "stream_options": {"include_usage": True}}, {
        "-2.usage.completion_tokens": 6, "-1": "[DONE]"}),
    openai("openai-stream-logprobs", {**STREAM, "logprobs": 2}, {
        "0.choices.0.logprobs.content.#": 1, "-1": "[DONE]"}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=name_of)
async def test_a_completion(case: Case, one: LlamaServer) -> None:
    await check(case, one)


FIRST = Ask(OWN, {"prompt": PROMPT, "n_predict": 6, "temperature": 0})
AGAIN = [
    Case("again", OWN, FIRST.body, 200, {
        "timings.cache_n": TOKENS - 1, "tokens_cached": TOKENS + 5}, before=[FIRST]),
    Case("longer", OWN, {"prompt": PROMPT + " not", "n_predict": 2}, 200, {
        "timings.cache_n": TOKENS, "timings.prompt_n": 4}, before=[FIRST]),
    Case("openai", OPENAI, {"prompt": PROMPT, "max_tokens": 2}, 200, {
        "usage.prompt_tokens_details.cached_tokens": TOKENS - 1}, before=[FIRST]),
    Case("after-a-chat", OWN, {"prompt": "<|im_start|>user\nhi<|im_end|>\n", "n_predict": 2}, 200, {
        "timings.cache_n": 9}, before=[Ask("/v1/chat/completions", {
            "messages": [{"role": "user", "content": "hi"}], "max_tokens": 2})]),
]  # fmt: skip


@pytest.mark.parametrize("case", AGAIN, ids=name_of)
async def test_a_completion_of_what_is_in_the_cache(case: Case, one: LlamaServer) -> None:
    await check(case, one)


SLOTS = [
    own("choices", {"n": 2, "temperature": 1}, {"#": 2, "1.index": 1}),
    own("slot", {"id_slot": 1}, {"id_slot": 1}),
    own("slot-wraps", {"id_slot": 3}, {"id_slot": 1}),
    own("left-slot", {}, {"id_slot": 1}),
    openai("openai-choices", {"n": 2}, {"choices.#": 2, "usage.completion_tokens": 6}),
    openai("openai-stream-slot", {**STREAM, "id_slot": 1}, {"-1": "[DONE]"}),
]


@pytest.mark.parametrize("case", SLOTS, ids=name_of)
async def test_a_completion_of_a_server_with_two_slots(case: Case, servers: Servers) -> None:
    await check(case, servers("two"))


INFILL = Case(
    "infill",
    "/infill",
    {"input_prefix": "a", "input_suffix": "b", "n_predict": 2},
    501,
    {"error.type": "not_supported_error", "error.message": re.compile("Infill")},
)


async def test_infill_of_a_model_that_cannot(one: LlamaServer) -> None:
    await check(INFILL, one)
