"""What conversations have left in slots since the server started: its RAM cache may have it."""

from collections.abc import Container, Iterator

from warmprefix.core.slots.slot import Content, Slot

_MOST = 32  # conversations of which the RAM cache may have something


class LeftContents:
    """The latest of it, one a conversation, the oldest first."""

    def __init__(self, copies: Container[str]) -> None:
        """`copies`: conversations of which the RAM cache has a copy."""
        self._copies = copies
        self._contents: dict[str, Content] = {}

    def __iter__(self) -> Iterator[Content]:
        return iter(self._contents.values())

    def put(self, content: Content) -> None:
        """A conversation has left this in a slot, instead of what it had left before."""
        self._contents.pop(content.held.conversation, None)
        self._contents[content.held.conversation] = content
        if len(self._contents) > _MOST:
            del self._contents[next(iter(self._contents))]

    def taken(self, conversation: str) -> None:
        """Another one has gone on from what this one had left in a slot, or as a copy."""
        if conversation not in self._copies:
            self._contents.pop(conversation, None)

    def replaced(self, slot: Slot, content: Content | None) -> None:
        """A slot holds something else now, and the server has not saved what it held for that."""
        if slot.content is None or slot.is_copied:
            return
        was = slot.content.held.conversation
        if content is None or content.held.conversation != was:
            self.taken(was)

    def clear(self) -> None:
        """The server has started again."""
        self._contents.clear()
