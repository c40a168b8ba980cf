"""What dialects do alike with a body: its top level, its tools, and whether anything of it was changed."""

from collections.abc import Mapping

from warmprefix.core.errors import NotUnderstood
from warmprefix.core.types import Prompt, Tool
from warmprefix.core.wire.slices import Span, blank_end, members
from warmprefix.dialects.base import Memory


def top_level(body: bytes, inside: Mapping[str, list[Span]]) -> dict[str, Span]:
    """Spans of the members' values of a body that is one object and nothing else. `inside`: as for `members`.

    Raises NotUnderstood, also if the object is empty.
    """
    spans = members(body, start := blank_end(body, 0), inside)
    end = max((stop for _, stop in spans.values()), default=start)
    if blank_end(body, blank_end(body, end) + 1) != len(body):
        raise NotUnderstood("text after the JSON object")
    return spans


def tools_of(body: bytes, spans: Mapping[str, Span], memory: Memory) -> tuple[Tool, ...] | None:
    """The tools of a body: None if it has no such member, none if that is null. Raises NotUnderstood."""
    if "tools" not in spans:
        return None
    raw = body[slice(*spans["tools"])]
    return () if raw == b"null" else memory.tools(raw)


def written_tools(tools: tuple[Tool, ...]) -> bytes:
    """An array of them."""
    return b"[" + b",".join(tool.definition for tool in tools) + b"]"


def is_same(before: Prompt, after: Prompt) -> bool:
    """Whether no message and no tool became another object: rules return what they do not change."""
    return (
        before.tools is after.tools
        and len(before.messages) == len(after.messages)
        and all(a is b for a, b in zip(before.messages, after.messages, strict=True))
    )
