"""What leads back to a conversation's last turn once the process that saw it has ended. Values only.

What was sent is remembered anyway, as a path of nodes (ledger.py). A trail adds where that path ends, and what
the client had otherwise than it was sent.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from warmprefix.core.identity.keys import match_key
from warmprefix.core.memory.gap import KeyOf, is_same
from warmprefix.core.messages import written
from warmprefix.core.types import Message, RawJson

Forms = tuple[int | RawJson, ...]
"""A history: for each message its position among those that were sent, or its own bytes if it is none."""


@dataclass(frozen=True, slots=True)
class Trail:
    """`turn`: the last one of a conversation that is no housekeeping. `leaf`: the id of the last node of its
    path, which is the reply if `is_reply`. `prompt_tokens`, `generated_tokens`: as the backend counted them.

    `client`: the history as the client had it; `ours`: as its chain keys were computed; None: as it was sent.
    `undone`: names of what differs between the two; `restless`: numbers of the gaps that the turn changed.

    For other proxies, which go on where this one has left: `cached_tokens`, as the backend counted them;
    `start`: what the backend says of its last start, empty if nothing; `outlived`, `index` and `is_side`: as of
    `Last` (pipeline/recent.py).
    """

    turn: str
    leaf: bytes
    is_reply: bool
    prompt_tokens: int | None = None
    generated_tokens: int | None = None
    client: Forms | None = None
    ours: Forms | None = None
    undone: tuple[str, ...] = ()
    restless: frozenset[int] = frozenset()
    cached_tokens: int | None = None
    start: str = ""
    outlived: bool | None = None
    index: int = 0
    is_side: bool = False

    @property
    def bytes(self) -> int:
        """Bytes of messages that are in no node."""
        forms = (*(self.client or ()), *(self.ours or ()))
        return sum(len(form) for form in forms if not isinstance(form, int))


def both_forms(
    client: Sequence[Message],
    ours: Sequence[Message],
    sent: Sequence[Message],
    origin: Sequence[int | None] | None,
    key_of: KeyOf = match_key,
) -> tuple[Forms | None, Forms | None]:
    """The history as its client had it, and as its chain keys were computed (`Trail`). `origin`: for each
    message that was sent its position in the client's history; None if that is its own."""
    own = range(len(sent))
    at = positions(own if origin is None else origin, len(client))
    return forms(client, sent, at, key_of), forms(ours, sent, own, key_of)


def forms(
    messages: Sequence[Message],
    sent: Sequence[Message],
    at: Sequence[int | None],
    key_of: KeyOf = match_key,
) -> Forms | None:
    """A history by what was sent; None if it is the same. `at`: where each message may be found there;
    `key_of`: its match key."""
    found = tuple(
        place if place is not None and _is_there(message, sent[place], key_of) else written(message)
        for message, place in zip(messages, at, strict=True)
    )
    return None if found == tuple(range(len(sent))) else found


def _is_there(message: Message, sent: Message, key_of: KeyOf) -> bool:
    return message is sent or is_same(message, sent, key_of)  # most are the same object


def history(
    found: Forms | None, sent: Sequence[Message], parse: Callable[[bytes], Message]
) -> tuple[Message, ...]:
    """The history of these forms."""
    if found is None:
        return tuple(sent)
    return tuple(sent[form] if isinstance(form, int) else parse(form) for form in found)


def as_texts(found: Forms | None) -> list[int | str] | None:
    """Forms for JSON: latin-1 gives back any byte unchanged."""
    if found is None:
        return None
    return [form if isinstance(form, int) else form.decode("latin-1") for form in found]


def from_texts(texts: Sequence[int | str] | None) -> Forms | None:
    """The forms of these texts."""
    if texts is None:
        return None
    return tuple(
        text if isinstance(text, int) else RawJson(text.encode("latin-1")) for text in texts
    )


def positions(origin: Sequence[int | None], count: int) -> list[int | None]:
    """For each of `count` messages of the client its position in a history whose messages have this origin."""
    at: list[int | None] = [None] * count
    for position, came in enumerate(origin):
        if came is not None:
            at[came] = position
    return at
