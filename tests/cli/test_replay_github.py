"""A session as GitHub Actions shows it."""

from tests.cli.test_replay_verdict import broken
from warmprefix.cli.replay_github import MOST, annotations, command, summary
from warmprefix.cli.replay_verdict import figures_of


def test_what_ends_a_line_or_a_property_is_escaped() -> None:
    assert command("error", "a: b, c", "50%\nmore\r") == (
        "::error title=a%3A b%2C c::50%25%0Amore%0D"
    )


def test_no_more_breaks_are_shown_than_github_shows() -> None:
    lines = [*annotations([broken(100, 0)] * (MOST + 2), [])]

    assert len([line for line in lines if line.startswith("::warning ")]) == MOST
    assert "2 more breaks" in lines
    assert "100 tokens read again" in lines[0]


def test_the_summary_is_a_table_of_causes() -> None:
    steps = [broken(100, 40), broken(50, 50)]
    text = summary(steps, figures_of(steps), ["a demand"])

    assert "- **a demand**\n" in text
    assert "| clock | 2 | 1 | 150 | 90 |" in text
    assert "| cause |" not in summary([], figures_of([]), [])
