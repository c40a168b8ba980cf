"""How much longer a prompt is than its client has sent it: the price of putting text back."""

from collections.abc import Sequence

from warmprefix.core.identity.reasoning import text_of
from warmprefix.core.types import Message


def added_characters(sent: Sequence[Message], client: Sequence[Message]) -> int:
    """Characters of text that were sent beyond those of the client. What stands for something else, like an
    earlier time, adds only what it is longer by."""
    pairs = enumerate(zip(sent, client, strict=False))
    same = next((at for at, (one, other) in pairs if one is not other), min(len(sent), len(client)))
    return max(_characters(sent[same:]) - _characters(client[same:]), 0)


def put_back_tokens(added: int, total: int, prompt_tokens: int) -> int:
    """The same in tokens, at the turn's own ratio. `total`: characters of the whole prompt."""
    return round(prompt_tokens * min(added / total, 1.0)) if total else 0


def _characters(messages: Sequence[Message]) -> int:
    return sum(len(text_of(message)) for message in messages)
