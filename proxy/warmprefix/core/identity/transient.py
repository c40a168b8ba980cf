"""Blocks that a client shows only in its newest user turn, and drops from that turn later.

The code searches for the closing mark instead of using a pattern: a text full of opening marks must not cost
more than one pass.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Block:
    """One kind of block: its opening and closing marks. `source`: where it was seen."""

    opens: str
    closes: str
    source: str


BLOCKS: tuple[Block, ...] = (
    Block("<system-reminder>", "</system-reminder>", "https://github.com/antirez/ds4/issues/364"),
    Block(
        "<environment_details>",
        "</environment_details>",
        "https://github.com/anomalyco/opencode/issues/23595",
    ),
    Block(
        "<memory-context>",
        "</memory-context>",
        "https://github.com/NousResearch/hermes-agent/issues/102194",
    ),
    Block("<context>", "</context>", "https://github.com/open-webui/open-webui/pull/20317"),
    Block(
        "[Observed group context",
        "[Current addressed message]",
        "https://github.com/NousResearch/hermes-agent/issues/48677",
    ),
)
_EDGES = " \t\r\n"


def without_blocks(text: str, blocks: Sequence[Block] = BLOCKS) -> str:
    """`text` without its transient blocks and the blanks around them; `text` itself if it has none."""
    rest = text
    for block in blocks:
        rest = _without(rest, block)
    return text if rest is text else rest.strip(_EDGES)


def _without(text: str, block: Block) -> str:
    kept: list[str] = []
    start = 0
    while (at := text.find(block.opens, start)) >= 0:
        end = text.find(block.closes, at)
        if end < 0:
            break
        kept.append(text[start:at].strip(_EDGES))
        start = end + len(block.closes)
    if not kept:
        return text
    return "\n".join((*kept, text[start:].strip(_EDGES)))


_TAG = re.compile(
    r"^[ \t]*<(?:<<BEGIN_(?P<mark>[A-Z_]{1,60})>>|(?P<tag>[A-Za-z][\w.-]{0,60})(?:\s[^<>\n]{0,200})?)>",
    re.MULTILINE,
)


def without_tagged(text: str) -> str:
    """`text` without what stands between a tag that begins a line and its closing tag, whatever it is called;
    `text` itself if it has nothing of the kind."""
    rest = without_blocks(text)
    pieces = list(_outside(rest))
    return rest if len(pieces) == 1 else "\n".join(piece.strip(_EDGES) for piece in pieces)


def _outside(text: str) -> Iterator[str]:
    start = 0
    missing: set[str] = set()
    for found in _TAG.finditer(text):
        if found.start() < start:
            continue  # inside the block before
        closes = f"<<<END_{found['mark']}>>>" if found["mark"] else f"</{found['tag']}>"
        end = -1 if closes in missing else text.find(closes, found.end())
        if end < 0:
            missing.add(closes)
            continue
        yield text[start : found.start()]
        start = end + len(closes)
    yield text[start:]
