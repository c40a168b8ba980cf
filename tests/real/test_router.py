"""A llama-server with several models: each is known by itself, through the API that it really has."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes.llama import model_file, template
from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Json, RunningProxy, running_proxy, until
from tests.servers.stock import StockServer, stock_binary
from tests.servers.stock_router import StockRouter
from warmprefix.backends.known import KnownBackend
from warmprefix.core.errors import BackendError

pytestmark = pytest.mark.backend
StartRouter = Callable[..., StockRouter]

CHAT = "/v1/chat/completions"
PRESETS = {
    "one": {"ctx-size": "4096", "parallel": "2", "alias": "uno,eins"},
    "two": {"ctx-size": "8192", "parallel": "3"},
}
TEMPLATES = {"one": template("chatml_tools"), "two": template("chatml_keeps_reasoning")}


@pytest.fixture
def start_router(model_folder: Path) -> Iterator[StartRouter]:
    """A function that starts routers with two models: `start_router(most=1)`."""
    if stock_binary() is None:
        pytest.skip("no llama-server; make servers")
    routers: list[StockServer] = []

    def start(*flags: str, most: int = 2) -> StockRouter:
        model = model_file("tiny", model_folder)
        router = StockRouter(model, PRESETS, *flags, templates=TEMPLATES, most=most)
        routers.append(router)
        router.start()
        return router

    yield start
    for router in routers:
        router.close()


def question(model: str, text: str = "Hi there. ") -> Json:
    messages = [{"role": "user", "content": text * 20}]
    return {"model": model, "messages": messages, "max_tokens": 2}


async def chat(proxy: RunningProxy, model: str) -> None:
    answer = await exchange(proxy.url, "POST", CHAT, question(model))
    assert answer.status == 200, answer.body


def loaded(server: StockServer) -> set[str]:
    return {m["id"] for m in server.get("/v1/models")["data"] if m["status"]["value"] == "loaded"}


async def test_each_model_is_known_once_it_is_loaded_and_none_is_loaded_to_be_known(
    start_router: StartRouter, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "warmprefix")
    server = start_router()
    async with running_proxy(server.url, backend={"kind": "auto"}) as proxy:
        known = proxy.app.known
        known.wait_for_it()
        await until(lambda: known.model_key("uno") == "one")
        assert known.name == "llamacpp"
        one, two = known.of("eins"), known.of("two")
        assert (one.model, two.model) == ("one", "two")
        assert not one.is_loaded
        await one.look()
        assert loaded(server) == set()

        await chat(proxy, "uno")
        await until(lambda: one.is_learnt)
        assert loaded(server) == {"one"}
        await chat(proxy, "two")
        await until(lambda: two.is_learnt)

        assert (len(one.slots), len(two.slots)) == (2, 3)
        assert one.template.reasoning_pays is False
        assert two.template.reasoning_pays is True
        assert one.start != two.start
        assert one.says != two.says
        assert sorted(state.is_unused for state in await one.slot_states()) == [False, True]
        assert one.llama is not None
        body = b'{"model":"uno","messages":[{"role":"user","content":"x"}]}'
        assert (await one.render(body) or "").startswith("<|im_start|>user")
        assert await one.llama.tokenize("hi") == (104, 105)
        assert await one.llama.evaluate(1, (104, 105, 106), None) == 3
        assert (await one.slot_states())[1].tokens == 3
    assert caplog.text.count("has several models") == 1


async def test_two_chats_take_turns_with_one_model_loaded_at_a_time(
    start_router: StartRouter,
) -> None:
    """Each time a model comes back it is another start of it, with empty slots."""
    server = start_router(most=1)
    async with running_proxy(server.url) as proxy:
        known = proxy.app.known
        await known.ask_template()
        one, two = known.of("one"), known.of("two")
        for turn in range(3):
            before = one.generation
            await chat(proxy, "one")
            await until(lambda: one.is_learnt)
            assert [model.model for model in await known.gives_way("two")] == ["one"]
            assert await known.gives_way("uno") == await known.gives_way("three") == ()
            await chat(proxy, "two")
            await until(lambda: two.is_learnt)
            assert await one.look() is True
            assert (one.slots, one.start, one.is_loaded) == ((), None, False)
            assert await one.slot_states() == ()
            assert await one.look() is False
            assert loaded(server) == {"two"}
            assert one.generation > before, turn
        records = await proxy.records()

    assert [record["model"] for record in records] == ["one", "two"] * 3
    assert [record["processed_tokens"] for record in records[2:]] == [
        record["prompt_tokens"] for record in records[2:]
    ]


async def test_with_room_for_both_nobody_gives_way(start_router: StartRouter) -> None:
    server = start_router(most=2)
    async with running_proxy(server.url) as proxy:
        known = proxy.app.known
        await known.ask_template()
        for _ in range(2):
            assert await known.gives_way("one") == await known.gives_way("two") == ()
            await chat(proxy, "one")
            await chat(proxy, "two")
        await until(lambda: all(model.is_learnt for model in known.models))
        records = await proxy.records()

    assert [model.generation for model in known.models] == [0, 0]
    assert all(record["processed_tokens"] < 3 for record in records[2:])


async def test_a_slot_is_saved_and_restored_by_model(
    start_router: StartRouter, tmp_path: Path
) -> None:
    server = start_router("--slot-save-path", str(tmp_path), most=1)
    async with running_proxy(server.url, slots={"save": "off"}) as proxy:
        known = proxy.app.known
        await known.ask_template()
        one = known.of("one")
        files = one.slots_api()
        try:
            assert await files.can_save(server.url) is None
            assert await files.traits(server.url) is None
            await chat(proxy, "one")
            await until(lambda: one.is_learnt)
            assert await files.can_save(server.url) is True
            traits = await files.traits(server.url)
            slot = max(await one.slot_states(), key=lambda state: state.tokens or 0)
            saved = await files.save(server.url, slot.id, "one.bin", 5.0)

            await chat(proxy, "two")
            with pytest.raises(BackendError):
                await files.restore(server.url, 1, "one.bin", 5.0)
            assert loaded(server) == {"two"}
            assert await one.load()
            assert await files.traits(server.url) == traits
            restored = await files.restore(server.url, 1, "one.bin", 5.0)
            body = {**question("one"), "id_slot": 1}
            again = (await exchange(server.url, "POST", CHAT, body)).json()["timings"]
        finally:
            await files.close()

    assert saved.tokens == restored.tokens == slot.tokens
    assert again["cache_n"] >= saved.tokens - 3
    assert loaded(server) == {"one"}


async def test_a_model_that_nobody_has_is_the_routers_to_refuse(start_router: StartRouter) -> None:
    server = start_router()
    async with running_proxy(server.url) as proxy:
        known: KnownBackend = proxy.app.known
        await known.ask_template()
        through = await exchange(proxy.url, "POST", CHAT, question("three"))
        nameless = await exchange(proxy.url, "POST", CHAT, {"messages": question("")["messages"]})

        assert known.model_key("three") == known.model_key(None) == ""
        assert known.of("three").slots == ()
    direct = await exchange(server.url, "POST", CHAT, question("three"))
    assert (through.status, through.body) == (direct.status, direct.body)
    assert nameless.status == 400


async def test_a_child_that_sleeps_is_left_asleep(start_router: StartRouter) -> None:
    server = start_router("--sleep-idle-seconds", "1")
    async with running_proxy(server.url) as proxy:
        known = proxy.app.known
        await known.ask_template()
        one = known.of("one")
        await chat(proxy, "one")
        await until(lambda: one.is_learnt)
        asked = 0
        while not one.is_asleep:
            asked += 1
            await one.look()
        generation = one.generation
        for _ in range(20):
            assert await one.look() is False

        assert one.is_asleep
        assert one.slots == (0, 0)
        assert generation == 1
        assert asked > 1
