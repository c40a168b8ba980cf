"""Text that a user has named goes out as the settings say."""

from typing import Any

import pytest

from tests.ledger_driver import Driver
from warmprefix.config.patterns import TransientBlock, Use, VolatileText
from warmprefix.core.types import Timings

DONE = {"role": "assistant", "content": "Done."}


def mood(use: Use, client: str = "") -> tuple[VolatileText, ...]:
    return (VolatileText("mood", r"(?m)^Mood: \w{1,20}$", "Mood: glad", use, client),)


def asked(feeling: str, *more: dict[str, Any]) -> list[dict[str, Any]]:
    system = {"role": "system", "content": f"Keep notes.\nMood: {feeling}\nBe brief."}
    return [system, {"role": "user", "content": "Begin."}, *more]


async def second(volatile: tuple[VolatileText, ...]) -> list[str]:
    """The texts of the second turn as they go out; its mood is another one."""
    driver = Driver(volatile=volatile)
    await driver.send(asked("glad"), None, DONE)
    body = await driver.send(asked("sad", DONE, {"role": "user", "content": "Go on."}), None, DONE)
    return [message["content"] for message in body["messages"]]


@pytest.mark.parametrize(
    ("volatile", "system", "question"),
    [
        ((), "Keep notes.\nMood: sad\nBe brief.", "Go on."),
        (mood("freeze"), "Keep notes.\nMood: glad\nBe brief.", "Go on."),
        (mood("freeze", "pi"), "Keep notes.\nMood: sad\nBe brief.", "Go on."),
        (mood("move"), "Keep notes.\nBe brief.", "Go on.\n\nMood: sad"),
        (mood("strip"), "Keep notes.\nBe brief.", "Go on."),
    ],
    ids=["none", "freeze", "another-client", "move", "strip"],
)
async def test_volatile_text(
    volatile: tuple[VolatileText, ...], system: str, question: str
) -> None:
    texts = await second(volatile)

    assert (texts[0], texts[-1]) == (system, question)


def counted(cached: int) -> Timings:
    return Timings(cache_n=cached, prompt_n=400 - cached, prompt_ms=100.0, predicted_n=5)


@pytest.mark.parametrize(
    ("use", "client", "told"),
    [
        ("freeze", "", ("own-text", "setting", "warmprefix serve")),
        ("strip", "", ("own-text", "setting", "warmprefix serve")),
        ("freeze", "pi", ("edit", "none", None)),
    ],
)
async def test_a_break_by_text_that_the_settings_name(
    use: Use, client: str, told: tuple[str, str, str | None]
) -> None:
    other = VolatileText("pid", "PID [0-9]+", "PID 1")
    driver = Driver(observe=True, volatile=(other, *mood(use, client)))
    await driver.send(asked("glad"), None, DONE, None, counted(0))
    later = asked("sad", DONE, {"role": "user", "content": "Go on."})
    await driver.send(later, None, DONE, None, counted(9))

    assert driver.turn is not None
    found = driver.turn.cache_break
    assert found is not None
    assert (found.cause, found.hint.where, found.hint.paste) == told
    assert ("mood" in found.hint.text) is (told[0] == "own-text")


@pytest.mark.parametrize(
    ("now", "cause"), [("Begin.", "transient-block"), ("End.", "edit")], ids=["gone", "other"]
)
async def test_a_break_by_a_block_that_the_settings_name(now: str, cause: str) -> None:
    notes = TransientBlock("notes", "((", "))", "((a))")
    driver = Driver(observe=True, transient=(notes,))
    first = [{"role": "user", "content": "((7 open))\nBegin."}, DONE]
    await driver.send([*first, {"role": "user", "content": "More."}], None, DONE, None, counted(0))
    later = [{"role": "user", "content": now}, DONE, {"role": "user", "content": "More."}, DONE]
    await driver.send([*later, {"role": "user", "content": "Go."}], None, DONE, None, counted(9))

    assert driver.turn is not None
    found = driver.turn.cache_break
    assert found is not None
    assert found.cause == cause
    assert ("notes" in found.hint.text) is (cause != "edit")


async def test_a_block_is_put_back() -> None:
    notes = TransientBlock("notes", "<notes>", "</notes>", "<notes>a</notes>")
    driver = Driver(transient=(notes,))
    first = {"role": "user", "content": "<notes>7 open</notes>\nBegin."}
    await driver.send([first], None, DONE)
    later = [{"role": "user", "content": "Begin."}, DONE, {"role": "user", "content": "Go on."}]

    assert (await driver.send(later, None, DONE))["messages"][0] == first
