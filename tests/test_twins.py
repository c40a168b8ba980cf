"""Chats that begin alike, in the pipeline and the recorder: whose turn it is, and what is put back."""

from typing import Any

import pytest

from tests.builders import assistant
from tests.ledger_driver import Driver, Json
from warmprefix.core.types import Kind, Timings

S: Json = {"role": "system", "content": "You help. " * 40}
U: Json = {"role": "user", "content": "Hello"}
V: Json = {"role": "user", "content": "And then?"}
W: Json = {"role": "user", "content": "Why?"}


def says(content: str, why: str = "") -> Json:
    return assistant(content, **({"reasoning_content": why} if why else {}))


def counts(prompt: int, cached: int) -> Timings:
    return Timings(cache_n=cached, prompt_n=prompt - cached, prompt_ms=1.0, predicted_n=50)


BARE = says("Hi")


async def turn(driver: Driver, *args: Any, **more: Any) -> tuple[str, Kind, int]:
    """Conversation, kind and index of a turn that is sent."""
    await driver.send(*args, **more)
    assert driver.turn is not None
    assert driver.turn.place is not None
    place = driver.turn.place
    return place.conversation, place.kind, place.index


async def test_chats_with_twin_replies_are_conversations_of_their_own() -> None:
    driver = Driver()
    first = await turn(driver, [S, U], reply=says("Hi", "one"))
    again = await turn(driver, [S, U], reply=says("Hi", "two"))
    one = await turn(driver, [S, U, says("Hi", "one"), V], reply=says("So"))
    two = await turn(driver, [S, U, says("Hi", "two"), W], reply=says("So"))
    on = await turn(driver, [S, U, says("Hi", "one"), V, says("So"), W])

    assert [first[1:], again[1:]] == [(Kind.COLD, 0), (Kind.RETRY, 1)]
    assert again[0] == first[0]
    assert [one[1:], two[1:]] == [(Kind.APPEND, 0), (Kind.APPEND, 0)]
    assert len({first[0], one[0], two[0]}) == 3
    assert on == (one[0], Kind.APPEND, 1)


async def test_a_session_of_its_own_is_a_conversation_of_its_own() -> None:
    driver = Driver()
    headers: list[dict[str, str]] = [{"x-session-id": name} for name in ("one", "two")]
    first = await turn(driver, [S, U], reply=says("Hi", "one"), headers=headers[0])
    second = await turn(driver, [S, U], reply=says("Hi", "two"), headers=headers[1])
    sent = []
    for given, question in zip(headers, (V, W), strict=True):
        sent.append(await driver.send([S, U, BARE, question], reply=says("So"), headers=given))
    on = await turn(driver, [S, U, BARE, V, says("So"), W], headers=headers[0])
    reopened = await turn(driver, [S, U, BARE, W, says("So"), V], headers={"x-session-id": "new"})

    assert [first[1:], second[1:]] == [(Kind.COLD, 0), (Kind.COLD, 0)]
    assert first[0] != second[0]
    assert [body["messages"][2].get("reasoning_content") for body in sent] == ["one", "two"]
    assert on == (first[0], Kind.APPEND, 2)
    assert reopened == (second[0], Kind.APPEND, 2)


async def test_a_reply_that_comes_back_in_another_spelling_is_kept_once() -> None:
    driver = Driver()
    await driver.send([S, U], reply=says("Grüße\n", "why"))
    await driver.send([S, U, says("Grüße"), V], reply=says("So"))
    await driver.send([S, U, says("Grüße", "why"), V, says("So"), W])

    assert driver.store.state().messages == 6


@pytest.mark.parametrize(
    ("cached", "restored"),
    [
        pytest.param(None, "why", id="a-backend-that-does-not-count"),
        pytest.param(400, "why", id="it-outlived-another-chat"),
        pytest.param(0, None, id="it-did-not"),
    ],
)
async def test_what_others_have_taken_is_not_put_back(
    cached: int | None, restored: str | None
) -> None:
    """Between its turns another chat runs; what the third turn is sent with tells what was learned."""
    driver = Driver()
    other = [{"role": "system", "content": "Else. " * 40}, W]
    history = [S, U]
    for number, words in enumerate(("Hi", "So")):
        timings = None if cached is None else counts(400 * (number + 1), cached * number)
        await driver.send(history, reply=says(words, "why"), timings=timings)
        history += [says(words), V]
        await driver.send(other, reply=BARE, timings=timings)

    body = await driver.send(history)

    assert body["messages"][4].get("reasoning_content") == restored


async def test_with_no_evidence_what_was_only_generated_waits_for_it() -> None:
    driver = Driver()
    await driver.send([S, U], reply=says("Hi\n", "why"), timings=counts(400, 0))
    await driver.send([S, W], reply=BARE, timings=counts(400, 0))

    body = await driver.send([S, U, BARE, V])

    assert body["messages"][2] == BARE


async def test_what_a_conversation_sent_before_stays_as_long_as_nothing_speaks_against_it() -> None:
    driver = Driver()
    await driver.send([S, U], reply=says("Hi\n", "why"), timings=counts(400, 0))
    await driver.send([S, U, BARE, V], reply=says("So\n", "then"), timings=counts(500, 400))
    await driver.send([S, W], reply=BARE, timings=counts(400, 0))

    body = await driver.send([S, U, BARE, V, says("So"), W])

    assert body["messages"][2] == says("Hi\n", "why")
    assert body["messages"][4] == says("So")
