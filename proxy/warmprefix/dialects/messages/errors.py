"""The one error of a backend that goes out in other words: a prompt that is too long.

llama-server answers as the OpenAI API does (`exceed_context_size_error`), and Claude Code 2.1.197, which takes
unknown models to have 200,000 tokens of context, then ends: every later turn of the session fails alike. Told
in Anthropic's words it summarises its history and goes on.
"""

import orjson

from warmprefix.dialects.counts import count

_TOO_LONG = "exceed_context_size_error"


def prompt_too_long(body: bytes) -> bytes:
    """The error as Anthropic's API words it, with the backend's numbers; `body` itself if it says anything
    else."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body
    error = value.get("error") if isinstance(value, dict) else None
    if not isinstance(error, dict) or error.get("type") != _TOO_LONG:
        return body
    tokens, most = count(error.get("n_prompt_tokens")), count(error.get("n_ctx"))
    if tokens is None or most is None:
        return body
    message = f"prompt is too long: {tokens} tokens > {most} maximum"
    kind = "invalid_request_error"
    return orjson.dumps({"type": "error", "error": {"type": kind, "message": message}})
