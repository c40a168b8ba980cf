"""A far store that other proxies write too: what they have added since is asked for with every history.

It is one question all the same: what of the history is near, a turn of another proxy need not bring again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

from warmprefix.core.memory.ledger import Asked, Found, Node, known_messages
from warmprefix.stores.behind import FRONT_BYTES, Behind
from warmprefix.stores.far import FarReader, FarWriter

# The last keys of a history that are looked up although they are near: the latest reply and what it answers.
# Another proxy may have seen another reply, or gone on.
_END_KEYS = 2


class SharedReader(FarReader, Protocol):
    """Used from one thread, but for `interrupt`."""

    def recall(self, keys: Sequence[bytes], asked: Asked, near: Mapping[bytes, Node]) -> Found:
        """What is remembered of these chain keys, and the rest of what is asked, by one round trip. `near`: by
        id, nodes at which the path to a turn may end: what stands before them is here. Raises StoreError."""
        ...


class Shared(Behind):
    """A store, made of the reader and the writer of a far one that others use too."""

    def __init__(
        self, writer: FarWriter, reader: SharedReader, front_bytes: int = FRONT_BYTES
    ) -> None:
        super().__init__(writer, reader, front_bytes)
        self._far = reader

    def _first_to_ask(self, keys: Sequence[bytes], near: Found) -> int | None:
        start = super()._first_to_ask(keys, near)
        end = max(known_messages(keys, near.nodes) - _END_KEYS, 0)
        if not keys:
            return None
        return end if start is None else min(start, end)

    async def _ask(
        self, keys: Sequence[bytes], start: int, near: Found, asked: Asked | None
    ) -> Found:
        if asked is None:
            return await super()._ask(keys, start, near, asked)
        here = {node.id: node for alike in near.nodes.values() for node in alike}
        shifted = replace(asked, least=max(asked.least - start, 0))
        recall = partial(self._far.recall, keys[start:], shifted, here)
        return await self.reader.reported(recall)
