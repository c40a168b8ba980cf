"""What is said of one setting, and how a section's field carries it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Check = Literal["", "url", "token", "rules"]


@dataclass(frozen=True, slots=True)
class Setting:
    """What the type of a field cannot say. `least`, `above` and `most` limit numbers.

    `check` names a further test of the value (checks.py); `flag` is the command line's name for it;
    `choices`: all values, if a registry holds them.
    """

    meaning: str
    unit: str = ""
    least: float | None = None
    above: float | None = None
    most: float | None = None
    check: Check = ""
    flag: str = ""
    secret: bool = False
    choices: tuple[str, ...] = ()


def about(
    meaning: str,
    unit: str = "",
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    check: Check = "",
    flag: str = "",
    secret: bool = False,
    choices: tuple[str, ...] = (),
) -> Mapping[str, Setting]:
    """The metadata of a field: its Setting under the key `setting`."""
    return {"setting": Setting(meaning, unit, least, above, most, check, flag, secret, choices)}
