"""Settings files of clients: JSON with comments, TOML, YAML. What a client needs is put in, the rest stays.

The result is read again and compared with what it should say before anybody writes it.
"""

import io
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tomlkit
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from warmprefix.connect import jsonc
from warmprefix.connect.merge import is_list, merge, merge_elements

Content = Mapping[str, Any] | Sequence[Any]
"""What is put in: members, or elements of a file that is a list."""

_WIDTH = 4096  # lines are not folded
_NESTED = re.compile(
    r"^( *)(?:- )?[^\s#-][^\n]*:[ \t]*(?:#[^\n]*)?\n(?:[ \t]*(?:#[^\n]*)?\n)*( *)(- )?",
    re.MULTILINE,
)


class NotReadable(ValueError):
    """The file cannot be read as what it should be, or not be changed; the message says why."""


@dataclass(frozen=True, slots=True)
class Format:
    """A format of settings files. `read`: a text as plain values, None if it is empty; `change`: the text with
    something put in. Both raise ValueError."""

    read: Callable[[str], Any]
    change: Callable[[str, Content], str]


def changed(text: str, format_name: str, content: Content) -> str:
    """The text of a settings file with `content` in it; `format_name`: one of FORMATS. Raises NotReadable."""
    form = FORMATS[format_name]
    try:
        before = form.read(text)
    except (ValueError, RecursionError) as error:
        raise NotReadable(_line(error)) from None
    expected = _merged(before, content)
    try:
        result = form.change(text, content)
        is_right = form.read(result) == expected
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        is_right = False
    if not is_right:
        raise NotReadable("it cannot be changed without changing more of it")
    return result


def _merged(before: Any, content: Content) -> Any:
    """What the file should say."""
    is_table = isinstance(content, Mapping)
    value: Any = _apart(before) if before is not None else ({} if is_table else [])
    if isinstance(value, dict) and is_table:
        merge(value, _apart(content))
    elif isinstance(value, list) and not is_table:
        merge_elements(value, _apart(content))
    else:
        raise NotReadable(f"it holds no {'table' if is_table else 'list'}")
    return value


def _apart(value: Any) -> Any:
    """A copy in which nothing stands twice: what a YAML file names by an anchor is one value in several
    places."""
    if isinstance(value, Mapping):
        return {name: _apart(one) for name, one in value.items()}
    return [_apart(one) for one in value] if is_list(value) else value


def _line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _change_json(text: str, content: Content) -> str:
    if not isinstance(content, Mapping):
        raise TypeError("a JSON file of a client is an object")
    return jsonc.with_members(text, content)


def _change_toml(text: str, content: Content) -> str:
    document = tomlkit.parse(text)
    merge(document, dict(content) if isinstance(content, Mapping) else {})
    return tomlkit.dumps(document)


def _read_yaml(text: str) -> Any:
    try:
        return YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}: " if mark else ""
        raise ValueError(f"{where}{error.problem or 'not valid YAML'}") from None
    except YAMLError as error:
        raise ValueError(_line(error)) from None


def _change_yaml(text: str, content: Content) -> str:
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = _WIDTH
    mapping, offset = _indents(text)
    yaml.indent(mapping=mapping, sequence=offset + 2, offset=offset)
    document = yaml.load(text)
    if document is None:
        comments = f"{text.rstrip()}\n" if text.strip() else ""
        return comments + _dumped(yaml, content)
    if isinstance(content, Mapping):
        merge(document, content)
    else:
        merge_elements(document, content)
    return _dumped(yaml, document)


def _indents(text: str) -> tuple[int, int]:
    """By how many blanks nested mappings stand in, and the dashes of nested lists: as the first of each do."""
    mapping, offset = 0, -1
    for found in _NESTED.finditer(text):
        by = len(found[2]) - len(found[1])
        if found[3] and by >= 0 and offset < 0:
            offset = by
        elif not found[3] and by > 0 and not mapping:
            mapping = by
    return mapping or 2, max(offset, 0)


def _dumped(yaml: YAML, value: Any) -> str:
    stream = io.StringIO()
    yaml.dump(value, stream)
    return stream.getvalue()


FORMATS = {
    "json": Format(jsonc.value_of, _change_json),
    "toml": Format(tomllib.loads, _change_toml),
    "yaml": Format(_read_yaml, _change_yaml),
}
