"""The canonical form of one body. What each rule does: tests/core/rules. The same as a command:
tests/cli/test_canonicalize.py."""

from typing import Any

import orjson
import pytest

from tests.builders import assistant, user
from warmprefix import NotUnderstood, canonicalize
from warmprefix.library.bodies import DialectName

MARKED = {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}


def chat(*messages: Any) -> dict[str, Any]:
    return {"messages": list(messages), "model": "m"}


def test_a_dict_gives_a_dict_and_bytes_give_bytes() -> None:
    body = chat(user("q"), assistant("Yes. "), user("Why?"))
    wanted = chat(user("q"), assistant("Yes."), user("Why?"))

    assert canonicalize(body) == wanted
    assert orjson.loads(canonicalize(orjson.dumps(body))) == wanted


def test_the_dict_that_was_given_is_not_changed() -> None:
    body = chat(assistant("Yes. "), user("Why?"))
    before = orjson.dumps(body)

    canonicalize(body)

    assert orjson.dumps(body) == before


def test_equal_prompts_become_equal_bytes() -> None:
    plain = b'{"messages":[{"role":"user","content":"q"}]}'
    spaced = b'{"messages": [ {"content":"q", "role":"user", "name": null} ]}'

    assert canonicalize(plain) == canonicalize(
        b'{"messages":[{"role":"user","content":"q","name":null}]}'
    )
    assert orjson.loads(canonicalize(spaced)) == orjson.loads(plain)


def test_rules_are_switched_off_by_name_for_all_clients_or_for_one() -> None:
    body = chat(assistant("Yes. "), user("Why?"))

    assert canonicalize(body, disable=["edge-whitespace"]) == body
    assert canonicalize(body, disable=["hermes:edge-whitespace"]) != body


DIALECTS: list[tuple[DialectName, dict[str, Any], str]] = [
    ("messages", {"system": [MARKED], "messages": [user("q")], "max_tokens": 9}, "cache_control"),
    (
        "responses",
        {"input": [{"type": "message", "id": "m1", "role": "user", "content": "q"}]},
        "m1",
    ),
    ("text", {"prompt": "Once upon"}, "nothing of it"),
]


@pytest.mark.parametrize(("dialect", "body", "gone"), DIALECTS, ids=[row[0] for row in DIALECTS])
def test_the_dialect_is_chosen_by_its_name(
    dialect: DialectName, body: dict[str, Any], gone: str
) -> None:
    assert gone not in str(canonicalize(body, dialect=dialect))


def test_a_body_of_another_kind_is_not_understood() -> None:
    with pytest.raises(NotUnderstood, match="no array of messages"):
        canonicalize({"prompt": "Once upon"})


def test_what_is_no_json_is_not_understood() -> None:
    with pytest.raises(NotUnderstood, match="not a JSON object"):
        canonicalize(b"messages")
