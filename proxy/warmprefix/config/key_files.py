"""A key in a file of its own, as Docker and systemd hand out secrets."""

from pathlib import Path
from typing import Any

from warmprefix.config.checks import checked_token


def take_key(values: dict[str, Any], places: dict[str, str], label: str) -> list[str]:
    """Read a key from its file, strip the white space around it, and set it; returns the problems. `values`:
    those of the table called `label`; `places`: the source of each, by its full name.
    """
    file, key = values.get("api_key_file"), f"{label}.api_key"
    if not file:
        return []
    where = f"{places[f'{key}_file']}: {key}_file"
    if values.get("api_key"):
        given = places[key]
        return [f"{where}: the key itself is set too ({given}); leave out one of the two"]
    try:
        values["api_key"] = checked_token(Path(file).expanduser().read_text().strip())
    except OSError as error:
        return [f"{where}: cannot be read: {error.strerror or error}"]
    except ValueError as error:  # never with the content
        reason = "is not text" if isinstance(error, UnicodeError) else str(error)
        return [f"{where}: its key {reason}"]
    places[key] = f"file {file}"
    return [] if values["api_key"] else [f"{where}: {file} is empty"]
