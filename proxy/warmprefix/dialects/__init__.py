"""Wire shapes: how one endpoint's JSON becomes core values, and how changed values become JSON."""

from warmprefix.dialects.base import Dialect
from warmprefix.dialects.chat_completions import CHAT

DIALECTS: tuple[Dialect, ...] = (CHAT,)
"""Every dialect that is spoken. The first is what is rendered and asked about if nothing else is known."""


def dialect_of(path: str) -> Dialect | None:
    """The dialect of an endpoint; None if it is none of ours."""
    return next((dialect for dialect in DIALECTS if path in dialect.paths), None)
