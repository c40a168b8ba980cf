"""Messages and tools that were parsed before, by the bytes they came as: a history is mostly old ones."""

from proxy.core.memo import Memo
from proxy.core.types import Message, Tool
from proxy.dialects.chat_completions import parse_tools
from proxy.dialects.messages_in import parse_message

_MESSAGES_BYTES = 16 * 1024 * 1024  # one generation, as in the canonicalizer
_TOOLS_BYTES = 1024 * 1024  # whole arrays: some dozen clients with long schemas


class Parsed:
    """Parses, and gives the same object for the same bytes: what did not change is told by that."""

    def __init__(self) -> None:
        self._messages: Memo[Message] = Memo(_MESSAGES_BYTES)
        self._tools: Memo[tuple[Tool, ...]] = Memo(_TOOLS_BYTES)

    def message(self, raw: bytes) -> Message:
        """One message. Raises NotUnderstood."""
        found = self._messages.get(raw)
        if found is None:
            found = parse_message(raw)
            self._messages.put(raw, found)
        return found

    def tools(self, raw: bytes) -> tuple[Tool, ...]:
        """The tools in an array. Raises NotUnderstood."""
        found = self._tools.get(raw)
        if found is None:
            found = parse_tools(raw)
            self._tools.put(raw, found)
        return found
