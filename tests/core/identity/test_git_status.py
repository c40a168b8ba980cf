"""The lines in which git says how a working tree is."""

import pytest

from warmprefix.core.identity.git_status import are_status_lines


@pytest.mark.parametrize(
    "lines",
    [
        [" M src/a.py", "?? b.py", "R  a.py -> b.py", ""],
        ["MM a.py", "A  new.py"],
        ["abc1234 Fix it", "* 0123abc Try"],
        ["\tmodified:   a.py", "Untracked files:", "\tb.py"],
        ["nothing to commit, working tree clean"],
        ["(clean)"],
    ],
)
def test_they_need_a_line_that_says_so(lines: list[str]) -> None:
    assert are_status_lines(lines, ["Git status:"])
    assert are_status_lines(lines, ["Current branch: dev", "", " M c.py"])
    assert not are_status_lines(lines, [])
    assert not are_status_lines(lines, ["Our plan:", " M c.py"])
    assert not are_status_lines(lines, ["The status says " + "x" * 500])


@pytest.mark.parametrize(
    "line", ["On branch dev", "Current branch: fix/a-1", "- Git branch: `main`"]
)
def test_a_branch_says_so_itself(line: str) -> None:
    assert are_status_lines([line], [])


@pytest.mark.parametrize("line", ["AM I right?", "Be brief.", "  - M a.py", "facade first"])
def test_other_lines_are_none(line: str) -> None:
    assert not are_status_lines([line], ["Git status:"])
