"""Changes one setting in a TOML file and leaves everything else in it as it is: comments, order, spacing.

tomlkit does the editing. The result is checked as any settings file is before it is written.
"""

import os
import re
import shutil
import tempfile
import tomllib
from collections.abc import Sequence
from difflib import unified_diff
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Array

from warmprefix.config.checks import did_you_mean, nearest
from warmprefix.config.load import load
from warmprefix.config.meant import meant
from warmprefix.config.schema import KEYS, Key
from warmprefix.config.show import MASK
from warmprefix.config.sources import from_text, parse_toml, read_text
from warmprefix.core.errors import ConfigError

_SIGNS = ("+", "-")
_SECRET = re.compile(r"""(\bapi_key\s*=\s*)(?:"[^"\n]*"|'[^'\n]*')""")
_LINE = re.compile(r" line \d+(?=[:)])")
_ALL = "; `warmprefix config` shows all of them"
_ONLY_OWNER = 0o600


def old_text(file: Path) -> str:
    """The text of the file; empty if there is none. Raises ConfigError."""
    return read_text(file) if file.exists() else ""


def changed(file: Path, path: str, words: Sequence[str], rule_names: frozenset[str]) -> str:
    """The text of `file` with another value of the setting `path`; raises ConfigError if it is not valid then.

    `words`: the value. For a list its elements, or `+NAME` and `-NAME` to add and remove some, or `[]`.
    """
    key = KEYS.get(path)
    if key is None:
        raise ConfigError(f"no setting is called {path}{did_you_mean(meant(path)) or _ALL}")
    text = old_text(file)
    parse_toml(file, text)  # its errors name the line
    try:
        document = tomlkit.parse(text)
        table = document.setdefault(key.section, tomlkit.table())
        if not isinstance(table, dict):
            raise ConfigError(f"{file}: {key.section} must be a section, written [{key.section}]")
        if isinstance(key.default, tuple):
            _set_list(table, key, words)
        else:
            table[key.name] = _scalar(key, words)
        result = tomlkit.dumps(document)
        tomllib.loads(result)
    except (TOMLKitError, tomllib.TOMLDecodeError):  # of the editor, not of the user
        raise ConfigError(
            f"{file}: {path} cannot be changed by a program; edit it by hand"
        ) from None
    _check(file, text, result, rule_names)
    return result


def _scalar(key: Key, words: Sequence[str]) -> object:
    if len(words) != 1:
        raise ConfigError(f"{key.path} takes one value, not {len(words)}")
    default = key.default if key.default is not None else ""
    return from_text(words[0], default)


def _set_list(table: Any, key: Key, words: Sequence[str]) -> None:
    signed = [word.startswith(_SIGNS) for word in words]
    if any(signed) and not all(signed):
        raise ConfigError(f"{key.path}: give each name a sign, + or -, or none of them")
    if not words or not signed[0]:
        table[key.name] = [] if tuple(words) == ("[]",) else list(words)
        return
    array = table.get(key.name)
    if not isinstance(array, Array):
        table[key.name] = []
        array = table[key.name]
    for word in words:
        _change(array, word[0], word[1:], key)


def _change(array: Array, sign: str, name: str, key: Key) -> None:
    if sign == "+":
        if name not in array:
            array.append(name)
    elif name in array:
        array.remove(name)
    else:
        raise ConfigError(f"{key.path} has no {name} in this file{nearest(name, list(array))}")


def _check(file: Path, old: str, new: str, rule_names: frozenset[str]) -> None:
    """Raises ConfigError if the new text is not valid. The lines that it names are those of the old one: nobody
    sees the other."""
    wrong = _problems(file, new, rule_names)
    there = {_LINE.sub("", problem): problem for problem in _problems(file, old, rule_names)}
    if wrong:
        unseen = (_LINE.sub("", problem) for problem in wrong)
        raise ConfigError(
            "\n".join(there.get(one, one.removeprefix(f"{file}: ")) for one in unseen)
        )


def _problems(file: Path, text: str, rule_names: frozenset[str]) -> list[str]:
    try:
        load(file, {}, {}, rule_names=rule_names, text=text)
    except ConfigError as error:
        return str(error).splitlines()
    return []


def shown_changes(file: Path, old: str, new: str) -> list[str]:
    """The lines that differ, as a unified diff; secrets are masked."""
    lines = unified_diff(old.splitlines(), new.splitlines(), str(file), str(file), n=2, lineterm="")
    return [_SECRET.sub(rf'\g<1>"{MASK}"', line) for line in lines]


def write(file: Path, text: str) -> Path | None:
    """Replace the file's text at once, under the mode that it has; a new file is its owner's alone.

    Returns where the text before is kept, None if there was no file. Raises ConfigError.
    """
    target = file.resolve()
    backup = target.with_name(f"{target.name}.bak") if target.exists() else None
    try:
        if backup is not None:
            shutil.copy2(target, backup)
        replace_text(target, text)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"{file}: cannot be written: {reason}") from None
    return backup


def replace_text(file: Path, text: str, mode: int = _ONLY_OWNER) -> None:
    """Replace the file's text at once; `mode`: that of a new file. A link stays one. Raises OSError."""
    target = file.resolve()
    mode = target.stat().st_mode & 0o777 if target.exists() else mode
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(mode)
        Path(name).replace(target)
    finally:
        Path(name).unlink(missing_ok=True)
