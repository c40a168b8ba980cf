"""One slot as `slots` of Lemonade Server shows it: llama-server's own object, keys sorted.

Captured from 2026.39.1 with llama-server b11669 behind it.
"""

from tests.fakes.scripted_replies import JsonObject

SAMPLING: JsonObject = {
    "adaptive_decay": 0.9, "adaptive_target": -1.0, "backend_sampling": False,
    "chat_format": "peg-native", "dry_allowed_length": 2, "dry_base": 1.75, "dry_multiplier": 0.0,
    "dry_penalty_last_n": 64, "dynatemp_exponent": 1.0, "dynatemp_range": 0.0,
    "frequency_penalty": 0.0, "generation_prompt": "<|im_start|>assistant\n", "ignore_eos": False,
    "lora": [], "max_tokens": 4, "min_keep": 0, "min_p": 0.05, "mirostat": 0, "mirostat_eta": 0.1,
    "mirostat_tau": 5.0, "n_discard": 0, "n_keep": 0, "n_predict": 4, "n_probs": 0,
    "post_sampling_probs": False, "presence_penalty": 0.0, "reasoning_format": "deepseek",
    "reasoning_in_content": False, "repeat_last_n": 64, "repeat_penalty": 1.0,
    "samplers": ["penalties", "top_k", "top_p", "min_p", "temperature"], "seed": 4294967295,
    "speculative.types": "none", "stream": False, "temperature": 0.8, "timings_per_token": False,
    "top_k": 40, "top_n_sigma": -1.0, "top_p": 0.95, "typical_p": 1.0, "xtc_probability": 0.0,
    "xtc_threshold": 0.1,
}  # fmt: skip
"""The parameters of the request that ran last in a slot."""


def slot_shape(number: int, tokens: int | None, context_tokens: int) -> JsonObject:
    """One slot in `slots`, idle; `tokens` is None if it was never used."""
    bare = {"id": number, "is_processing": False, "n_ctx": context_tokens, "speculative": False}
    if tokens is None:
        return bare
    following = {"has_new_line": False, "has_next_token": False, "n_decoded": 0, "n_remain": -1}
    counts = {"n_prompt_tokens": tokens, "n_prompt_tokens_cache": 0, "n_prompt_tokens_processed": 0}
    return {**bare, "id_task": 0, **counts, "next_token": [following], "params": SAMPLING}
