"""Remembered tools in their first-seen order and bytes; new ones after them; removed ones gone."""

from collections import defaultdict
from collections.abc import Sequence

from warmprefix.core.identity.tool_interfaces import same_interfaces
from warmprefix.core.types import Tool


def restore_tools(
    tools: tuple[Tool, ...],
    keys: Sequence[bytes],
    known: Sequence[Tool],
    known_keys: Sequence[bytes],
) -> tuple[Tool, ...]:
    """The tools to send; the same object if that is what the client sent.

    `keys` and `known_keys`: identity of each tool by value. A tool whose definition changed takes the position
    of the remembered one with its name.
    """
    offered: defaultdict[bytes, list[int]] = defaultdict(list)
    for at, key in enumerate(keys):
        offered[key].append(at)
    renewed = _renewed(tools, keys, known, known_keys)
    sent: list[Tool] = []
    used: set[int] = set()
    for tool, key in zip(known, known_keys, strict=True):
        if offered[key]:
            used.add(offered[key].pop(0))
            sent.append(tool)
        elif (new := renewed.get(tool.name)) is not None and new not in used:
            used.add(new)
            sent.append(tools[new])
    sent += (tool for at, tool in enumerate(tools) if at not in used)
    return tools if _are_written_alike(sent, tools) else tuple(sent)


def with_first_descriptions(tools: tuple[Tool, ...], known: Sequence[Tool]) -> tuple[Tool, ...]:
    """The remembered tools, if the client's differ from them in descriptions alone; else the client's."""
    if not known or not same_interfaces(tools, known) or _are_written_alike(tools, known):
        return tools
    return tuple(known)


def _are_written_alike(one: Sequence[Tool], other: Sequence[Tool]) -> bool:
    return [tool.definition for tool in one] == [tool.definition for tool in other]


def _renewed(
    tools: Sequence[Tool],
    keys: Sequence[bytes],
    known: Sequence[Tool],
    known_keys: Sequence[bytes],
) -> dict[str | None, int]:
    """Position of each offered tool whose name is remembered with another definition."""
    names = {tool.name for tool in known if tool.name is not None}
    before = set(known_keys)
    return {
        tool.name: at
        for at, (tool, key) in enumerate(zip(tools, keys, strict=True))
        if tool.name in names and key not in before
    }
