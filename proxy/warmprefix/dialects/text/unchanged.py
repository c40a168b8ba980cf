"""What the endpoints of plain prompts have in common: a body is never written otherwise than it came."""

from collections.abc import Iterable, Mapping
from itertools import pairwise

import orjson

from warmprefix.core.errors import NotUnderstood
from warmprefix.core.identity.plain import cuts
from warmprefix.core.messages import piece, plain_text
from warmprefix.core.types import Message, Prompt, RawJson, Tool
from warmprefix.dialects.base import Asked, Request
from warmprefix.dialects.bodies import COMMENT, error_of, event_of, openai_error, with_slot
from warmprefix.dialects.text.reply import TextReader


class Unchanged:
    """A dialect without its name, its paths and how a body is read."""

    counting: frozenset[str] = frozenset()
    asked_usage: Asked | None = None
    asked_progress = None

    def parse_message(self, raw: bytes) -> Message:
        """A piece of a text. Raises NotUnderstood."""
        try:
            return piece(raw.decode())
        except UnicodeDecodeError as error:
            raise NotUnderstood("no UTF-8") from error

    def parse_tools(self, raw: bytes) -> tuple[Tool, ...]:
        """There are none."""
        del raw
        return ()

    def render(
        self,
        request: Request,
        prompt: Prompt,
        options: Mapping[str, RawJson | None] | None = None,
    ) -> bytes:
        """The body as it came."""
        del prompt, options
        return request.body

    def with_slot(self, body: bytes, slot: int) -> bytes:
        """The body with a slot asked for; every other byte as it is."""
        return with_slot(body, slot)

    def as_chat(self, prompt: Prompt) -> bytes:
        """The text as a user's only message. The backend renders no such prompt by itself."""
        return orjson.dumps({"messages": [{"role": "user", "content": plain_text(prompt)}]})

    def reader(self, stream: bool) -> TextReader:
        """A reader for the reply, which is a stream or not."""
        return TextReader(stream)

    def reply_ids(self, messages: Iterable[Message], seed: str) -> None:
        """A text has no calls."""
        del messages, seed

    def backend_error(self, status: int) -> None:
        """Errors of the backend are left alone."""
        del status

    def error(self, status: int, kind: str, message: str) -> bytes:
        """An error in OpenAI's shape, with llama-server's numeric `code`."""
        return openai_error(status, kind, message)

    @property
    def still_reading(self) -> bytes:
        """A comment."""
        return COMMENT

    def error_event(self, status: int, body: bytes) -> bytes:
        """As llama-server sends it within a stream: an event whose data has `error`."""
        return event_of(error_of(status, body))


def pieces(text: str) -> tuple[Message, ...]:
    """A text as messages. Raises NotUnderstood if there is none: nothing can be recognised by it."""
    if not text:
        raise NotUnderstood("an empty prompt")
    ends = (0, *cuts(text), len(text))
    return tuple(piece(text[start:end]) for start, end in pairwise(ends) if end > start)


def is_several(options: Mapping[str, object]) -> bool:
    """Whether more than one reply is asked for, so that there is more than one slot."""
    return any(options.get(name) not in (None, 1) for name in ("n", "n_cmpl"))
