"""JSON as people write it, with comments and a comma behind the last member: members are set in the text, and
every other byte of it stays. Nothing else of JSON5 is understood.

The libraries that read this lose the comments, or write the whole file anew.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]  # the only reader of one text that tells its end
from typing import Any

from warmprefix.connect.merge import is_list, is_same

_BETWEEN = re.compile(r"(?:[\s\ufeff]|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_PLAIN = re.compile(r"[-+.\w]+")
_REST_OF_LINE = re.compile(r"[ \t]*(?://[^\n]*|/\*[^\n]*?\*/[ \t]*)?(?=\r?\n)")
_INDENT = "  "
_MOST_LEVELS = 100  # settings have a dozen


class NotJson(ValueError):
    """The text is no JSON, not even with comments; the message says in which line, and what is wrong."""


@dataclass(frozen=True, slots=True)
class Node:
    """A value and its place, `text[start:end]`. `names`: those of its members, if it is an object; `items`:
    their values, or its elements; `comma`: the end of a comma behind the last of them."""

    value: Any
    start: int
    end: int
    names: tuple[str, ...] = ()
    items: tuple["Node", ...] = ()
    comma: int | None = None
    first: int = 0

    def member(self, name: str) -> "Node | None":
        """The value of a member: the last one of that name, as every reader takes it."""
        pairs = zip(self.names, self.items, strict=True)
        return next((node for key, node in reversed([*pairs]) if key == name), None)


@dataclass(frozen=True, slots=True)
class Edit:
    """`text[start:end]` becomes `new`."""

    start: int
    end: int
    new: str


def read(text: str) -> Node:
    """The value of the text with its places. Raises NotJson."""
    node = _value(text, _behind(text, 0), 0)
    at = _behind(text, node.end)
    if at < len(text):
        raise _wrong(text, at, "something stands behind the end")
    return node


def value_of(text: str) -> Any:
    """The value of the text; None if it has none. Raises NotJson."""
    return None if is_empty(text) else read(text).value


def is_empty(text: str) -> bool:
    """Whether the text is nothing but blanks and comments."""
    return _behind(text, 0) == len(text)


def with_members(text: str, more: Mapping[str, Any]) -> str:
    """The text with these members set; raises NotJson, also if it is no object."""
    if is_empty(text):
        return f"{text}{json.dumps(more, indent=2, ensure_ascii=False)}\n"
    root = read(text)
    if not isinstance(root.value, dict):
        raise NotJson("it holds no object")
    done, parts = 0, []
    for edit in sorted(_Writer(text).members(root, more), key=lambda edit: edit.start):
        parts += [text[done : edit.start], edit.new]
        done = edit.end
    return "".join((*parts, text[done:]))


class _Writer:
    """Finds the edits of one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._line_end = "\r\n" if "\r\n" in text else "\n"

    def members(self, node: Node, more: Mapping[str, Any]) -> Iterator[Edit]:
        """What sets these members of an object."""
        new = {name: value for name, value in more.items() if name not in node.names}
        for name, value in more.items():
            there = node.member(name)
            if there is not None:
                yield from self._value(there, value)
        if new:
            indent = self._indent(node)
            texts = [f"{json.dumps(name)}: {self._dumped(new[name], indent)}" for name in new]
            yield from self._behind(node, texts, indent)

    def _value(self, there: Node, value: Any) -> Iterator[Edit]:
        if isinstance(there.value, dict) and isinstance(value, Mapping):
            yield from self.members(there, value)
        elif isinstance(there.value, list) and is_list(value):
            yield from self._elements(there, value)
        elif there.value != value or type(there.value) is not type(value):
            yield Edit(there.start, there.end, self._dumped(value, self._line_indent(there.start)))

    def _elements(self, node: Node, more: Sequence[Any]) -> Iterator[Edit]:
        new = []
        for value in more:
            there = next((one for one in node.items if is_same(one.value, value)), None)
            if there is None:
                new.append(value)
            elif isinstance(there.value, dict):
                yield from self.members(there, value)
        if new:
            indent = self._indent(node)
            yield from self._behind(node, [self._dumped(value, indent) for value in new], indent)

    def _behind(self, node: Node, texts: Sequence[str], indent: str | None) -> Iterator[Edit]:
        """Texts behind the last member or element; `indent`: of their lines, None for one line."""
        lead = " " if indent is None else f"{self._line_end}{indent}"
        joined = f",{lead}".join(texts)
        if not node.items:
            inner = self._text[node.start + 1 : node.end - 1].rstrip()
            end = f"{self._line_end}{self._line_indent(node.start)}"
            yield Edit(node.start + 1, node.end - 1, f"{inner}{lead}{joined}{end}")
            return
        last = node.items[-1].end
        if node.comma is None:
            yield Edit(last, last, ",")
        at = node.comma or last
        rest = _REST_OF_LINE.match(self._text, at) if indent is not None else None
        at = rest.end() if rest else at
        yield Edit(at, at, f"{lead}{joined}" + ("," if node.comma is not None else ""))

    def _indent(self, node: Node) -> str | None:
        """The indent of the lines of its members; None if they stand in one line with it."""
        if not node.items:
            return self._line_indent(node.start) + _INDENT
        between = self._text[node.start : node.first]
        return self._line_indent(node.first) if "\n" in between else None

    def _line_indent(self, at: int) -> str:
        """The blanks that the line begins with."""
        begins = self._text.rfind("\n", 0, at) + 1
        line = self._text[begins:at]
        return line[: len(line) - len(line.lstrip(" \t"))]

    def _dumped(self, value: Any, indent: str | None) -> str:
        if indent is None:
            return json.dumps(value, ensure_ascii=False)
        text = json.dumps(value, indent=_INDENT, ensure_ascii=False)
        return text.replace("\n", f"{self._line_end}{indent}")


