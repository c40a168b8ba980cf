"""Calls that come back as text go out as calls, if the template of the backend shows such."""

import json

import pytest

from tests.builders import call, calling, system, user
from tests.ledger_driver import Driver
from warmprefix.core.types import Kind

RULE = "restore-written-calls"
LOOK = {"path": "notes.txt", "limit": 4}
SPELLED = json.dumps(LOOK, separators=(" , ", ":"))
"""As the model spells it, and nobody else would."""

BEGUN = [system("Use the tools."), user("Read the notes.")]
REPLY = calling(call(SPELLED, "read"))
WRITTEN = {
    "role": "assistant",
    "content": f"Calling tools:\n[{{'name': 'read', 'arguments': {LOOK}}}]",
}
SEEN = user("Observation: four lines")


@pytest.mark.parametrize(
    ("rules", "open_calls", "is_call"),
    [((RULE,), True, True), ((RULE,), False, False), ((), True, False)],
    ids=["shown", "not shown", "without the rule"],
)
async def test_a_call_that_was_written_into_a_text_goes_out_as_the_model_made_it(
    rules: tuple[str, ...], open_calls: bool, is_call: bool
) -> None:
    driver = Driver(rules, open_calls=open_calls)
    await driver.send(BEGUN, reply=REPLY)
    sent = await driver.send([*BEGUN, WRITTEN, SEEN])

    assert sent["messages"][3] == SEEN
    calls = sent["messages"][2].get("tool_calls")
    assert ([c["function"]["arguments"] for c in calls or ()] == [SPELLED]) is is_call
    assert (sent["messages"][2] == WRITTEN) is not is_call
    assert (driver.place.kind is Kind.APPEND) is is_call
