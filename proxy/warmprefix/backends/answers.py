"""Reads answers of a backend without trusting their shape. None if they are not as expected."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Answer:
    """The whole answer to a question. `headers`: by name, in any case."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def text(self) -> str:
        """The body as text, whatever is in it."""
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """The value of a JSON body, lone surrogates included, which orjson refuses. Raises ValueError."""
        try:
            return orjson.loads(self.content)
        except ValueError:
            return json.loads(self.content)


def members(answer: Answer) -> Json:
    """The members of the JSON object; empty if the answer is not 200 with an object."""
    if answer.status_code != 200:
        return {}
    try:
        value = answer.json()
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def objects(value: object) -> list[Json]:
    """The objects of a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def is_owned_by(name: str, models: Answer) -> bool:
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
