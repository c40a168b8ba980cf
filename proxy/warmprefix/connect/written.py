"""Changes of clients' settings files, each with the text before it, so that they can be taken back.

A note of each is kept in the user's state folder: which file, where its text before is, and what was written.
A file that somebody has changed since is not taken back.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from warmprefix.config.edit import replace_text
from warmprefix.core.errors import ConfigError

_BACKUP = ".before-warmprefix"


@dataclass(frozen=True, slots=True)
class Note:
    """What was written. `backup`: the text before, None if there was no file; `digest`: of the text after."""

    file: Path
    backup: Path | None
    digest: str


def notes_folder(environ: Mapping[str, str]) -> Path:
    """Where the notes are.

    Source: XDG Base Directory Specification 0.8, XDG_STATE_HOME.
    """
    state = Path(environ.get("XDG_STATE_HOME") or "")
    base = state if state.is_absolute() else Path.home() / ".local" / "state"
    return base / "warmprefix" / "connect"


def write(folder: Path, client: str, file: Path, text: str) -> Note:
    """Give the file this text. The text before stays beside it, that of the first time if nobody else has
    changed the file since. Raises ConfigError."""
    earlier = read_note(folder, client)
    try:
        if earlier is not None and earlier.file == file and _is_ours(earlier):
            backup = earlier.backup
        else:
            backup = _kept(file)
        note = Note(file, backup, _digest(text))
        _put_note(folder, client, note)
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_text(file, text)
    except OSError as error:
        raise ConfigError(f"{file}: cannot be written: {error.strerror}") from None
    return note


def undo(folder: Path, client: str) -> Note:
    """Put back what the file said before, or remove it if there was none. Raises ConfigError, also if there is
    nothing to take back, or if the file was changed since."""
    note = read_note(folder, client)
    if note is None:
        raise ConfigError(f"nothing was written for {client} that could be taken back")
    if not _is_ours(note):
        kept = f"; its text before is in {note.backup}" if note.backup else ""
        raise ConfigError(f"{note.file} was changed since; it is left as it is{kept}")
    try:
        if note.backup is None:
            note.file.unlink()
        else:
            replace_text(note.file, _read(note.backup))
            note.backup.unlink()
        _note_file(folder, client).unlink()
    except OSError as error:
        raise ConfigError(f"{note.file}: cannot be taken back: {error.strerror}") from None
    return note


def read_note(folder: Path, client: str) -> Note | None:
    """What was written last for this client; None if nothing was, or the note is damaged."""
    try:
        value = json.loads(_note_file(folder, client).read_text("utf-8"))
        backup = Path(value["backup"]) if value["backup"] else None
        return Note(Path(value["file"]), backup, str(value["digest"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _kept(file: Path) -> Path | None:
    if not file.exists():
        return None
    backup = file.with_name(f"{file.name}{_BACKUP}")
    replace_text(backup, _read(file), mode=file.stat().st_mode & 0o777)
    return backup


def _is_ours(note: Note) -> bool:
    try:
        return _digest(_read(note.file)) == note.digest
    except (OSError, ValueError):
        return False


def _read(file: Path) -> str:
    return file.read_bytes().decode()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _note_file(folder: Path, client: str) -> Path:
    return folder / f"{client}.json"


def _put_note(folder: Path, client: str, note: Note) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    value = {
        "file": str(note.file),
        "backup": str(note.backup) if note.backup else None,
        "digest": note.digest,
    }
    replace_text(_note_file(folder, client), json.dumps(value))
