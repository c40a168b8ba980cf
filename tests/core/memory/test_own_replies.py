"""Replies that a client writes itself, and moves on with what they reply to."""

import pytest

from tests.builders import Json, assistant, user
from tests.core.memory.histories import (
    DONE,
    NEXT,
    RESTORE,
    A,
    Case,
    S,
    Turn,
    U,
    assert_undone,
    messages,
)
from warmprefix.core.identity.keys import match_key
from warmprefix.core.memory.alignment import NO_UNDOING, Change
from warmprefix.core.memory.own_replies import moved_on, put_in
from warmprefix.core.types import Message, RawJson

FILES, EDITED = user("The files:\nberths.py\nprint(9)"), user("The files:\nberths.py\nprint(8)")
OK = assistant("Ok, I will edit those.")
RULES = "\n\nAnswer with whole files."
ASK, ASK_ON, ASK_LAST = (user(f"{text}{RULES}") for text in ("A question.", "Next.", "Last."))
LAST = user("Last.")
FIRST = Turn([S, FILES, OK, ASK])
SECOND = Turn([S, U, A, FILES, OK, ASK_ON], assistant("Two."))
TWO = assistant("Two.")

CASES = [
    Case(
        "files that move on stay where they were",
        [FIRST],
        [S, U, A, FILES, OK, ASK_ON],
        [S, FILES, OK, ASK, A, ASK_ON],
        ("transient",),
    ),
    Case(
        "files that have changed are said again, with the reply to them",
        [FIRST],
        [S, U, A, EDITED, OK, ASK_ON],
        [S, FILES, OK, ASK, A, EDITED, OK, ASK_ON],
        ("transient",),
    ),
    Case(
        "they stay there",
        [FIRST, SECOND],
        [S, U, A, NEXT, TWO, FILES, OK, ASK_LAST],
        [S, FILES, OK, ASK, A, ASK_ON, TWO, ASK_LAST],
        ("transient",),
    ),
    Case(
        "files that are as they were once are said again",
        [FIRST, Turn([S, U, A, EDITED, OK, ASK_ON], TWO)],
        [S, U, A, NEXT, TWO, FILES, OK, ASK_LAST],
        [S, FILES, OK, ASK, A, EDITED, OK, ASK_ON, TWO, FILES, OK, ASK_LAST],
        ("transient",),
    ),
    Case(
        "files that have left the chat",
        [FIRST, SECOND],
        [S, U, A, NEXT, TWO, LAST],
        [S, FILES, OK, ASK, A, ASK_ON, TWO, LAST],
        ("transient",),
    ),
    Case(
        "without the rule",
        [FIRST],
        [S, U, A, FILES, OK, ASK_ON],
        change=Change(1, "transient-block", RESTORE),
        undoing=NO_UNDOING,
    ),
    Case(
        "a question of the history is edited",
        [FIRST, SECOND],
        [S, user("Another one."), A, NEXT, TWO, FILES, OK, ASK_LAST],
        change=Change(1, "edit"),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_what_a_client_moves_on_with_its_own_replies_is_put_back(case: Case) -> None:
    assert_undone(case)


def keys(*values: Json) -> set[bytes]:
    return set(map(match_key, messages(*values)))


OPAQUE = Message("assistant", opaque=True, raw=RawJson(b"{}"))


@pytest.mark.parametrize(
    ("now", "moved"),
    [
        ([S, U, A, FILES, OK, NEXT], [OK]),
        ([S, U, A, NEXT], []),
        ([S, FILES, OK, U, A, FILES, OK, NEXT], []),
        ([S, U, assistant("Other."), FILES, OK, NEXT], []),
        ([S, U, A, NEXT, TWO, LAST], []),
        ([S, U, assistant(f"<think>so</think>{DONE}\n"), FILES, OK, NEXT], [OK]),
    ],
    ids=["moved", "gone", "in front, too", "no such reply", "of a turn that was missed", "other"],
)
def test_a_reply_that_has_moved_behind_that_of_the_model_is_the_clients(
    now: list[Json], moved: list[Json]
) -> None:
    client = messages(S, FILES, OK, ASK)

    found = moved_on(client, messages(A)[0], (*messages(*now), OPAQUE))
    assert found == keys(*moved)
    assert moved_on(client, None, messages(*now)) == frozenset()


def test_a_reply_that_stood_there_before_is_not_the_one_to_the_question() -> None:
    history = messages(S, U, A, FILES, OK, NEXT)  # asked again: the reply to it was "Done.", too

    assert moved_on(history, messages(A)[0], history) == frozenset()


@pytest.mark.parametrize(
    ("client", "ours", "put"),
    [
        ([S, U, A, FILES, OK, NEXT], [S, FILES, OK, U, A, NEXT], [OK]),
        ([S, U, A, NEXT], [S, FILES, OK, U, A, NEXT], [OK]),
        ([S, U, A, NEXT], [S, U, A, NEXT], []),
        ([S, U, assistant("One.\nTwo."), NEXT], [S, U, assistant("One.\n\nTwo."), NEXT], []),
        ([S, U, A, NEXT], [S, U, A, NEXT, OK], [OK]),
    ],
    ids=["moved on", "taken out", "nothing", "another form", "at the end"],
)
def test_a_reply_that_stands_in_front_of_where_the_client_has_it_was_put_in(
    client: list[Json], ours: list[Json], put: list[Json]
) -> None:
    theirs, sent = (OPAQUE, *messages(*client)), (OPAQUE, *messages(*ours))

    assert put_in(theirs, sent) == keys(*put)
