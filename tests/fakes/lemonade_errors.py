"""Error bodies of Lemonade Server: `error` is sometimes a string and sometimes an object.

Captured from 2026.39.1; lemonade.py decides which status goes with which body.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.fakes.scripted_replies import JsonObject

BAD_JSON = "Invalid JSON in request body: [json.exception.parse_error.101] parse error"
EMPTY_BODY = "Request body is required but was empty"
NO_DOCS = "Not Found. For API documentation, use /v1/docs."
NO_OBJECT = "[json.exception.type_error.307] cannot use erase() with array"
NOTHING_LOADED = "No model loaded and no model specified in request"
UNAUTHORIZED = "Invalid or missing API key"
FOREIGN_ORIGIN = "Origin not allowed"
USE_POST = "Method Not Allowed. Use POST for this endpoint"

WATCHDOG: JsonObject = {
    "error": {
        "message": "llama-server was unresponsive and has been reset by the backend watchdog.",
        "type": "backend_error",
        "details": {
            "backend": "llama-server",
            "code": "backend_watchdog_reset",
            "retryable": True,
        },
    }
}


@dataclass(frozen=True)
class Failure:
    """An error for the next inference request; in a stream after that many text deltas."""

    body: JsonObject
    status: int = 500
    after_deltas: int = 0


def model_not_found(name: str, known: Sequence[str]) -> JsonObject:
    """404: the model is unknown; same in streams and for GET `models/{id}`."""
    listed = f"Model '{name}' was not found. Available models include: {', '.join(known)}"
    return {
        "error": {
            "code": "model_not_found",
            "message": listed,
            "param": "model",
            "requested_model": name,
            "type": "model_not_found",
        }
    }


def no_route(path: str) -> JsonObject:
    """404: no such address."""
    message = "The requested endpoint does not exist"
    return {"error": {"message": message, "path": path, "type": "not_found"}}


def no_model() -> JsonObject:
    """400, or 200 inside a stream: a model is loaded, but the request names none."""
    message = "Invalid request: No model specified in request"
    return {"error": {"message": message, "type": "invalid_request"}}


@dataclass(frozen=True)
class Refusal:
    """What llama-server refused; Lemonade words it differently inside and outside a stream."""

    message: str
    type: str = "invalid_request_error"
    code: int = 400
    n_prompt_tokens: int | None = None
    n_ctx: int | None = None

    def backend_body(self) -> JsonObject:
        """The error object of llama-server itself."""
        counts = {"n_ctx": self.n_ctx, "n_prompt_tokens": self.n_prompt_tokens}
        known = counts if self.n_ctx is not None else {}
        return {"code": self.code, "message": self.message, **known, "type": self.type}

    def answer_body(self) -> JsonObject:
        """Outside a stream, with llama-server's answer in `details`."""
        overflow = self.n_ctx is not None
        return {
            "error": {
                "code": "context_length_exceeded" if overflow else self.code,
                "details": {
                    "backend": "llama-server",
                    "response": {"error": self.backend_body()},
                },
                "message": self.message,
                "status_code": self.code,
                "type": "invalid_request_error" if overflow else self.type,
            }
        }

    def stream_body(self) -> JsonObject:
        """Inside a stream: llama-server's object with `status_code`."""
        return {"error": {**self.backend_body(), "status_code": self.code}}


def overflow(tokens: int, context_tokens: int) -> Refusal:
    """The prompt does not fit."""
    message = (
        f"request ({tokens} tokens) exceeds the available context size "
        f"({context_tokens} tokens), try increasing it"
    )
    return Refusal(message, "exceed_context_size_error", 400, tokens, context_tokens)


def too_many_replies(wanted: int, slots: int) -> Refusal:
    """More replies to one prompt than there are slots."""
    return Refusal(f"Field 'n': Value must be between 1 <= value <= {slots}, but got {wanted}")


def no_model_for(what: str) -> JsonObject:
    """400: a question about slots while no model is loaded."""
    return {"error": f"No model loaded for slots {what}"}


NO_SLOT_ACTIONS = Refusal(
    "This server does not support slots action. Start it with `--slot-save-path`",
    "not_supported_error",
    501,
)
NO_TEXT: JsonObject = {
    "error": {
        "message": "Missing 'input' (or 'text') string in classify request",
        "type": "invalid_request_error",
    }
}
NO_MESSAGES = Refusal("'messages' is required")
