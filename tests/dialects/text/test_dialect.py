"""Completions of a plain prompt: which bodies are understood, and as what."""

import json

import pytest

from warmprefix.core.errors import NotUnderstood
from warmprefix.core.messages import plain_text
from warmprefix.dialects import dialect_of
from warmprefix.dialects.base import NoMemory, Request
from warmprefix.dialects.text import TEXT

LONG = "The harbour has nine berths.\n" * 30


def parse(**members: object) -> Request:
    return TEXT.parse(json.dumps(members).encode(), NoMemory(TEXT))


@pytest.mark.parametrize(
    "path",
    [
        "/completion",
        "/completions",
        "/v1/completions",
        "/api/v1/completions",
        "/api/v0/completions",
    ],
)
def test_it_is_spoken_at_every_path_of_completions(path: str) -> None:
    assert dialect_of(path) is TEXT
    assert repr(TEXT) == "Text()"


UNDERSTOOD = [
    pytest.param("Hi", "Hi", id="text"),
    pytest.param(["Hi"], "Hi", id="the-only-one-of-a-list"),
    pytest.param([72, 105], "72,105,", id="tokens"),
    pytest.param([[72, 105]], "72,105,", id="tokens-in-a-list"),
    pytest.param([72, "i, \u00e9"], '72,"i, é",', id="tokens-and-text"),
    pytest.param(LONG, LONG, id="long"),
]


@pytest.mark.parametrize(("prompt", "text"), UNDERSTOOD)
def test_a_prompt_is_one_text(prompt: object, text: str) -> None:
    request = parse(prompt=prompt)

    assert plain_text(request.prompt) == text
    assert request.prompt.is_plain
    assert all(message.opaque and message.role is None for message in request.prompt.messages)
    assert (request.takes_slot, request.is_side) == (True, False)


def test_tokens_are_never_taken_for_a_text() -> None:
    tokens, text = parse(prompt=[72, 105]), parse(prompt="72,105,")

    assert tokens.prompt.messages == text.prompt.messages
    assert tokens.prompt != text.prompt


NOT_UNDERSTOOD = [
    pytest.param({}, id="nothing"),
    pytest.param({"model": "m"}, id="no-prompt"),
    pytest.param({"prompt": ""}, id="empty"),
    pytest.param({"prompt": []}, id="none"),
    pytest.param({"prompt": ["a", "b"]}, id="several"),
    pytest.param({"prompt": [[1], [2]]}, id="several-of-tokens"),
    pytest.param({"prompt": {"prompt_string": "Hi"}}, id="object"),
    pytest.param({"prompt": [{"prompt_string": "Hi"}]}, id="object-in-a-list"),
    pytest.param({"prompt": None}, id="null"),
    pytest.param({"prompt": [1.5]}, id="no-token"),
    pytest.param({"prompt": [1, True]}, id="truth"),
    pytest.param({"prompt": [1, None]}, id="nothing-among-tokens"),
    pytest.param({"prompt": "\ud83d"}, id="half-a-character"),
    pytest.param({"prompt": "Hi", "n": 2}, id="two-replies"),
    pytest.param({"prompt": "Hi", "n_cmpl": 2}, id="two-replies-by-the-other-name"),
]


@pytest.mark.parametrize("members", NOT_UNDERSTOOD)
def test_what_is_not_one_prompt_is_not_understood(members: dict[str, object]) -> None:
    with pytest.raises(NotUnderstood):
        parse(**members)


def test_members_say_what_they_say_in_a_chat() -> None:
    request = parse(
        prompt="Hi", model="m", stream=True, id_slot=1, cache_prompt=False, n=1, lora=[]
    )

    assert (request.model, request.stream, request.has_slot, request.reuses) == (
        "m",
        True,
        True,
        False,
    )
    assert dict(request.prompt.template_options) == {"lora": b"[]"}
    plainly = parse(prompt="Hi", model=1, n=None)
    assert (plainly.model, plainly.stream, plainly.has_slot, plainly.reuses) == (
        None,
        False,
        False,
        True,
    )


def test_a_slot_is_asked_for_behind_all_that_came() -> None:
    body = b'{ "prompt" : "Hi" }\n'

    assert TEXT.with_slot(body, 3) == b'{ "prompt" : "Hi" ,"id_slot":3}\n'
