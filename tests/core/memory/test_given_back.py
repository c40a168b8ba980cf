"""Members of replies that a client gave back are sent on, whatever else was done to the message."""

from collections.abc import Mapping

import orjson
import pytest

from tests.chat_dialect import parse
from warmprefix.core.memory.given_back import with_members
from warmprefix.core.messages import written
from warmprefix.core.types import Message

READS = frozenset({"reasoning"})


def message(role: str = "assistant", **members: object) -> Message:
    body = orjson.dumps({"messages": [{"role": role, **members}]})
    return parse(body).prompt.messages[0]


def given(sent: Message, received: Message) -> Mapping[str, object]:
    (found,) = with_members((sent,), (received,), READS)
    read: Mapping[str, object] = orjson.loads(written(found))
    return read


def test_a_member_comes_back_at_its_place() -> None:
    theirs = message(reasoning="Hm.", content="a ", mood="good")

    assert list(given(message(content="a"), theirs).items()) == [
        ("role", "assistant"),
        ("reasoning", "Hm."),
        ("content", "a"),
    ]


def test_what_ends_up_the_same_is_the_clients_own() -> None:
    theirs = message(content="a", reasoning="Hm.")

    assert with_members((message(content="a"),), (theirs,), READS)[0] is theirs


@pytest.mark.parametrize(
    ("sent", "theirs"),
    [
        (message("user", content="a"), message("user", content="a ", reasoning="Hm.")),
        (message(content="a"), message(content="a ")),
        (message(content="a"), message(content="a ", mood="good")),
    ],
    ids=["no-reply", "nothing-given", "not-read"],
)
def test_nothing_else_is_taken_over(sent: Message, theirs: Message) -> None:
    assert with_members((sent,), (theirs,), READS)[0] is sent


def test_messages_that_were_folded_stay_as_they_are() -> None:
    sent = (message(content="a"),)

    assert with_members(sent, (*sent, message(reasoning="Hm.")), READS) == sent


def test_the_clients_own_message_is_left_alone() -> None:
    theirs = message(content="a", reasoning="Hm.")

    assert with_members((theirs,), (theirs,), READS)[0] is theirs
