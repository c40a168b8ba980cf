"""What a conversation is called."""

import orjson
import pytest

from tests.builders import assistant, result, system, user
from tests.chat_dialect import parse
from warmprefix.core.title import title_of
from warmprefix.core.types import Prompt


def text(content: str) -> dict[str, str]:
    """A part of a message."""
    return {"type": "text", "text": content}


LONG = "Why does the build of the second package fail on the old machine since Monday afternoon?"
TITLES = [
    ("first-words", [system("Be brief."), user("Fix the red build.")], "Fix the red build."),
    ("on-one-line", [user("  Fix\n\n the\tbuild ")], "Fix the build"),
    ("of-the-first-question", [user("a"), assistant("b"), user("c")], "a"),
    ("cut-at-a-word", [user(LONG)], LONG.replace(" afternoon?", "…")),
    ("cut-in-a-word-that-is-too-long", [user("x" * 100)], "x" * 80 + "…"),
    ("of-parts", [user([text("<env>\ncwd: /\n</env>"), text("Go")])], "Go"),
    ("without-blocks", [user("<system-reminder>\na < b\n</system-reminder>\nGo on.")], "Go on."),
    ("a-block-that-does-not-end", [user("<environment_details>\nnothing else")], None),
    ("not-the-instructions-of-a-folder", [user("# Rules for /src\n\n<I>\nTest.\n</I>"), user("Go.")], "Go."),
    ("a-heading-if-there-is-nothing-else", [user("# Go on")], "# Go on"),
    ("not-a-result", [result("c1", "r")], None),
    ("marks-inside-a-sentence-stay", [user("What is <b>?")], "What is <b>?"),
    ("nothing", [], None),
]  # fmt: skip


@pytest.mark.parametrize(("messages", "title"), [r[1:] for r in TITLES], ids=[r[0] for r in TITLES])
def test_the_title_is_the_first_words(messages: list[object], title: str | None) -> None:
    assert title_of(parse(orjson.dumps({"messages": messages})).prompt) == title


def test_a_plain_text_has_none() -> None:
    assert title_of(Prompt((), is_plain=True)) is None
