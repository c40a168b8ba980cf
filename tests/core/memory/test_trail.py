"""A history by what was sent, and back."""

import json
from collections.abc import Sequence

import pytest

from tests.builders import Json, assistant, system, user
from warmprefix.core.memory.trail import (
    Forms,
    Trail,
    as_texts,
    both_forms,
    forms,
    from_texts,
    history,
    positions,
)
from warmprefix.core.messages import written
from warmprefix.core.types import Message, RawJson
from warmprefix.dialects.chat_completions.messages import parse_message


def messages(*values: Json) -> tuple[Message, ...]:
    return tuple(parse_message(json.dumps(value).encode()) for value in values)


SENT = messages(system("It is 10:00."), user("Hi."), system("Lore."), assistant("Hello."))
LATE = messages(system("It is 10:01."))[0]
CASES = [
    pytest.param(SENT, [0, 1, 2, 3], None, id="as-sent"),
    pytest.param(
        messages(system("It is 10:00."), user("Hi."), system("Lore."), assistant(" Hello.\n")),
        [0, 1, 2, 3],
        None,
        id="as-sent-but-for-edges",
    ),
    pytest.param(
        (LATE, SENT[1], SENT[3]), [None, 1, 3], (written(LATE), 1, 3), id="put-back-and-frozen"
    ),
    pytest.param((LATE, *SENT[1:]), [0, 1, 2, 3], (written(LATE), 1, 2, 3), id="sent-otherwise"),
    pytest.param(SENT[:2], [0, 1], (0, 1), id="fewer"),
]


@pytest.mark.parametrize(("client", "at", "expected"), CASES)
def test_a_history_comes_back(
    client: Sequence[Message], at: Sequence[int | None], expected: Forms | None
) -> None:
    found = forms(client, SENT, at)

    assert found == expected
    back = history(found, SENT, parse_message)
    assert [m.content.strip() for m in back] == [m.content.strip() for m in client]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("client", "origin", "expected"),
    [
        pytest.param(SENT, None, None, id="as-sent"),
        pytest.param(
            (LATE, SENT[1], SENT[3]), [0, 1, None, 2], (written(LATE), 1, 3), id="put-back"
        ),
    ],
)
def test_the_clients_history_and_ours_are_known_by_what_was_sent(
    client: Sequence[Message], origin: Sequence[int | None] | None, expected: Forms | None
) -> None:
    ours = (LATE, *SENT[1:])

    assert both_forms(client, ours, SENT, origin) == (expected, (written(LATE), 1, 2, 3))


def test_only_own_bytes_count() -> None:
    long = RawJson(b"x" * 100)
    assert Trail("t", b"leaf", is_reply=True).bytes == 0
    trail = Trail("t", b"leaf", is_reply=True, client=(0, long, 2), ours=(long, 1))
    assert trail.bytes == 200


def test_positions_of_what_the_client_has() -> None:
    assert positions([0, None, 2], 4) == [0, None, 2, None]
    assert positions([None, 0], 1) == [1]


@pytest.mark.parametrize("found", [None, (), (0, RawJson(b'"\xff\xc3\xa9"'), 2)])
def test_forms_survive_as_texts(found: Forms | None) -> None:
    texts = as_texts(found)

    assert from_texts(json.loads(json.dumps(texts))) == found
