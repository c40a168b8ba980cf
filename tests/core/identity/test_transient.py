"""Transient blocks are found wherever they stand, in one pass."""

import pytest

from warmprefix.core.identity.transient import BLOCKS, without_blocks, without_tagged


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        pytest.param("Go.", "Go.", id="none"),
        pytest.param("Go.\n\n<system-reminder>x</system-reminder>", "Go.", id="behind"),
        pytest.param("<context>\nx\n</context>\n\nGo.", "Go.", id="in-front"),
        pytest.param("a <memory-context>x</memory-context> b", "a\nb", id="between"),
        pytest.param(
            "<system-reminder>1</system-reminder>a<system-reminder>2</system-reminder>",
            "a",
            id="twice",
        ),
        pytest.param("a <system-reminder> b", "a <system-reminder> b", id="never-closed"),
        pytest.param("a </system-reminder> b", "a </system-reminder> b", id="never-opened"),
        pytest.param(" edges stay ", " edges stay ", id="edges-of-text-without-blocks"),
    ],
)
def test_the_text_without_its_blocks(text: str, rest: str) -> None:
    assert without_blocks(text) == rest


def test_text_without_blocks_is_the_same_object() -> None:
    text = "nothing " * 3

    assert without_blocks(text) is text


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.opens)
def test_opening_marks_alone_cost_one_pass(block: object) -> None:
    """A megabyte of them is answered at once; a pattern would take hours (the test's time limit)."""
    text = BLOCKS[0].opens * 60_000

    assert without_blocks(text) is text


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        pytest.param("Go.", "Go.", id="none"),
        pytest.param("Go.\n<any-name a='1'>\nx\n</any-name>\n", "Go.\n", id="any-name"),
        pytest.param("<a>\n<b>\n1\n</b>\n</a>\nGo.", "\nGo.", id="one-inside-another"),
        pytest.param("<a>1</a>\nGo.\n<a>2</a>", "\nGo.\n", id="twice"),
        pytest.param("<<<BEGIN_X>>>\n1\n<<<END_X>>>\nGo.", "\nGo.", id="marks"),
        pytest.param("if a <b> c </b>", "if a <b> c </b>", id="inside-a-line"),
        pytest.param("<a>\n<a>\nGo.", "<a>\n<a>\nGo.", id="never-closed"),
    ],
)
def test_the_text_without_anything_between_tags(text: str, rest: str) -> None:
    assert without_tagged(text) == rest
