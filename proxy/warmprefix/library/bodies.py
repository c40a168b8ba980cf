"""Bodies as callers have them, bytes or a decoded object, and as the rest of the package has them: bytes."""

import json
from collections.abc import Mapping
from typing import Any, Literal

from warmprefix.core.errors import NotUnderstood
from warmprefix.dialects import DIALECTS
from warmprefix.dialects.base import Dialect

Json = dict[str, Any]
DialectName = Literal["chat_completions", "messages", "responses", "text", "infill"]


def to_bytes(body: bytes | Mapping[str, Any]) -> bytes:
    """A body as JSON text; the same object if it is one already.

    Raises NotUnderstood if a value has no JSON (NaN, a set, a member of itself), and TypeError if `body` is
    neither bytes nor an object.
    """
    if isinstance(body, bytes):
        return body
    if not isinstance(body, Mapping):
        raise TypeError(f"a body is bytes or a dict, not {type(body).__name__}")
    try:
        return json.dumps(dict(body), allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise NotUnderstood(f"the body cannot be written as JSON: {error}") from None


def like(given: bytes | Mapping[str, Any], before: bytes, after: bytes) -> bytes | Json:
    """`after` in the form in which the body was given, and the very object if nothing changed. `before`: what
    `to_bytes` made of it."""
    if isinstance(given, bytes):
        return after
    if after is before:
        return given if isinstance(given, dict) else dict(given)
    decoded: Json = json.loads(after)
    return decoded


def dialect_named(name: str) -> Dialect:
    """The dialect of that name. Raises ValueError."""
    found = next((dialect for dialect in DIALECTS if dialect.name == name), None)
    if found is None:
        known = ", ".join(dialect.name for dialect in DIALECTS)
        raise ValueError(f"no dialect is called {name!r}; there are {known}")
    return found
