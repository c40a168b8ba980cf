"""Every setting and the example file say the same."""

from pathlib import Path

import pytest

from tests.config.meanings import MEANINGS, unit_of
from warmprefix.config import Config, load
from warmprefix.config.schema import KEYS

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"


def test_the_example_holds_every_key_with_its_default() -> None:
    effective = load(EXAMPLE, {}, {}, rule_names=frozenset())

    assert effective.config == Config()
    assert [path for path in KEYS if effective.sources[path] == "default"] == []


@pytest.mark.parametrize("path", KEYS)
def test_the_example_says_meaning_unit_and_choices_of_a_key(path: str) -> None:
    key = KEYS[path]
    section = EXAMPLE.read_text().split(f"[{key.section}]")[1]
    comment = section.split(f"\n{key.name} = ")[0].rsplit("\n\n", 1)[1]
    told = " ".join(line.removeprefix("# ") for line in comment.splitlines())

    assert MEANINGS[path] in told
    assert not unit_of(key) or f"Unit: {unit_of(key)}." in told
    assert all(choice in told for choice in key.choices)


def test_numbers_with_a_unit_in_their_name_tell_it() -> None:
    units = {"_s": "seconds", "_bytes": "bytes"}

    wrong = [
        path
        for path, key in KEYS.items()
        for ending, unit in units.items()
        if path.endswith(ending) and unit_of(key) != unit and not isinstance(key.default, tuple)
    ]

    assert wrong == []
