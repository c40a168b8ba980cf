"""What the endpoints of plain prompts have in common."""

import json

import pytest

from warmprefix.core.errors import NotUnderstood
from warmprefix.core.identity.plain import cuts
from warmprefix.core.messages import plain_text, written
from warmprefix.core.types import Prompt
from warmprefix.dialects.base import Dialect
from warmprefix.dialects.text import TEXT
from warmprefix.dialects.text.unchanged import is_several, pieces

LONG = "The harbour has nine berths.\n" * 30


@pytest.mark.parametrize(
    "text", ["Hi", LONG, LONG[: next(cuts(LONG))]], ids=["short", "long", "one-piece"]
)
def test_a_text_is_its_pieces(text: str) -> None:
    prompt = Prompt(pieces(text), is_plain=True)

    assert plain_text(prompt) == text
    assert all(written(message) for message in prompt.messages)


def test_nothing_is_recognised_by_no_text() -> None:
    with pytest.raises(NotUnderstood):
        pieces("")


def test_a_piece_is_utf_8() -> None:
    assert written(TEXT.parse_message("é".encode())) == "é".encode()
    with pytest.raises(NotUnderstood):
        TEXT.parse_message(b"\xff")


@pytest.mark.parametrize(
    ("options", "several"),
    [({}, False), ({"n": 1}, False), ({"n": None}, False), ({"n": 2}, True), ({"n_cmpl": 3}, True)],
)
def test_several_replies_need_several_slots(options: dict[str, object], several: bool) -> None:
    assert is_several(options) is several


def test_there_are_no_tools_no_ids_and_no_words_of_ours() -> None:
    dialect: Dialect = TEXT

    assert dialect.parse_tools(b"[{}]") == ()
    assert dialect.reply_ids((), "seed") is None
    assert dialect.backend_error(400) is None
    assert not dialect.reader(True).done
    assert json.loads(dialect.error(413, "too_large", "no"))["error"]["code"] == 413


def test_as_a_chat_a_text_is_what_the_user_says() -> None:
    chat = json.loads(TEXT.as_chat(Prompt(pieces(LONG), is_plain=True)))

    assert chat == {"messages": [{"role": "user", "content": LONG}]}
