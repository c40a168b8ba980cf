"""What was sent in the last turn of each conversation, to compare the next one with."""

from collections import OrderedDict

from proxy.core.types import Prompt
from proxy.core.wire import write_message

_MAX_BYTES = 32 * 1024 * 1024
"""Text of the prompts that are kept: dozens of long conversations. The messages are mostly shared with
the canonicalizer's memory, so the real cost is lower."""


class Recent:
    """The last sent prompt by conversation; the longest unused leaves first."""

    def __init__(self, max_bytes: int = _MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._prompts: OrderedDict[str, tuple[Prompt, int]] = OrderedDict()

    def get(self, conversation: str) -> Prompt | None:
        """The prompt sent last, None where it is not known any more."""
        found = self._prompts.get(conversation)
        return found[0] if found else None

    def put(self, conversation: str, prompt: Prompt) -> None:
        """Remember what was sent."""
        self.drop(conversation)
        size = sum(len(write_message(message)) for message in prompt.messages)
        self._prompts[conversation] = (prompt, size)
        self._bytes += size
        while self._bytes > self._max_bytes and len(self._prompts) > 1:
            self.drop(next(iter(self._prompts)))

    def drop(self, conversation: str) -> None:
        """Forget a conversation."""
        found = self._prompts.pop(conversation, None)
        if found:
            self._bytes -= found[1]
