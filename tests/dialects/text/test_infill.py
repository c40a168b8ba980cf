"""Infill: what two requests share is not known, what it belongs to is."""

import json

import pytest

from warmprefix.core.errors import NotUnderstood
from warmprefix.core.explain.prefix import same_head
from warmprefix.core.messages import plain_text
from warmprefix.dialects.base import NoMemory, Request
from warmprefix.dialects.text import INFILL

FILE = {"filename": "a.c", "text": "int a;\n"}


def parse(**members: object) -> Request:
    return INFILL.parse(json.dumps(members).encode(), NoMemory(INFILL))


TEXTS = [
    pytest.param({"input_prefix": "int main"}, "int main", id="prefix"),
    pytest.param({"input_extra": [FILE], "input_prefix": "x"}, "int a;\nx", id="file-and-prefix"),
    pytest.param({"input_extra": [FILE, FILE]}, "int a;\nint a;\n", id="files"),
    pytest.param({"input_extra": [FILE, 1, {"text": 2}]}, "int a;\n", id="odd-files"),
    pytest.param({"input_prefix": "x", "input_extra": 1}, "x", id="no-list"),
]


@pytest.mark.parametrize(("members", "text"), TEXTS)
def test_its_text_is_that_of_the_files_and_of_the_prefix(
    members: dict[str, object], text: str
) -> None:
    request = parse(**members)

    assert plain_text(request.prompt) == text
    assert request.is_side
    assert repr(INFILL) == "Infill()"


@pytest.mark.parametrize("name", ["input_prefix", "input_suffix", "input_extra", "prompt"])
def test_only_the_same_parts_are_known_to_share_anything(name: str) -> None:
    first = parse(input_prefix="x", input_suffix="}").prompt
    again = parse(input_suffix="}", input_prefix="x", n_predict=9).prompt
    other = parse(**{"input_prefix": "x", "input_suffix": "}", name: "other"}).prompt

    assert same_head(first, again)
    assert not same_head(first, other)


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"input_suffix": "}"}, id="nothing-in-front"),
        pytest.param({"input_prefix": 1}, id="odd-prefix"),
        pytest.param({"input_prefix": "x", "n": 2}, id="two-replies"),
    ],
)
def test_what_has_no_text_is_not_understood(members: dict[str, object]) -> None:
    with pytest.raises(NotUnderstood):
        parse(**members)


def test_members_say_what_they_say_in_a_chat() -> None:
    request = parse(input_prefix="x", model="m", stream=True, id_slot=1, cache_prompt=False)

    assert (request.model, request.stream, request.has_slot, request.reuses) == (
        "m",
        True,
        True,
        False,
    )
    assert parse(input_prefix="x", model=1).model is None
