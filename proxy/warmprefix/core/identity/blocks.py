"""Blocks that a client puts into a user's turn: `<environment_details>`, or metadata in a fence."""

import re

from warmprefix.core.identity.evidence import Place

_WINDOW = 8192  # characters above, in which the block must begin
_FAR = 65536  # characters below, in which it must end
_TAG = re.compile(r"<(/?)([A-Za-z][\w:.-]{0,63})(?:\s[^<>]{0,200})?>")
_FENCE = re.compile(r"^\s{0,3}(?:```|~~~)(.{0,40})$", re.MULTILINE)
_OF_A_MACHINE = re.compile(
    r"(?<![a-z])(?:env|environment|context|status|info|system|time|date|datetime|now|clock|session|reminder|"
    r"meta|metadata|state|usage|budget|tokens?|runtime|turn|workspace|memory|telemetry|compaction)(?![a-z])"
)


_BLOCK = re.compile(r"\s*<([A-Za-z][\w:.-]{0,63})(?:\s[^<>]{0,200})?>.*</\1>\s*", re.DOTALL)


def is_block(text: str) -> bool:
    """Whether a text is nothing but what stands between two tags of a machine."""
    found = _BLOCK.fullmatch(text)
    return found is not None and _is_of_a_machine(found[1])


def place_in(text: str, at: int) -> Place:
    """Where in a user's turn a line stands that begins at that character."""
    above = text[max(at - _WINDOW, 0) : at]
    names = [name for name in _open_tags(above) if text.find(f"</{name}>", at, at + _FAR) >= 0]
    fences = list(_FENCE.finditer(above))
    if len(fences) % 2:
        head = above[: fences[-1].start()].rstrip().rpartition("\n")[2]
        names.append(f"{head} {fences[-1][1]}")
    if any(map(_is_of_a_machine, names)):
        return Place.BLOCK
    return Place.QUOTED if names else Place.USER


def _is_of_a_machine(name: str) -> bool:
    return _OF_A_MACHINE.search(name.lower().replace("_", " ")) is not None


def _open_tags(above: str) -> list[str]:
    opened: list[str] = []
    for found in _TAG.finditer(above):
        is_end, name = found.groups()
        if not is_end:
            opened.append(name)
        elif name in opened:
            del opened[opened.index(name) :]
    return opened
