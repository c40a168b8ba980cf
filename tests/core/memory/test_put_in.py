"""What a client puts into the text of its newest turn, and what of a user's it is not."""

import pytest

from warmprefix.core.memory.put_in import is_note, is_put_in, is_rewritten


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("<a>1</a>\nGo.", "<a>2</a>\nGo.", True),
        ("<a>1</a>\nGo.", "Go.", False),
        ("Go.", "<a>1</a>\nGo.", False),
        ("<a>1</a>\nGo.", "<a>1</a>\nStop.", False),
    ],
)
def test_a_block_is_written_anew_if_it_is_in_both(before: str, after: str, found: bool) -> None:
    assert is_rewritten(before, after) is found


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("<a>1</a>\nGo.", "Go.", True),
        ("Go.", "<a>1</a>\nGo.", True),
        ("Go  on.", "Go on.", False),
        ("Go on.", "Go on.", True),
        ("Answer this: what is the height of the tower?", "what is the height of the tower?", True),
        ("Say no, now", "no", False),
        ("Say:\nno\nnow", "no", True),
        ("One.\nRule.\nTwo.", "One.\n\nTwo.", True),
        ("One.\nTwo.", "Two.\nOne.", False),
        ("One.", "One.\nTwo.", False),
        ("One.", " ", False),
    ],
)
def test_what_a_client_puts_into_its_newest_turn(before: str, after: str, found: bool) -> None:
    assert is_put_in(before, after) is found


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("Go.\n## Files\na.py", "Go.\n## Files\nb.py", True),
        ("## Files\na.py\n\nGo.", "## Files\nb.py\n\nGo.", True),
        ("[Note: 1\n2]", "[Note: 1\n3]", True),
        ("Go on.\nNow.", "Stop it.\nThen.", False),
        ("", "Go.", False),
    ],
)
def test_while_the_model_works_what_has_a_line_in_common_is_written_anew(
    before: str, after: str, found: bool
) -> None:
    assert is_rewritten(before, after, is_running=True) is found
    assert not is_rewritten(before, after)


ASKED = "How high is the tower\nthat stands in the harbour?"


@pytest.mark.parametrize(
    ("before", "found"),
    [
        ("Sources: none.\n\nQuestion: How high is the tower that stands in the harbour?", True),
        ("Sources: none.\n\n> How high is the tower\n> that stands in the harbour?", True),
        ("Sources: none.\n\nQuestion: How high is the tower that stands…\nBe brief.", True),
        ("Sources: none.\n\nQuestion: How high is the tower that stands ...", True),
        ("How high is the tower that is... How high is the tower that stands…", True),
        ("Sources: none.\n\nQuestion: How high is the tower that stands", False),
        ("How high is the tower that stands…", False),
        ("How high is the tower that falls in the harbour?", False),
        ("Sources: none.\n\nQuestion: How high is…", False),
    ],
)
def test_a_frame_repeats_the_question_in_another_form(before: str, found: bool) -> None:
    assert is_put_in(before, ASKED) is found


def test_the_beginning_of_a_question_is_looked_for_in_few_places() -> None:
    before = "So. " + "How high is the tower that, say. " * 9 + "How high is the tower that…"

    assert not is_put_in(before, ASKED)


@pytest.mark.parametrize(
    ("around", "found"),
    [
        (("", "\n\nNote: two files"), True),
        (("Note: two files\n\n", "\n"), True),
        (("", "\nline 2"), False),
        (("line 1\n", ""), False),
        (("", "\n\n" + "x" * 2001), False),
        (("", "\n\n"), False),
    ],
)
def test_a_note_is_short_and_a_paragraph_of_its_own(around: tuple[str, str], found: bool) -> None:
    assert is_note(around) is found
