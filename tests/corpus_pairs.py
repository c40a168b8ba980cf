"""The pairs of `tests/corpus/*.jsonl`: two requests each, and what must be made of them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.strategies import Json, body_of

FILES = sorted((Path(__file__).parent / "corpus").glob("*.jsonl"))


@dataclass(frozen=True, slots=True)
class Pair:
    """One line. `expect` is `equal`, `distinct`, `restore` or `opt_in`, for which `rule` must be on."""

    id: str
    expect: str
    source: str
    a: list[Json]
    b: list[Json]
    a_tools: list[Json] | None
    b_tools: list[Json] | None
    rule: str | None = None

    @property
    def bodies(self) -> tuple[bytes, bytes]:
        """The two request bodies."""
        return body_of(self.a, self.a_tools), body_of(self.b, self.b_tools)


def load() -> tuple[Pair, ...]:
    """All pairs, in the order of the files."""
    rows: list[dict[str, Any]] = [
        json.loads(line) for file in FILES for line in file.read_text("utf-8").splitlines()
    ]
    return tuple(
        Pair(
            id=row["id"],
            expect=row["expect"],
            source=row["source"],
            a=row["a"],
            b=row["b"],
            a_tools=row.get("a_tools"),
            b_tools=row.get("b_tools"),
            rule=row.get("rule"),
        )
        for row in rows
    )


PAIRS = load()
