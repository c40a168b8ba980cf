"""A key in a file of its own, as Docker and systemd hand out secrets."""

from pathlib import Path
from typing import Any

from warmprefix.config.checks import checked_token


def take_key(
    values: dict[str, Any], places: dict[str, str], label: str, name: str = "api_key"
) -> list[str]:
    """Read a key from its file, strip the white space around it, and set it; returns the problems. `values`:
    those of the table called `label`; `places`: the source of each, by its full name; `name`: of the setting.
    """
    file, key = values.get(f"{name}_file"), f"{label}.{name}"
    if not file:
        return []
    what = name.removeprefix("api_")
    where = f"{places[f'{key}_file']}: {key}_file"
    if values.get(name):
        given = places[key]
        return [f"{where}: the {what} itself is set too ({given}); leave out one of the two"]
    try:
        values[name] = checked_token(Path(file).expanduser().read_text().strip())
    except OSError as error:
        return [f"{where}: cannot be read: {error.strerror or error}"]
    except ValueError as error:  # never with the content
        reason = "is not text" if isinstance(error, UnicodeError) else str(error)
        return [f"{where}: its {what} {reason}"]
    places[key] = f"file {file}"
    return [] if values[name] else [f"{where}: {file} is empty"]
