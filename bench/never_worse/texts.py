"""Words to fill messages with, the same for the same random state."""

import random

_TEXT = """
relay deploy window parser review cache commit index gamma queue beta filter vector thread record alpha column
token module prefix signal buffer branch socket kernel matrix shard delta report invoice kitchen harbour ticket
patient lesson garden orbit ledger bridge"""
_WORDS = _TEXT.split()


def text(chance: random.Random, characters: int) -> str:
    """About so many characters; as many tokens with a byte-level vocabulary."""
    words: list[str] = []
    length = 0
    while length < characters:
        words.append(chance.choice(_WORDS))
        length += len(words[-1]) + 1
    return " ".join(words)


def between(chance: random.Random, least: int, most: int) -> str:
    """A text of a random size; every octave is as likely as any other."""
    return text(chance, round(least * (most / least) ** chance.random()))
