"""Plain texts compared: what they share, where they part and why, however they are cut into pieces."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chat_dialect import chat_message
from warmprefix.core.explain.cures import Broken, hint_of
from warmprefix.core.explain.difference import first_difference
from warmprefix.core.explain.hint import InForce
from warmprefix.core.explain.prefix import (
    Prefix,
    common_prefix,
    same_head,
    shared_characters,
    shared_of_pieces,
)
from warmprefix.core.explain.saving import Reach, Reaches
from warmprefix.core.explain.shifted import shifted_tokens
from warmprefix.core.messages import piece
from warmprefix.core.types import CacheStats, Prompt, RawJson

PIECES = st.lists(st.text(st.sampled_from("ab é"), min_size=1, max_size=4), max_size=6)


def text(*pieces: str, **options: bytes) -> Prompt:
    about = {name: RawJson(value) for name, value in options.items()}
    return Prompt(tuple(map(piece, pieces)), template_options=about, is_plain=True)


@given(one=PIECES, other=PIECES)
def test_it_does_not_matter_how_texts_are_cut(one: list[str], other: list[str]) -> None:
    shared = shared_characters("".join(one), "".join(other))

    assert shared_of_pieces(one, other) == shared
    assert common_prefix(text(*one), text(*other)).characters == shared
    assert Reaches().of(text(*one), text(*other)).characters == shared


SHARED = [
    pytest.param(["ab", "c"], ["a", "bcd"], Prefix(1, 3), id="goes-on"),
    pytest.param(["abc"], ["ab"], Prefix(0, 2), id="a-part"),
    pytest.param(["abc"], ["abd"], Prefix(0, 2), id="parts"),
    pytest.param(["a b"], ["ab"], Prefix(0, 1), id="a-blank-is-text"),
]


@pytest.mark.parametrize(("one", "other", "shared"), SHARED)
def test_a_text_counts_as_one_message(
    one: Sequence[str], other: Sequence[str], shared: Prefix
) -> None:
    assert common_prefix(text(*one), text(*other)) == shared


def test_a_text_and_a_chat_are_not_compared() -> None:
    chat = Prompt((chat_message("user", "Hi"),))
    about = text("Hi", lora=b"[]")

    assert not same_head(text("Hi"), chat)
    assert not same_head(text("Hi"), about)
    assert common_prefix(chat, text("Hi")) == Prefix(0, 0)
    assert Reaches().of(text("Hi"), about) == Reach(0, 0, 2)


FILLER = "Ben: Is there a crane?\nYou: There is one, by the old pier.\n" * 2
OLD = (
    "You look after a small harbour.\n" + FILLER + "Ann: Is a berth free tonight?\n"
    "You: Berth four is.\nAnn: And now?\n"
)
HEAD = len("You look after a small harbour.\n")
DIFFERENCES = [
    pytest.param(OLD.replace("four", "five"), OLD.index("four") + 1, "edit", id="a-word"),
    pytest.param(OLD.replace("small ", ""), OLD.index("small"), "edit", id="a-word-less"),
    pytest.param(OLD.replace("four is", "four  is"), OLD.index("is.\n"), "whitespace", id="a-blank-more"),
    pytest.param(OLD.replace("\nYou", "\n\nYou"), OLD.index("\nYou") + 1, "whitespace", id="a-line-more"),
    pytest.param(OLD.replace(FILLER, ""), HEAD, "window", id="dropped"),
    pytest.param(OLD.replace(FILLER, "")[: HEAD + 20], HEAD, "edit", id="too-little-to-say"),
]  # fmt: skip


@pytest.mark.parametrize(("after", "offset", "cause"), DIFFERENCES)
def test_a_difference_has_its_place_in_the_whole_text(after: str, offset: int, cause: str) -> None:
    found = first_difference(text(OLD[:90], OLD[90:]), text(after))

    assert found is not None
    assert (found.path, found.offset, found.cause) == ("prompt", offset, cause)
    assert (found.before, found.after) == (OLD, after)
    assert found.message == int(offset >= 90)


@pytest.mark.parametrize("after", [OLD, OLD + "More.", OLD[:40]], ids=["same", "more", "less"])
def test_a_text_that_only_goes_on_does_not_differ(after: str) -> None:
    assert first_difference(text(OLD[:50], OLD[50:]), text(after)) is None


def test_an_option_comes_first() -> None:
    found = first_difference(text("a", lora=b"[1]"), text("b", lora=b"[2]"))

    assert found is not None
    assert (found.path, found.cause) == ("lora", "template-option")


@pytest.mark.parametrize("cause", ["whitespace", "edit"])
def test_no_setting_of_ours_helps_where_nothing_may_be_changed(cause: str) -> None:
    force = InForce(disable=("edge-whitespace", "billing-line"), is_observed=True)
    chat, plain = (hint_of(Broken(cause, "client", acts=acts), force) for acts in (True, False))

    assert chat.where == "setting"
    assert plain.where == "none"


def test_what_a_server_could_have_shifted_is_counted_however_the_text_is_cut() -> None:
    card, dropped, rest = "Be kind.\n" * 10, "Ann: Hm.\n" * 10, "You: Berth four is free.\n" * 40
    old, new = text(card + dropped[:7], dropped[7:] + rest[:99], rest[99:]), text(card, rest)
    stats = CacheStats(len(card + rest), len(card), len(rest))

    assert shifted_tokens(None, old, new, stats, 256, Reaches()) == len(rest) - 1
