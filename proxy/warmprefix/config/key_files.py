"""A key in a file of its own, as Docker and systemd hand out secrets."""

from pathlib import Path

from warmprefix.config.checks import checked_token
from warmprefix.core.errors import ConfigError


def key_of_file(path: str, file: str, source: str, other: str | None) -> str:
    """The key that a file holds, without white space around it; raises ConfigError.

    `path`: the setting that names the file, `source`: where that is; `other`: where the key itself is
    given too, None if it is not.
    """
    where = f"{source}: {path}"
    if other:
        raise ConfigError(
            f"{where}: the key itself is given too ({other}); leave out one of the two"
        )
    try:
        key = checked_token(Path(file).expanduser().read_text().strip())
    except OSError as error:
        raise ConfigError(f"{where}: cannot be read: {error.strerror or error}") from None
    except ValueError as error:  # never with what it holds
        reason = "is not text" if isinstance(error, UnicodeError) else str(error)
        raise ConfigError(f"{where}: its key {reason}") from None
    if key is None:
        raise ConfigError(f"{where}: {file} is empty")
    return key
