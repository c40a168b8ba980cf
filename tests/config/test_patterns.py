"""What a user adds is checked at the start, by its example."""

from pathlib import Path

import pytest

from tests.config.refused import Bad, assert_refused
from warmprefix.config import CanonicalizeConfig, effective_lines, load
from warmprefix.config.patterns import TransientBlock, VolatileText, compiled
from warmprefix.core.errors import ConfigError

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"
MOOD = VolatileText("mood", "(?m)^Mood: .{1,40}$", "Mood: curious")
NOTES = TransientBlock("notes", "<notes>", "</notes>", "<notes>7 open</notes>")
TABLE = '[[canonicalize.volatile]]\nname = "x"\n'
BLOCK = '[[canonicalize.transient]]\nname = "x"\n'


def test_the_tables_of_the_example_are_accepted_as_they_are(tmp_path: Path) -> None:
    text = EXAMPLE.read_text().split("instead of these two lines:\n#\n", 1)[1].split("\n\n")[0]
    file = tmp_path / "config.toml"
    file.write_text(text.replace("# ", "").replace("#", ""))

    assert load(file, {}, {}).config.canonicalize == CanonicalizeConfig(
        volatile=(MOOD,), transient=(NOTES,)
    )


def test_what_is_shown_can_be_loaded(tmp_path: Path) -> None:
    file, again = tmp_path / "config.toml", tmp_path / "again.toml"
    file.write_text(f"{TABLE}pattern = 'a\\d'\nexample = 'a1'\nuse = 'strip'\nclient = 'pi'\n")
    before = load(file, {}, {})
    again.write_text("\n".join(effective_lines(before)))

    assert load(again, {}, {}).config == before.config
    assert before.config.canonicalize.volatile[0].use == "strip"


def test_a_variable_holds_them_as_json() -> None:
    text = '[{"name": "x", "pattern": "a", "example": "a"}]'

    found = load(None, {"WARMPREFIX_CANONICALIZE__VOLATILE": text}, {}).config.canonicalize

    assert found.volatile == (VolatileText("x", "a", "a"),)


BAD = [
    Bad("no-regex", ("line 3: canonicalize.volatile[0].pattern: missing )",),
        f"{TABLE}pattern = '(a'\nexample = 'a'"),
    Bad("no-re2", ("canonicalize.volatile[0].pattern: invalid perl operator",),
        f"{TABLE}pattern = '(?=a)'\nexample = 'a'"),
    Bad("not-in-the-example", ('pattern is not found in the example, the text "b"',),
        f"{TABLE}pattern = 'a'\nexample = 'b'"),
    Bad("in-an-empty-text", ("found in an empty text",), f"{TABLE}pattern = 'a*'\nexample = 'a'"),
    Bad("no-example", ("line 1: canonicalize.volatile[0]: example is missing",),
        f"{TABLE}pattern = 'a'"),
    Bad("unknown-use", ("line 5: canonicalize.volatile[0].use: ", "freeze, move, strip", "mean freeze?"),
        f"{TABLE}pattern = 'a'\nexample = 'a'\nuse = 'freez'"),
    Bad("unknown-key", ("line 3: canonicalize.volatile[0].patern: ", "mean pattern?"),
        f"{TABLE}patern = 'a'\npattern = 'a'\nexample = 'a'"),
    Bad("unknown-client", ("canonicalize.volatile[0].client: no client is called", "mean hermes?"),
        f"{TABLE}pattern = 'a'\nexample = 'a'\nclient = 'herms'"),
    Bad("no-text", ("canonicalize.volatile[0].pattern: must be text, not the number 7",),
        f"{TABLE}pattern = 7\nexample = 'a'"),
    Bad("no-tables", ("canonicalize.volatile: must be tables, written [[canonicalize.volatile]]",),
        "[canonicalize]\nvolatile = 7"),
    Bad("texts", ("canonicalize.volatile[0]: must be tables",), "[canonicalize]\nvolatile = ['a']"),
    Bad("surrogate", ("canonicalize.volatile[0].pattern: is no valid Unicode",), environ={
        "WARMPREFIX_CANONICALIZE__VOLATILE": '[{"name": "x", "pattern": "\\ud800", "example": "a"}]'}),
    Bad("no-marks", ("opens and closes must not be empty",), f"{BLOCK}opens = ''\ncloses = 'b'\nexample = 'a'"),
    Bad("no-block", ('the example, the text "b a", has no such block',),
        f"{BLOCK}opens = 'a'\ncloses = 'b'\nexample = 'b a'"),
]  # fmt: skip


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.id)
def test_a_wrong_one_is_refused(case: Bad, tmp_path: Path) -> None:
    assert_refused(case, tmp_path)


def test_all_that_is_wrong_with_a_table_is_said_at_once(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(f"{TABLE}pattern = '(a'\nuse = 'no'\n")
    with pytest.raises(ConfigError) as error:
        load(file, {}, {})

    for what in ("[0]: example is missing", "[0].pattern: missing )", "[0].use: the text"):
        assert what in str(error.value)


def test_a_pattern_leaves_text_alone_that_is_no_unicode() -> None:
    pattern = compiled("a")

    assert pattern.sub("", "b\udc80a") == "b\udc80a"
    assert list(pattern.finditer("b\udc80a")) == []
    assert [found[0] for found in pattern.finditer("ab a")] == ["a", "a"]


def test_a_hostile_pattern_takes_one_pass() -> None:
    assert compiled("(a+)+$").sub("", "a" * 100_000 + "!").endswith("!")
