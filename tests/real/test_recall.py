"""A conversation that a cousin has pushed out of its slot comes back from the RAM cache, on a real server.

The cousin (a sub-agent, a title) begins as the conversation does and goes on for some requests in its slot. By
itself llama-server does not look into its RAM cache then: most of what the slot holds stays.
"""

import pytest

from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Json, RunningProxy, running_proxy
from tests.servers.stock import StartStock, StockServer

pytestmark = pytest.mark.backend

HEAD = "You help with files. " * 60
LONG = "Look at this file: " + "one two three four " * 150
TASK = "Count the lines of the notes."
FLAGS = {"no-flags": (), "2-unified": ("-np", "2", "-kvu"), "1": ("-np", "1")}
PATHS = {"chat": "/v1/chat/completions", "messages": "/v1/messages"}


async def say(proxy: RunningProxy, path: str, history: list[Json]) -> Json:
    """One request; the message that answers it."""
    body: Json = {"model": "m", "max_tokens": 8, "temperature": 0}
    if path == PATHS["messages"]:
        answer = await exchange(
            proxy.url, "POST", path, {**body, "system": HEAD, "messages": history}
        )
        assert answer.status == 200, answer.body
        return {"role": "assistant", "content": answer.json()["content"]}
    messages = [{"role": "system", "content": HEAD}, *history]
    answer = await exchange(proxy.url, "POST", path, {**body, "messages": messages})
    assert answer.status == 200, answer.body
    return dict(answer.json()["choices"][0]["message"])


def user(text: str) -> Json:
    return {"role": "user", "content": text}


async def session(
    server: StockServer, path: str, *, agent: bool = True, pin: str = "auto"
) -> list[Json]:
    """Three turns, a sub-agent of two requests behind the first and behind the second; the records."""
    async with running_proxy(server.url, slots={"pin": pin}) as proxy:
        await proxy.ready()
        history = [user(LONG)]
        for number in range(3):
            history += [await say(proxy, path, history), user(f"More {number}.")]
            if agent and number < 2:
                own = [user(f"{TASK} {number}")]
                own += [await say(proxy, path, own), user("Go on.")]
                await say(proxy, path, own)
        return await proxy.records()


def conversation(records: list[Json]) -> list[int]:
    """What the turns of the conversation have read: it begins with the first."""
    first = records[0]["conversation"]
    return [r["processed_tokens"] for r in records if r["conversation"] == first]


def processed(records: list[Json]) -> int:
    return sum(record["processed_tokens"] for record in records)


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
@pytest.mark.parametrize("flags", FLAGS)
async def test_what_a_sub_agent_has_pushed_out_is_not_read_again(
    start_stock: StartStock, flags: str, path: str
) -> None:
    alone = await session(start_stock(*FLAGS[flags]), path, agent=False)
    direct = await session(start_stock(*FLAGS[flags]), path, pin="off")
    through = await session(start_stock(*FLAGS[flags]), path)

    assert len(conversation(through)) == len(alone) == 3
    assert conversation(through)[1:] == conversation(alone)[1:]
    assert sum(conversation(direct)[1:]) > 10 * sum(conversation(alone)[1:])
    assert processed(through) < 0.7 * processed(direct)
