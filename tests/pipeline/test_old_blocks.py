"""What was put back long ago leaves a conversation, once its prefix breaks anyway, and does not come back."""

from typing import Any

import pytest

from tests.builders import assistant, system, user
from tests.ledger_driver import Driver, Json
from warmprefix.config import Config, MemoryConfig
from warmprefix.counters import Counters
from warmprefix.pipeline.prepare import Pipeline
from warmprefix.pipeline.recent import Last, Recent

RESTORE = "restore-transient-blocks"
S, BLOCK = system("Be brief."), "\n\n<note>\nBe quick.\n</note>"
READ = {"type": "function", "function": {"name": "read", "parameters": {}}}
MOST = 2


def driver() -> tuple[Driver, list[bool]]:
    """A proxy with that limit; and whether its backend has restarted, the last of the list."""
    made, gone = Driver((RESTORE,)), [False]
    config = Config(
        canonicalize=made.config.canonicalize,
        memory=MemoryConfig(store="memory", transient_max_turns=MOST),
    )
    recent: Recent = made.recorder._recent

    def is_gone(last: Last) -> bool:
        del last
        return gone[-1]

    made.pipeline = Pipeline(config, made.store, Counters(), recent, is_gone=is_gone)
    return made, gone


async def turns(proxy: Driver, count: int) -> tuple[list[Json], list[Json]]:
    """So many turns of a client that shows a note in its newest question only: its history, and what was
    sent last."""
    history: list[Json] = [S]
    sent: list[Json] = []
    for at in range(count):
        question = f"Question {at}?"
        reply = assistant(f"Answer {at}.")
        body = await proxy.send([*history, user(question + BLOCK)], [READ], reply)
        sent = body["messages"]
        history += [user(question), reply]
    return history, sent


@pytest.mark.parametrize("why", ["tools", "options", "restart"])
async def test_old_blocks_leave_together_if_the_prefix_breaks(why: str) -> None:
    proxy, gone = driver()
    history, sent = await turns(proxy, 4)
    assert [BLOCK in m["content"] for m in sent if m["role"] == "user"] == [True] * 4

    more: dict[str, Any] = {"chat_template_kwargs": {"a": 1}} if why == "options" else {}
    tools = [READ, {**READ, "function": {"name": "write"}}] if why == "tools" else [READ]
    gone.append(why == "restart")
    body = await proxy.send([*history, user("Next?" + BLOCK)], tools, assistant("So."), **more)
    users = [m["content"] for m in body["messages"] if m["role"] == "user"]
    assert [BLOCK in text for text in users] == [False, False, True, True, True]

    gone.append(False)
    now = [*history, user("Next?"), assistant("So."), user("And?" + BLOCK)]
    again = await proxy.send(now, tools, assistant("So."), **more)
    assert again["messages"][: len(body["messages"])] == body["messages"]


async def test_they_stay_as_long_as_nothing_breaks() -> None:
    proxy, _ = driver()
    _, sent = await turns(proxy, 2 * MOST + 2)
    assert all(BLOCK in m["content"] for m in sent if m["role"] == "user")
