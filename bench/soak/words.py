"""Text of a made-up model."""

from random import Random

WORDS = ("naïve", "café", "日本", "path/to/file.py", "return", "and", "then", "x = 1;", "🙂", "so")


def text_of(choose: Random) -> list[str]:
    """Some words, with characters of one to four bytes."""
    return [f"{choose.choice(WORDS)} " for _ in range(choose.randrange(3, 60))]
