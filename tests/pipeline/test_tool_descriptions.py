"""A client whose modes describe the same tools in other words: OpenCode's plan and build agents do."""

from typing import Any

import pytest

from tests.ledger_driver import Driver

RULE = "freeze-tool-descriptions"
ASKED = [{"role": "system", "content": "Keep notes."}, {"role": "user", "content": "Begin."}]
DONE = {"role": "assistant", "content": "Done."}
WENT_ON = [*ASKED, DONE, {"role": "user", "content": "Go on."}]


def tools(mode: str, kind: str = "string") -> list[dict[str, Any]]:
    properties = {"path": {"type": kind, "description": f"For {mode}."}}
    parameters = {"type": "object", "properties": properties}
    function = {"name": "task", "description": f"Agents of {mode}.", "parameters": parameters}
    return [{"type": "function", "function": function}]


async def sent(enable: tuple[str, ...], second: list[dict[str, Any]]) -> Any:
    """The tools of the second turn as they go out."""
    driver = Driver(enable)
    await driver.send(ASKED, tools("plan"), DONE)
    return (await driver.send(WENT_ON, second, DONE))["tools"]


@pytest.mark.parametrize("enable", [(RULE,), (f"unknown:{RULE}",)])
async def test_the_descriptions_first_seen_go_out(enable: tuple[str, ...]) -> None:
    assert await sent(enable, tools("build")) == tools("plan")


async def test_other_parameters_go_out_as_they_came() -> None:
    assert await sent((RULE,), tools("build", "integer")) == tools("build", "integer")


async def test_without_the_rule_they_go_out_as_they_came() -> None:
    assert await sent((), tools("build")) == tools("build")


async def test_another_conversation_has_its_own() -> None:
    driver = Driver((RULE,))
    await driver.send(ASKED, tools("plan"), DONE)
    other = [{"role": "system", "content": "Other."}, {"role": "user", "content": "Hello."}]

    assert (await driver.send(other, tools("build"), DONE))["tools"] == tools("build")
