"""What was said, as a span may hold it: JSON by the semantic conventions of OpenTelemetry for generative AI.

Source: https://opentelemetry.io/docs/specs/semconv/gen-ai/ (input and output messages, JSON schemas).
"""

from collections.abc import Iterable, Iterator

import orjson

from warmprefix.core.messages import plain_text
from warmprefix.core.types import (
    CallPart,
    Message,
    OpaquePart,
    Part,
    Prompt,
    ReasoningPart,
    ResultPart,
    TextPart,
)

Json = dict[str, object]


def input_messages(prompt: Prompt) -> str:
    """The messages of a prompt; a plain one is a single message of the user."""
    if prompt.is_plain:
        parts: list[Json] = [{"type": "text", "content": plain_text(prompt)}]
        return _text([{"role": "user", "parts": parts}])
    return _text(map(_message, prompt.messages))


def output_messages(message: Message, finish: str | None) -> str:
    """A reply, with the reason for its end."""
    return _text([{**_message(message), "finish_reason": finish or ""}])


def _message(message: Message) -> Json:
    parts = [one for part in message.parts for one in _part(part)]
    return {"role": message.logical_role or "user", "parts": parts}


def _part(part: Part) -> Iterator[Json]:
    match part:
        case TextPart(text):
            yield {"type": "text", "content": text}
        case ReasoningPart(text):
            yield {"type": "reasoning", "content": text}
        case CallPart(call):
            given = call.arguments if call.arguments is not None else call.arguments_raw
            arguments = given.decode(errors="replace") if isinstance(given, bytes) else given
            yield {"type": "tool_call", "id": call.id, "name": call.name, "arguments": arguments}
        case ResultPart(call_id, shown):
            said = "".join(one.text for one in shown if isinstance(one, TextPart))
            yield {"type": "tool_call_response", "id": call_id, "response": said}
        case OpaquePart():
            yield {"type": "other"}


def _text(value: Iterable[Json]) -> str:
    try:
        return orjson.dumps(list(value)).decode()
    except orjson.JSONEncodeError:  # lone surrogates
        return ""
