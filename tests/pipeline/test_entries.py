"""What a turn adds to the ledger is the same whether its path is worked out before its end or then."""

import json
from dataclasses import replace

import pytest

from tests.builders import Json, assistant, call, calling, result, system, user
from tests.ledger_driver import NO_TIMES, PATH, Driver
from warmprefix.backends import llamacpp
from warmprefix.core.types import Outcome, Reply
from warmprefix.dialects.chat_completions.messages import parse_message
from warmprefix.pipeline.entries import entry_of, with_path
from warmprefix.pipeline.stages import Written, as_it_came, ended_of

HISTORY = [system("You help. "), user(" Read it.\n"), calling(call('{"a": 1}')), result("text ")]
DONE = parse_message(json.dumps(assistant("Done.")).encode())
REPLY = Reply(message=DONE)
CHAT = {"messages": HISTORY}
BODIES = [
    pytest.param(PATH, CHAT, id="chat"),
    pytest.param("/v1/completions", {"prompt": "Ann: Hi.\n" * 50}, id="plain"),
]


async def written(driver: Driver, path: str, body: Json) -> Written:
    came = as_it_came(path, {}, json.dumps(body).encode())
    found = await driver.pipeline.prepare(came, llamacpp.KIND)
    assert isinstance(found, Written)
    return found


@pytest.mark.parametrize("reply", [REPLY, Reply()], ids=["reply", "none"])
@pytest.mark.parametrize("observe", [False, True], ids=["acting", "observing"])
@pytest.mark.parametrize(("path", "body"), BODIES)
async def test_a_path_that_is_known_before_changes_nothing(
    path: str, body: Json, observe: bool, reply: Reply
) -> None:
    request = await written(Driver(observe=observe), path, body)
    ended = ended_of(request, reply, 200, Outcome.OK, NO_TIMES)

    entry = entry_of(request, ended)
    assert entry.nodes
    assert entry == entry_of(with_path(request), ended)


async def test_the_path_of_a_turn_goes_on_from_the_one_before() -> None:
    driver = Driver()
    await driver.send(HISTORY, reply=assistant("Done."))
    longer = {"messages": [*HISTORY, assistant("Done."), user("And?")]}
    request = with_path(await written(driver, PATH, longer))

    assert request.path is not None
    assert [json.loads(node.raw)["content"] for node in request.path.nodes] == ["And?"]


async def test_what_a_client_has_otherwise_is_in_the_path() -> None:
    request = await written(Driver(), PATH, CHAT)
    client = (*request.placed.client[:-1], DONE)
    request = replace(request, placed=replace(request.placed, client=client))

    path = with_path(request).path
    assert path is not None
    assert path.client == (0, 1, 2, json.dumps(assistant("Done.")).encode())
    assert path.ours is None
