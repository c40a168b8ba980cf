"""One value against its setting: the typed value, or a ValueError whose text completes "path: ...".

Values come typed from TOML and flags; `from_text` types those of the environment first.
"""

import difflib
import json
import math
from collections.abc import Collection
from datetime import date, datetime, time
from urllib.parse import urlsplit

from warmprefix.config.schema import Key

WORDS: dict[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    tuple: "a list of texts",
}


def checked(key: Key, value: object, rule_names: Collection[str] | None) -> object:
    """The value in the type of its field, within all limits; raises ValueError otherwise."""
    typed = to_type(key, value)
    if key.choices:
        check_choice(key.choices, typed)
    if isinstance(typed, int | float) and not isinstance(typed, bool):
        check_limits(key, typed)
    return further_check(key, typed, rule_names)


def to_type(key: Key, value: object) -> object:
    """The value in the field's type: an int will do for a float, but a bool for no number."""
    wanted = value_type(key)
    if wanted is float and type(value) is int:
        return float(value)
    if wanted is tuple and isinstance(value, list | tuple):
        if all(isinstance(element, str) for element in value):
            return tuple(value)
        raise ValueError("must be a list of texts; one of its elements is not")
    if type(value) is not wanted:
        shown = "" if key.setting.secret else f", not {described(value)}"
        raise ValueError(f"must be {WORDS[wanted]}{shown}")
    return value


def value_type(key: Key) -> type:
    """The type of a setting, told by its default; without a default it is text."""
    return str if key.default is None else type(key.default)


def described(value: object) -> str:
    """A value as an error shows it: kind and text, clipped."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the text {json.dumps(value[:40], ensure_ascii=False)}"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, date | datetime | time):
        return "a date or time"
    return "a list" if isinstance(value, list | tuple) else "a table"


def check_choice(choices: tuple[str, ...], value: object) -> None:
    """Raises ValueError unless the value is one of the choices."""
    if value not in choices:
        listed = ", ".join(choices)
        raise ValueError(f"{described(value)} is not one of {listed}{nearest(str(value), choices)}")


def check_limits(key: Key, value: float) -> None:
    """Raises ValueError for a number outside the setting's limits, and for infinity and NaN."""
    least, above, most = key.setting.least, key.setting.above, key.setting.most
    if not math.isfinite(value):
        raise ValueError(f"must be finite, not {value}")
    if least is not None and value < least:
        raise ValueError(f"must be {least:g} or more, not {value}")
    if above is not None and value <= above:
        raise ValueError(f"must be more than {above:g}, not {value}")
    if most is not None and value > most:
        raise ValueError(f"must be {most:g} or less, not {value}")


def further_check(key: Key, value: object, rule_names: Collection[str] | None) -> object:
    """The value after the check that its setting names."""
    if key.setting.check == "url":
        return checked_url(str(value))
    if key.setting.check == "token":
        return checked_token(str(value))
    if key.setting.check == "rules" and isinstance(value, tuple) and rule_names is not None:
        check_rules(value, rule_names)
    return value


def checked_url(url: str) -> str:
    """The address without a slash at its end.

    A path of /v1 is refused: the client's path is added to this address and brings its own /v1.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError as error:
        raise ValueError(f"not an address: {error}") from None
    if not usable or url != url.strip():
        raise ValueError(f"{described(url)} is not an address like http://127.0.0.1:8080")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("must have no user name, query or fragment")
    address = url.rstrip("/")
    if address.endswith("/v1"):
        raise ValueError(
            f"leave out /v1, the client's path brings it: {address.removesuffix('/v1')}"
        )
    return address


def checked_token(token: str) -> str | None:
    """The key, or None for an empty one. A header can carry visible ASCII only (RFC 9110, 5.5)."""
    if not token:
        return None
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise ValueError("must be visible ASCII characters without blanks")
    return token


def check_rules(names: tuple[str, ...], known: Collection[str]) -> None:
    """Raises ValueError for the first name that no rule has."""
    for name in names:
        if name not in known:
            raise ValueError(f"no rule is called {json.dumps(name)}{nearest(name, known)}")


def nearest(name: str, known: Collection[str]) -> str:
    """`; did you mean x?` for the known name that is most alike, or nothing when none is."""
    close = difflib.get_close_matches(name.lower(), sorted(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""


def from_text(key: Key, text: str) -> object:
    """The value that an environment variable's text stands for; raises ValueError."""
    wanted = value_type(key)
    if wanted is str:
        return text
    if wanted is tuple:
        return list_from_text(text)
    if wanted is bool:
        if text.lower() not in ("true", "false", "1", "0"):
            raise ValueError(f"must be true or false, not {described(text)}")
        return text.lower() in ("true", "1")
    try:
        return int(text) if wanted is int else float(text)
    except ValueError:
        raise ValueError(f"must be {WORDS[wanted]}, not {described(text)}") from None


def list_from_text(text: str) -> object:
    """The JSON list in a text; raises ValueError for anything else."""
    try:
        value: object = json.loads(text)
    except ValueError:
        value = None
    if isinstance(value, list):
        return value
    raise ValueError(f'must be a JSON list like ["a", "b"], not {described(text)}')
