"""Which setting was meant by a name that no setting has."""

from collections.abc import Mapping

from warmprefix.config.checks import closest
from warmprefix.config.schema import KEYS, SECTIONS

OTHER_WORDS: Mapping[str, tuple[str, ...]] = {
    "path": ("file", "save_path"),
    "file": ("path",),
    "folder": ("save_path", "path"),
    "dir": ("save_path", "path"),
    "address": ("url", "host"),
    "listen": ("host",),
    "bind": ("host",),
    "base_url": ("url",),
    "endpoint": ("url",),
}
"""What a setting is called in the files of other programs, and here."""


def meant(path: str) -> str | None:
    """The setting that was meant by `section.name`; None if none is alike.

    One of the same section goes before one of another: what is called the same there may be something else.
    """
    section, _, name = path.partition(".")
    if section not in SECTIONS:
        return closest(path, KEYS)
    own = [key.name for key in KEYS.values() if key.section == section]
    words = [word for word in OTHER_WORDS.get(name, ()) if word in own]
    if found := next(iter(words), None) or closest(name, own):
        return f"{section}.{found}"
    elsewhere = [key.path for key in KEYS.values() if key.name == name]
    return elsewhere[0] if len(elsewhere) == 1 and name not in OTHER_WORDS else None
