"""Why one body does not go on from another. The causes: tests/core/explain; hints: tests/cases/hints."""

from typing import Any

import orjson
import pytest

from tests.builders import assistant, call, calling, result, system, user
from warmprefix import Break, NotUnderstood, explain

TOOL = {
    "type": "function",
    "function": {"name": "f", "parameters": {"type": "object", "properties": {}}},
}
REPLY = assistant(
    "A reply that is long enough to be recognised again, whatever was in front of it."
)
CLOCK = "Be brief. Current time: "


def chat(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"messages": list(messages), **more}


def found(before: dict[str, Any], after: dict[str, Any], **options: Any) -> Break:
    broken = explain(before, after, **options)
    assert broken is not None
    return broken


GOES_ON: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("same", chat(user("q")), chat(user("q"))),
    ("longer", chat(user("q")), chat(user("q"), REPLY, user("r"))),
    ("shorter", chat(user("q"), REPLY, user("r")), chat(user("q"))),
    ("other-sampling", chat(user("q"), temperature=0), chat(user("q"), temperature=1)),
    ("other-options-of-the-reply", chat(user("q"), n=1), chat(user("q"), stream=True)),
]


@pytest.mark.parametrize(
    ("before", "after"), [row[1:] for row in GOES_ON], ids=[r[0] for r in GOES_ON]
)
def test_a_prompt_that_goes_on_has_no_break(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert explain(before, after) is None
    assert explain(orjson.dumps(before), orjson.dumps(after)) is None


CURED: list[tuple[str, dict[str, Any], dict[str, Any], str, str]] = [
    # what differs, and where: path, cause
    (
        "white-space",
        chat(user("q"), assistant("Yes. "), user("r")),
        chat(user("q"), assistant("Yes."), user("r"), assistant("a"), user("s")),
        "messages[1].content",
        "whitespace",
    ),
    (
        "key-order-of-arguments",
        chat(user("q"), calling(call('{"b":1,"a":2}')), result("c1")),
        chat(user("q"), calling(call('{"a":2,"b":1}')), result("c1"), user("r")),
        "messages[1].tool_calls[0].function.arguments",
        "arguments",
    ),
]


@pytest.mark.parametrize(
    ("before", "after", "path", "cause"), [row[1:] for row in CURED], ids=[row[0] for row in CURED]
)
def test_what_a_rule_or_the_ledger_takes_away_says_by_what(
    before: dict[str, Any], after: dict[str, Any], path: str, cause: str
) -> None:
    broken = found(before, after)

    assert (broken.path, broken.cause) == (path, cause)
    assert broken.cured_by
    assert (broken.hint, broken.setting) == ("warmprefix takes this difference away", None)


def test_an_opt_in_rule_is_named_with_the_lines_that_switch_it_on() -> None:
    bodies = [
        chat(system(f"{CLOCK}10:41:0{second}"), *rest)
        for second, rest in ((1, [user("q")]), (2, [user("q"), REPLY, user("r")]))
    ]
    broken = found(bodies[0], bodies[1])

    assert (broken.path, broken.cause, broken.cured_by) == ("messages[0].content", "clock", ())
    assert (broken.before, broken.after) == (f"{CLOCK}10:41:01", f"{CLOCK}10:41:02")
    assert broken.setting == '[canonicalize]\nenable = ["freeze-volatile"]'


def test_with_that_rule_it_is_cured() -> None:
    first = chat(system(f"{CLOCK}10:41:01"), user("q"))
    second = chat(system(f"{CLOCK}10:41:02"), user("q"), REPLY, user("r"))

    assert found(first, second, enable=["freeze-volatile"]).cured_by == ("volatile",)


def test_what_nothing_can_be_done_about_says_why() -> None:
    broken = found(chat(user("One question.")), chat(user("One other question.")))

    assert (broken.offset, broken.cause, broken.setting) == (4, "edit", None)
    assert broken.hint.startswith("nothing can be set against it: ")


def test_a_flag_of_the_backend_is_no_setting() -> None:
    broken = found(chat(user("q"), cache_prompt=True), chat(user("r"), cache_prompt=False))

    assert broken.setting is None


def test_tools_are_compared_too() -> None:
    broken = found(chat(user("q"), tools=[TOOL]), chat(user("q"), tools=[]))

    assert (broken.path, broken.cause) == ("tools[0]", "tool-set")


def test_the_client_may_be_named_by_its_own_text() -> None:
    """A hint names the rule for the client alone if the system text shows who it is."""
    text = "You are opencode, an interactive CLI tool that helps users with software engineering tasks."
    before, after = (chat(system(f"{text}\n{CLOCK}10:41:0{n}"), user("q")) for n in (1, 2))

    assert found(before, after).setting is not None


def test_texts_without_a_template_are_compared_to_the_character() -> None:
    broken = found({"prompt": "Once upon a time"}, {"prompt": "Once upon a day"}, dialect="text")

    assert (broken.path, broken.offset) == ("prompt", 12)


def test_messages_of_another_dialect_have_its_paths() -> None:
    before = {"system": "Be brief.", "messages": [user("q")], "max_tokens": 9}
    after = {**before, "system": "Be kind."}

    assert found(before, after, dialect="messages").path == "system"


@pytest.mark.parametrize(
    "bodies", [({}, chat(user("q"))), (chat(user("q")), {"prompt": "p"})], ids=str
)
def test_a_body_of_another_kind_is_not_understood(bodies: tuple[Any, Any]) -> None:
    with pytest.raises(NotUnderstood):
        explain(*bodies)


def test_a_part_of_ours_that_fails_is_no_silent_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warmprefix.library.turns.Turns.prepare", lambda *_: None)

    with pytest.raises(RuntimeError, match="a part of warmprefix failed"):
        explain(chat(user("q")), chat(user("r")))