def _behind(text: str, at: int) -> int:
    """Where the blanks and comments that begin here end."""
    found = _BETWEEN.match(text, at)
    return found.end() if found else at


def _value(text: str, at: int, level: int) -> Node:
    if level > _MOST_LEVELS:
        raise _wrong(text, at, "it is nested too deeply")
    begins = text[at : at + 1]
    if begins in ("{", "["):
        return _composite(text, at, level)
    if begins == '"':
        value, end = _string(text, at)
        return Node(value, at, end)
    plain = _PLAIN.match(text, at)
    try:
        return Node(json.loads(plain[0] if plain else ""), at, plain.end() if plain else at)
    except ValueError:
        raise _wrong(text, at, "no value begins here") from None


def _composite(text: str, start: int, level: int) -> Node:
    """An object or a list."""
    is_object = text[start] == "{"
    close = "}" if is_object else "]"
    names: list[str] = []
    items: list[Node] = []
    comma = None
    first = at = _behind(text, start + 1)
    while text[at : at + 1] != close:
        if items and comma is None:
            raise _wrong(text, at, f"a comma or {close} is missing")
        if is_object:
            name, at = _name(text, at)
            names.append(name)
        items.append(_value(text, at, level + 1))
        at, comma = _behind(text, items[-1].end), None
        if text[at : at + 1] == ",":
            comma = at + 1
            at = _behind(text, comma)
    values = [item.value for item in items]
    value = dict(zip(names, values, strict=True)) if is_object else values
    return Node(value, start, at + 1, tuple(names), tuple(items), comma, first)


def _name(text: str, at: int) -> tuple[str, int]:
    """The name of a member, and where its value begins."""
    if text[at : at + 1] != '"':
        raise _wrong(text, at, 'a name in " is missing')
    name, at = _string(text, at)
    at = _behind(text, at)
    if text[at : at + 1] != ":":
        raise _wrong(text, at, "a colon is missing")
    return name, _behind(text, at + 1)


def _string(text: str, at: int) -> tuple[str, int]:
    try:
        found: tuple[str, int] = scanstring(text, at + 1, True)
    except ValueError:
        raise _wrong(text, at, "a text does not end") from None
    return found


def _wrong(text: str, at: int, what: str) -> NotJson:
    return NotJson(f"line {text.count(chr(10), 0, at) + 1}: {what}")
