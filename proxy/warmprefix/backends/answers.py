"""Reads answers of a backend without trusting their shape. None if they are not as expected."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

Json = dict[str, object]


def members(response: "httpx.Response") -> Json:
    """The members of the JSON object; empty if the answer is not 200 with an object."""
    if response.status_code != 200:
        return {}
    try:
        value = response.json()
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def objects(value: object) -> list[Json]:
    """The objects of a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def is_owned_by(name: str, models: "httpx.Response") -> bool:
    """Whether a list of models says that `name` owns the first one."""
    listed = objects(members(models).get("data"))
    return bool(listed) and listed[0].get("owned_by") == name


def text(value: object) -> str | None:
    """A text; None if it is empty or no text."""
    return value if isinstance(value, str) and value else None


def whole(value: object) -> int | None:
    """A whole number; true and false do not count."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def number(value: object) -> float:
    """A number as it is; 0 for anything else."""
    return float(value) if isinstance(value, int | float) else 0.0
