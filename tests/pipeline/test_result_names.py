"""The name of a tool result comes back only if the conversation once had it."""

from typing import Any

import pytest

from tests.builders import Json, call, calling, result, system, user
from tests.ledger_driver import Driver

RULE = "tool-result-name"
ASKED = [system("Use tools."), user("Read it."), calling(call(name="read"))]
NAMED = result("c1", name="read")
NAMELESS = result("c1")
ANSWER: Json = {"role": "assistant", "content": "Done."}


async def sent(first: Json, then: Json, **settings: Any) -> Json:
    """The result as it goes out in the next turn."""
    driver = Driver(**settings)
    await driver.send(ASKED[:2], None, ASKED[2])
    await driver.send([*ASKED, first], None, ANSWER)
    body = await driver.send([*ASKED, then, ANSWER, user("Go on.")])
    out: Json = body["messages"][3]
    return out


@pytest.mark.parametrize(
    ("first", "then", "out"),
    [
        pytest.param(NAMED, NAMELESS, NAMED, id="lost"),
        pytest.param(NAMELESS, NAMELESS, NAMELESS, id="never-sent"),
        pytest.param(NAMED, NAMED, NAMED, id="kept"),
        pytest.param(NAMELESS, NAMED, NAMELESS, id="sent-later"),
    ],
)
async def test_a_name_that_was_sent_goes_out_again(first: Json, then: Json, out: Json) -> None:
    assert await sent(first, then) == out


@pytest.mark.parametrize("disable", [(RULE,), (f"unknown:{RULE}",)])
async def test_without_the_rule_the_client_has_its_way(disable: tuple[str, ...]) -> None:
    assert await sent(NAMED, NAMELESS, disable=disable) == NAMELESS
    assert await sent(NAMELESS, NAMED, disable=disable) == NAMED


async def test_no_name_is_made_up_for_a_new_result() -> None:
    driver = Driver()
    await driver.send(ASKED[:2], None, ASKED[2])
    body = await driver.send([*ASKED, NAMELESS])

    assert body["messages"][3] == NAMELESS
