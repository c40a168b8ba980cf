"""What a client changed between two replies: the parts of the decision that test_alignment.py does not name."""

import json
from typing import Any

import pytest

from tests.builders import assistant, call, result, system, user
from warmprefix.core.identity.ticking import Ticked
from warmprefix.core.memory.gap import (
    SAME,
    Elsewhere,
    Gap,
    compare,
    first_difference,
    has_lost_block,
    has_ticked,
    is_alike,
    is_other_form,
    without_partner,
)
from warmprefix.core.types import Message
from warmprefix.dialects.chat_completions.messages import parse_message

FREEZE, RESTORE = "freeze-volatile", "restore-transient-blocks"


def message(value: Any) -> Message:
    return parse_message(json.dumps(value).encode())


def ticks(before: str, after: str, is_user: bool) -> Ticked | None:
    """Whatever ends in a digit ticks."""
    del is_user
    same = before != after and before[:-1] == after[:-1] and after[-1:].isdigit()
    return Ticked("clock", (after,)) if same else None


def never(before: str, after: str, is_user: bool) -> Ticked | None:
    del before, after, is_user
    return None


def test_two_changes_need_both_their_cures() -> None:
    before = [message(system("It is 1")), message(user("<a>x</a>\nGo."))]
    after = [message(system("It is 2")), message(user("Go."))]

    found = compare(before, after, ticks, is_newest=True, has_lead=True)

    assert found == Gap("clock", ((FREEZE,), (RESTORE,)), ("It is 2",))
    assert found.names == ("volatile", "transient")


@pytest.mark.parametrize(("lines", "is_found"), [(100, True), (50_000, False)])
def test_what_was_put_into_a_very_long_text_is_not_looked_for(lines: int, is_found: bool) -> None:
    text = "A line of the file. \n" * lines
    before, after = [message(user(f"<a>x</a>\n{text}"))], [message(user(text))]

    assert (compare(before, after, never, is_newest=True) is not None) is is_found


def test_a_block_that_ticks_has_two_cures() -> None:
    before, after = message(user("Go.\n<t>\n1\n</t>")), message(user("Go.\n<t>\n2\n</t>"))

    def all_tick(before: str, after: str, is_user: bool) -> Ticked:
        del before, is_user
        return Ticked("clock", (after,))

    found = compare([before], [after], all_tick, is_newest=True)

    assert found is not None
    assert found.cures == ((RESTORE, FREEZE),)
    assert found.cause == "transient-block"


def test_only_the_order_differs() -> None:
    one, other = message(user("One.")), message(user("Two."))

    assert compare([one, other], [one, other], never) is SAME
    everywhere = Elsewhere(_All(), _All())
    found = compare([one, other], [other, one], never, elsewhere=lambda: everywhere)
    assert found is not None
    assert found.cures == ((RESTORE,), (RESTORE,))


class _All:
    def __contains__(self, key: object) -> bool:
        return True


CALLING = {**assistant("One.\n\nTwo."), "tool_calls": [call()]}
TAG = "thinking-content-" + "0af1" * 8
THOUGHT = assistant("One.", reasoning_content="so")


def texts(*parts: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": part} for part in parts]


def calls(content: Any, call_id: str = "c1", **fields: Any) -> dict[str, Any]:
    return {**assistant(content), "tool_calls": [call('{"a":1}', call_id=call_id)], **fields}


@pytest.mark.parametrize(
    ("reply", "given", "found"),
    [
        (assistant("One.\n\nTwo."), assistant("One.\nTwo."), True),
        (assistant("One."), assistant("<think>so</think>One. "), True),
        (assistant("One."), assistant("One. Two."), False),
        (assistant("  One."), assistant("One."), False),
        (THOUGHT, assistant("<think>so</think>One. "), True),
        (THOUGHT, assistant(f"<{TAG}>\nso\n</{TAG}>\n\nOne."), True),
        (THOUGHT, assistant("<think>other</think>One."), False),
        (THOUGHT, assistant("One.\n"), True),
        (assistant(""), assistant(None), False),
        (assistant("One."), assistant(texts(" ", "One.")), True),
        (assistant("One."), assistant([*texts("One."), {"type": "image_url"}]), False),
        (calls("One."), calls(texts("One.", "\n"), "other"), True),
        (calls("One.\n\nTwo."), calls("One.\nTwo.", "other"), True),
        (calls("One."), calls("One.", tool_calls=[call('{ "a": 1 }')]), True),
        (calls("One."), calls("One.", tool_calls=[call('{"a":2}')]), False),
        (calls(None), assistant("Calling tools:\n[{'id': 'c1', 'name': 'f'}]"), False),
        (CALLING, assistant("One.\nTwo."), False),
        (assistant("One."), {**assistant("One."), "name": "ann"}, False),
        (assistant("One."), user("One."), False),
    ],
)
def test_a_reply_in_another_form(reply: Any, given: Any, found: bool) -> None:
    assert is_other_form(message(reply), message(given)) is found


def test_a_reply_that_is_not_understood_has_no_other_form() -> None:
    odd = parse_message(b'{"role": "assistant", "role": "assistant"}')

    assert not is_other_form(odd, message(assistant("One.")))


def test_messages_put_back_as_a_whole() -> None:
    framed, note, question = (
        message(user("<a>1</a>\nGo.")),
        message(user("Note.")),
        message(user("Go.")),
    )

    assert list(without_partner([framed, note], [question], never)) == [note]


@pytest.mark.parametrize(("after", "found"), [("at 2", True), ("at x", False)])
def test_a_message_that_ticked(after: str, found: bool) -> None:
    assert has_ticked(message(user("at 1")), message(user(after)), ticks) is found


REMINDER = "<system-reminder>Keep the list of tasks.</system-reminder>"


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (result("c1", "nine berths"), True),
        (result("c1", "  nine berths\n"), True),
        (result("c1", f"nine berths\n\n{REMINDER}"), False),
        (result("c1", "nine"), False),
        (result("c1", ""), False),
        (result("c1", "ten berths"), False),
        (result("c2", "nine berths"), False),
        (user("nine berths"), False),
    ],
    ids=["gone", "edges", "there", "less", "nothing", "another", "other call", "no result"],
)
def test_a_result_that_lost_a_block(given: Any, found: bool) -> None:
    before = message(result("c1", f"nine berths\n\n{REMINDER}"))

    assert has_lost_block(before, message(given)) is found


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        (f"{REMINDER}\nnine berths", True),
        (f"{REMINDER}\nnine berths\n<env>/srv</env>", True),
        ("nine berths\n<p>free</p>", False),
        ("nine berths\nand one", False),
    ],
    ids=["in front", "both", "of the tool", "text"],
)
def test_only_what_a_machine_puts_around_a_result_is_a_block(sent: str, found: bool) -> None:
    assert (
        has_lost_block(message(result("c1", sent)), message(result("c1", "nine berths"))) is found
    )


def test_the_first_message_that_is_another() -> None:
    one, two = message(user("One.")), message(user("Two."))

    assert is_alike([one, two], [one, two])
    assert not is_alike([one], [one, two])
    assert first_difference([one, two], [one, one]) == 1
    assert first_difference([one], [one, two]) == 1
