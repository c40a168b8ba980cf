"""A history cut at replies and results."""

import json

import pytest

from tests.builders import Json, assistant, call, calling, result, system, user
from warmprefix.core.memory.anchors import Cut, has_anchor, is_anchor, is_user, same_bytes
from warmprefix.core.messages import changed
from warmprefix.core.types import Message, RawJson
from warmprefix.dialects.chat_completions.messages import parse_message


def messages(*values: Json) -> tuple[Message, ...]:
    return tuple(parse_message(json.dumps(value).encode()) for value in values)


HISTORY = messages(
    system("S."), user("Q."), calling(call()), result("c1"), assistant("A."), user("N.")
)


@pytest.mark.parametrize(
    ("message", "anchor", "of_user"),
    [
        pytest.param(HISTORY[0], False, False, id="instructions"),
        pytest.param(HISTORY[1], False, True, id="question"),
        pytest.param(HISTORY[2], True, False, id="call"),
        pytest.param(HISTORY[3], True, False, id="result"),
        pytest.param(Message("user", opaque=True, raw=RawJson(b"{}")), True, False, id="opaque"),
    ],
)
def test_what_a_client_does_not_write_is_an_anchor(
    message: Message, anchor: bool, of_user: bool
) -> None:
    assert (is_anchor(message), is_user(message)) == (anchor, of_user)


def test_a_history_without_replies_cannot_be_cut() -> None:
    assert [at for at in range(len(HISTORY)) if has_anchor(HISTORY[:at])] == [3, 4, 5]


def test_gaps_stand_in_front_of_anchors_and_at_the_end() -> None:
    cut = Cut(HISTORY)

    assert len(cut) == 3
    assert [cut.anchor(number) for number in range(3)] == list(cut.anchors) == list(HISTORY[2:5])
    assert [cut.gap(number) for number in range(5)] == [HISTORY[:2], (), (), HISTORY[5:], ()]
    assert [(cut.start(number), cut.end(number)) for number in (0, 2, 3)] == [
        (0, 2),
        (4, 4),
        (5, 6),
    ]
    assert [cut.anchors_before(place) for place in range(7)] == [0, 0, 0, 1, 2, 3, 3]
    assert (len(cut.anchor_keys), len(cut.keys)) == (3, 3)


def test_the_newest_gap_has_the_last_words_of_the_user() -> None:
    assert Cut(HISTORY).newest == 3
    assert Cut(HISTORY[:5]).newest == 0
    assert Cut(HISTORY[:1]).newest == -1


def test_bytes_are_the_same_up_to_the_first_that_differ() -> None:
    edited = (*HISTORY[:2], *messages(assistant("Other.")), *HISTORY[3:])
    unwritten = (changed(HISTORY[0]), *HISTORY[1:])

    assert same_bytes(HISTORY, messages(*map(json.loads, (m.raw or b"" for m in HISTORY)))) == 6
    assert same_bytes(HISTORY, HISTORY[:4], HISTORY) == 4
    assert same_bytes(HISTORY, HISTORY, edited) == 2
    assert same_bytes(HISTORY, unwritten) == 0
    assert same_bytes(unwritten, HISTORY) == 0
    assert same_bytes(unwritten, unwritten) == 6
