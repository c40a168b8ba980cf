"""Reasoning as clients write it into the text of a reply, and how to separate it from the answer.

Only the head of an assistant's text is looked at: in a think block further down the model only writes about
reasoning. Sources: gptme and hermes-agent (`<think>`), aider (`<thinking-content-HEX>`), Open WebUI
(`<details type="reasoning">`, https://github.com/open-webui/open-webui/issues/21815).
"""

import re
from dataclasses import dataclass

from warmprefix.core.types import Message, TextPart

_BLOCK = re.compile(
    r"\s*(?:"
    r"<(?P<tag>think|thinking|thought|reasoning|thinking-content-[0-9a-f]{32})>(?P<text>.*?)</(?P=tag)>"
    r'|<details type="reasoning"[^>]*>(?P<details>.*?)</details>'
    r")\s*",
    re.DOTALL,
)
_QUOTE = re.compile(r"^> ?", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Split:
    """A reply's text in two. `block` is the reasoning with its tags, exactly as it stands."""

    block: str
    reasoning: str
    visible: str


def split_reasoning(content: str) -> Split:
    """The reasoning block at the head of `content`, empty if there is none, and the rest."""
    if not content.lstrip().startswith("<"):
        return Split("", "", content)
    found = _BLOCK.match(content)
    if found is None:
        return Split("", "", content)
    text = found["text"]
    if text is None:
        text = _QUOTE.sub("", _without_summary(found["details"]).strip())
    return Split(found[0], text, content[found.end() :])


def _without_summary(details: str) -> str:
    """Without the summary that Open WebUI writes in front: "Thought for 3 seconds"."""
    head, mark, rest = details.partition("</summary>")
    return rest if mark and head.lstrip().startswith("<summary>") else details


def reasoning_of(message: Message) -> str:
    """The reasoning before a reply, from the field or from its text; empty if there is none."""
    if message.reasoning is not None and message.reasoning.strip():
        return message.reasoning
    return split_reasoning(text_of(message)).reasoning


def text_of(message: Message) -> str:
    """The text of a message; empty if it has no content, several parts, or a picture."""
    content = message.content
    if isinstance(content, tuple) and len(content) == 1 and isinstance(content[0], TextPart):
        return content[0].text
    return content if isinstance(content, str) else ""


def same_reasoning(one: str, other: str) -> bool:
    """Whether two texts are the same reasoning, apart from white space, which clients change."""
    return one.split() == other.split()
