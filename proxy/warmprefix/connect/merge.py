"""Puts what a client needs into what its settings say already: nothing else of them changes.

Works on plain values and on the documents of tomlkit and ruamel.yaml alike, which behave as those do.
"""

from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

_IDENTITIES = ("model_id", "id", "name")
"""Members by which clients tell the elements of a list apart."""


def merge(into: MutableMapping[str, Any], more: Mapping[str, Any]) -> None:
    """Set every member of `more`. What both have as tables is merged, and so are lists."""
    for name, value in more.items():
        there = into.get(name)
        if isinstance(there, MutableMapping) and isinstance(value, Mapping):
            merge(there, value)
        elif isinstance(there, MutableSequence) and is_list(value):
            merge_elements(there, value)
        elif name not in into or there != value:
            into[name] = value


def merge_elements(into: MutableSequence[Any], more: Sequence[Any]) -> None:
    """Append the elements of `more`, or merge each with the one that it stands for."""
    for value in more:
        there = next((one for one in into if is_same(one, value)), None)
        if there is None:
            into.append(value)
        elif isinstance(there, MutableMapping):
            merge(there, value)


def is_same(one: object, other: object) -> bool:
    """Whether both elements of a list stand for the same thing: equal, or tables of one name."""
    if not isinstance(one, Mapping) or not isinstance(other, Mapping):
        return one == other
    named = next((name for name in _IDENTITIES if name in one and name in other), None)
    return named is not None and bool(one[named] == other[named])


def is_list(value: object) -> bool:
    """Whether it is a list, and no text."""
    return isinstance(value, Sequence) and not isinstance(value, str)
