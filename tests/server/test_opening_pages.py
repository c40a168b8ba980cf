"""What an agent's conversations begin with, read beforehand and asked for over HTTP."""

import json
from pathlib import Path

import pytest

from tests.fakes.raw_client import Answer, exchange
from tests.fakes.running_proxy import Backend, Json, RunningProxy, running_proxy
from tests.servers.stock import StartStock, StockServer
from tests.slots.beginning import EDGES, RULES, TOOL, begun, chat, proxied, size

PAGE = "/warmprefix/api/openings"
MESSAGES = "/v1/messages"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "slots").mkdir()
    return tmp_path / "slots"


@pytest.fixture
def server(start_stock: StartStock, folder: Path) -> StockServer:
    return start_stock("--slot-save-path", f"{folder}/")


async def warm(proxy: RunningProxy, body: object, endpoint: str = "") -> Answer:
    query = f"?endpoint={endpoint}" if endpoint else ""
    return await exchange(proxy.url, "PUT", PAGE + query, body)


def lines(answer: Answer) -> list[Json]:
    assert answer.status == 200, answer.body
    return [json.loads(line) for line in answer.body.splitlines()]


@pytest.mark.backend
async def test_the_first_conversation_begins_warm(server: StockServer, folder: Path) -> None:
    system = {"role": "system", "content": RULES}
    async with proxied(server, folder) as proxy:
        *steps, last = lines(await warm(proxy, {"messages": [system], "tools": [TOOL]}))
        (listed,) = (await exchange(proxy.url, "GET", PAGE)).json()["openings"]
        again = lines(await warm(proxy, {"messages": [system], "tools": [TOOL]}))
        server.kill()
        server.start()
        question = {"role": "user", "content": "What is to be done?"}
        await chat(proxy, [system, question])
        record = await proxy.record()
        gone = await exchange(proxy.url, "DELETE", f"{PAGE}/{listed['id']}")
        missing = await exchange(proxy.url, "DELETE", f"{PAGE}/{listed['id']}")

    assert [step["read"] for step in steps] == sorted(step["read"] for step in steps)
    assert (last["id"], last["failure"]) == (listed["id"], "")
    assert last["evaluated"] == last["tokens"] == listed["tokens"]
    assert [line["id"] for line in again] == [listed["id"]]
    assert again[0]["evaluated"] == 0
    assert record["restored"] == ["opening"]
    assert record["processed_tokens"] <= len(question["content"]) + EDGES
    assert (gone.json(), missing.status) == ({"forgotten": 1}, 404)


@pytest.mark.backend
async def test_for_an_endpoint_that_takes_no_slot_and_without_messages(
    server: StockServer, folder: Path
) -> None:
    async with proxied(server, folder) as proxy:
        (*_, last) = lines(await warm(proxy, {"system": RULES}, MESSAGES))
        server.kill()
        server.start()
        question = {"role": "user", "content": "What is to be done?"}
        body = {"system": RULES, "messages": [question], "max_tokens": 4}
        await exchange(proxy.url, "POST", MESSAGES, body)
        record = await proxy.record()

    assert last["id"]
    assert record["processed_tokens"] <= len(question["content"]) + EDGES


@pytest.mark.backend
async def test_first_messages_may_be_part_of_it(server: StockServer, folder: Path) -> None:
    """A request that ends in a question is read as it is."""
    async with proxied(server, folder) as proxy:
        (*_, last) = lines(await warm(proxy, {"messages": begun("alpha"), "tools": [TOOL]}))
        await chat(proxy, begun("alpha"))
        record = await proxy.record()

    assert last["tokens"] == record["prompt_tokens"]
    assert record["processed_tokens"] <= EDGES < size(begun("alpha"))


@pytest.mark.backend
@pytest.mark.parametrize(
    ("flags", "body", "failure"),
    [
        pytest.param((), {"messages": begun("alpha")}, "--slot-save-path", id="not-saved"),
        pytest.param(
            ("--slot-save-path", "/tmp/"),  # nothing is written
            {"messages": [{"role": "system", "content": "Be brief."}]},
            "min_save_tokens",
            id="short",
        ),
    ],
)
async def test_it_says_why_it_cannot(
    start_stock: StartStock, folder: Path, flags: tuple[str, ...], body: Json, failure: str
) -> None:
    async with proxied(start_stock(*flags), folder) as proxy:
        (last,) = lines(await warm(proxy, body))

    assert failure in last["failure"]


@pytest.mark.parametrize(
    ("body", "endpoint", "slots", "says"),
    [
        pytest.param({"messages": "x"}, "", {}, "messages is no list", id="no-list"),
        pytest.param({"messages": 7}, "/v1/messages", {}, "messages is no list", id="no-blocks"),
        pytest.param({"messages": []}, "", {"openings": 0}, "slots.openings", id="off"),
        pytest.param({"messages": []}, "", {"pin": "off"}, "slots.pin", id="no-slots"),
    ],
)
async def test_what_cannot_be_done_is_said(
    body: object, endpoint: str, slots: Json, says: str
) -> None:
    async with Backend() as backend, running_proxy(backend.url, slots=slots) as proxy:
        (last,) = lines(await warm(proxy, body, endpoint))

    assert says in last["failure"]


@pytest.mark.parametrize(
    ("body", "endpoint", "status"), [([1], "", 400), ({}, "/v1/embeddings", 422)]
)
async def test_what_is_refused(body: object, endpoint: str, status: int) -> None:
    async with Backend() as backend, running_proxy(backend.url) as proxy:
        assert (await warm(proxy, body, endpoint)).status == status


async def test_a_large_body_is_refused() -> None:
    async with (
        Backend() as backend,
        running_proxy(backend.url, server={"max_body_bytes": 100}) as proxy,
    ):
        answer = await warm(proxy, {"messages": ["x" * 100]})

    assert answer.status == 413


async def test_a_backend_that_cannot_be_asked_is_named() -> None:
    async with Backend() as backend, running_proxy(backend.url) as proxy:
        (last,) = lines(await warm(proxy, {"messages": begun("alpha")}))

    assert "no llama-server" in last["failure"]
