"""Messages and tools that were parsed before, by their bytes: most of a history was sent before."""

from warmprefix.core.memo import Memo
from warmprefix.core.types import Message, Tool
from warmprefix.dialects.base import NOT_BEGUN, Begun, Dialect

_MESSAGES_BYTES = 8 * 1024 * 1024  # one generation, as in the canonicalizer
_TOOLS_BYTES = 1024 * 1024  # whole arrays: some dozen clients with long schemas
_BODIES = 8  # conversations that are active at a time
_BODIES_BYTES = 16 * 1024 * 1024  # all of them together: two of the largest that were seen


class Parsed:
    """Parses one dialect. The same bytes give the same object, which shows that nothing changed."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._messages: Memo[Message] = Memo(_MESSAGES_BYTES)
        self._tools: Memo[tuple[Tool, ...]] = Memo(_TOOLS_BYTES)
        self._bodies: list[tuple[bytes, Begun]] = []

    def message(self, raw: bytes) -> Message:
        """One message. Raises NotUnderstood."""
        found = self._messages.get(raw)
        if found is None:
            found = self._dialect.parse_message(raw)
            self._messages.put(raw, found)
        return found

    def tools(self, raw: bytes) -> tuple[Tool, ...]:
        """The tools in an array. Raises NotUnderstood."""
        found = self._tools.get(raw)
        if found is None:
            found = self._dialect.parse_tools(raw)
            self._tools.put(raw, found)
        return found

    def begun(self, body: bytes) -> Begun:
        """The messages of the longest remembered body with which this one begins."""
        found = (begun for text, begun in self._bodies if body.startswith(text))
        return max(found, key=lambda begun: len(begun.spans), default=NOT_BEGUN)

    def keep(self, body: bytes, begun: Begun) -> None:
        """Remember a body up to its last message, which the client may change in the next turn."""
        spans, messages = begun.spans[:-1], begun.messages[:-1]
        if not spans or spans[-1][1] > _BODIES_BYTES:
            return
        text = body[: spans[-1][1]]
        others = [known for known in self._bodies if not text.startswith(known[0])]
        kept = [*others[1 - _BODIES :], (text, Begun(spans, messages))]
        while sum(len(text) for text, _ in kept) > _BODIES_BYTES:
            del kept[0]
        self._bodies = kept
