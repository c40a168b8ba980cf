"""Wire shapes: how one endpoint's JSON becomes core values, and how changed values become JSON."""

import json

from warmprefix.core.errors import NotUnderstood
from warmprefix.core.types import Prompt
from warmprefix.dialects.base import Dialect, NoMemory, Request
from warmprefix.dialects.bodies import with_question
from warmprefix.dialects.chat_completions import CHAT
from warmprefix.dialects.messages import MESSAGES
from warmprefix.dialects.responses import RESPONSES
from warmprefix.dialects.text import INFILL, TEXT

DIALECTS: tuple[Dialect, ...] = (CHAT, MESSAGES, RESPONSES, TEXT, INFILL)
"""Every dialect that is spoken. The first is what is rendered and asked about if nothing else is known."""


def to_render(request: Request, prompt: Prompt, body: bytes) -> bytes:
    """What has a prompt rendered, a chat completion: `body`, which carries it, if that is one. It may say more
    than a prompt does."""
    return body if request.dialect is DIALECTS[0] else request.dialect.as_chat(prompt)


def dialect_of(path: str) -> Dialect | None:
    """The dialect of an endpoint; None if it is none of ours."""
    return next((one for one in DIALECTS if path in one.paths or path in one.counting), None)


def dialect_by_shape(body: bytes) -> Dialect:
    """The dialect of a body whose endpoint is not known; the first if no other claims it."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        return DIALECTS[0]
    return next((one for one in DIALECTS if one.is_shape_of(value)), DIALECTS[0])


def answering(path: str) -> Dialect:
    """The dialect in whose shape an error of ours is answered: that of the endpoint that `path` is, or stands
    below; else OpenAI's."""
    paths = ((dialect, own) for dialect in DIALECTS for own in dialect.paths)
    below = (dialect for dialect, own in paths if f"{path}/".startswith(f"{own}/"))
    return next(below, DIALECTS[0])


def with_open_end(dialect: Dialect, body: bytes, text: str) -> bytes:
    """The body with one more message of the user, in which nothing but `text` stands, unless it ends in one. It
    may have no messages yet. Raises NotUnderstood."""
    try:
        prompt = dialect.parse(body, NoMemory(dialect)).prompt
    except NotUnderstood:
        return with_question(dialect, body, text)
    last = prompt.messages[-1].logical_role if prompt.messages else ""
    return (
        body if prompt.is_plain or last in ("user", "tool") else with_question(dialect, body, text)
    )
