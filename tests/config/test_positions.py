"""The line of every key of a TOML text."""

import pytest

from warmprefix.config.positions import Location, key_lines

LINES = [
    pytest.param("", {}, id="empty"),
    pytest.param("# a = 1\n\na = 1", {("a",): 3}, id="after-a-comment"),
    pytest.param("[s]\na = 1\nb = 2", {("s",): 1, ("s", "a"): 2, ("s", "b"): 3}, id="section"),
    pytest.param("s.a = 1\ns.b = 2", {("s",): 1, ("s", "a"): 1, ("s", "b"): 2}, id="dotted"),
    pytest.param('a = """\nb = 1\n"""\nb = 2', {("a",): 1, ("b",): 4}, id="long-text"),
    pytest.param("a = [\n1,\n# b = 1\n2]\nb = 2", {("a",): 1, ("b",): 5}, id="long-list"),
    pytest.param(
        "[[t]]\na = 1\n\n[[t]]\n[[t]]\nb = 2",
        {("t",): 1, ("t", 0): 1, ("t", 0, "a"): 2, ("t", 1): 4, ("t", 2): 5, ("t", 2, "b"): 6},
        id="tables",
    ),
    pytest.param(
        "t = [{a = 1}, {b = 2}]",
        {("t",): 1, ("t", 0): 1, ("t", 0, "a"): 1, ("t", 1): 1, ("t", 1, "b"): 1},
        id="inline-tables",
    ),
    pytest.param("a = 1\r\nb = 2\r\n", {("a",): 1, ("b",): 2}, id="crlf"),
]


@pytest.mark.parametrize(("text", "lines"), LINES)
def test_every_key_has_the_line_on_which_its_statement_begins(
    text: str, lines: dict[Location, int]
) -> None:
    assert key_lines(text) == lines
