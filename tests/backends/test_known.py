"""What is known of a backend is asked once, asked again when it was down, and never in the way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.fakes.engines import ENGINES
from tests.fakes.lemonade import LemonadeDouble, LemonadeOptions
from tests.fakes.running_proxy import DEADLINE_S, until
from tests.fakes.scripted import Cut, ScriptedBackend, Send, Stall, Step
from tests.fakes.scripted_http import Request
from tests.fakes.scripted_replies import json_response
from warmprefix.backends.known import KnownBackend
from warmprefix.tasks import Tasks

MISSING = json_response({"error": "no"}, 404)
LOADING = json_response({"error": {"message": "Loading model"}}, 503, [("Server", "llama.cpp")])
PROPS = json_response({"total_slots": 4, "chat_template": "t"})


def marked(marker: str) -> list[Step]:
    """The properties of one start of a llama-server."""
    return json_response({"total_slots": 4, "chat_template": "t", "media_marker": marker})


@asynccontextmanager
async def known(
    url: str, kind: str = "auto", tasks: Tasks | None = None
) -> AsyncIterator[KnownBackend]:
    """What is known of the backend at `url`, without anything being asked yet."""
    tasks = Tasks() if tasks is None else tasks
    backend = KnownBackend(url, kind, tasks)
    try:
        yield backend
    finally:
        await tasks.finish(5)
        await backend.close()


def refused(error: str) -> list[Step]:
    """The answer to a request without a key."""
    return json_response({"error": error}, 401)


ALL_MARKS = ["/api/v1/health", "/props", "/v1/models", "/api/v0/models", "/"]
"""What a backend is asked that is of no known kind."""


def models(*listed: dict[str, object]) -> list[Step]:
    """A list of models."""
    return json_response({"object": "list", "data": listed})


KINDS: list[tuple[str, dict[str, list[Step]], str]] = [
    ("llama-server", {"/props": PROPS}, "llamacpp"),
    ("llama-server-with-a-key", {"/props": json_response({}, 401, [("Server", "llama.cpp")])}, "llamacpp"),
    ("llama-server-still-loading", {"/props": LOADING, "/api/v1/health": LOADING}, "llamacpp"),
    ("lemonade", {"/api/v1/health": json_response({"all_models_loaded": []})}, "lemonade"),
    ("lemonade-with-a-key", {"/api/v1/health": refused("Invalid or missing API key")}, "lemonade"),
    ("another-with-a-key", {"/api/v1/health": refused("unauthorized")}, "openai-compatible"),
    ("another-with-health", {"/api/v1/health": json_response({"status": "ok"})}, "openai-compatible"),
    *((name, made.pages, name) for name, made in ENGINES.items()),
    ("owned-by-another", {"/v1/models": models({"id": "m", "owned_by": "openai"})}, "openai-compatible"),
    ("owned-by-nobody", {"/v1/models": models({"id": "m"})}, "openai-compatible"),
    ("without-models", {"/v1/models": models(), "/api/v0/models": models()}, "openai-compatible"),
    ("something-at-the-root", {"/": json_response(b"Ollama is running elsewhere")}, "openai-compatible"),
    ("another", {}, "openai-compatible"),
    ("answers-with-text", {"/props": [*json_response(b"<html>")]}, "openai-compatible"),
    ("answers-with-a-list", {"/props": json_response([1])}, "openai-compatible"),
]  # fmt: skip


@pytest.mark.parametrize(("pages", "kind"), [row[1:] for row in KINDS], ids=[r[0] for r in KINDS])
async def test_a_kind_is_told_by_what_it_answers(pages: dict[str, list[Step]], kind: str) -> None:
    def script(request: Request) -> list[Step]:
        return pages.get(request.target, MISSING)

    async with ScriptedBackend(otherwise=script) as backend, known(backend.url) as found:
        assert found.name == "unknown"
        assert (await found.kind()).name == kind
        assert found.name == kind


HEALTH: list[tuple[str, list[Step], bool | None]] = [
    ("there", json_response({"status": "ok"}), True),
    ("loading", LOADING, False),
    ("without-health", MISSING, True),
    ("wants-a-key", json_response({}, 401), True),
    ("breaks-off", [Cut()], False),
    ("busy-with-one-request", [Stall()], None),
]


@pytest.mark.parametrize(("page", "healthy"), [r[1:] for r in HEALTH], ids=[r[0] for r in HEALTH])
async def test_health_is_what_the_backend_says_and_not_how_busy_it_is(
    page: list[Step], healthy: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "warmprefix.backends.known._HEALTH_S", 0.1 if healthy is None else DEADLINE_S
    )
    async with ScriptedBackend(otherwise=page) as backend, known(backend.url) as found:
        assert await found.is_healthy() is healthy


async def test_a_backend_that_is_not_there_is_not_healthy() -> None:
    async with known("http://127.0.0.1:1") as found:
        assert await found.is_healthy() is False
        assert found.trouble == "Connection refused"


async def test_a_backend_that_is_there_again_is_no_trouble() -> None:
    async with ScriptedBackend(LOADING, otherwise=MISSING) as backend, known(backend.url) as found:
        await found.is_healthy()
        loading = found.trouble
        await found.is_healthy()

    assert (loading, found.trouble) == ("it is loading its model (status 503)", None)


MISSED: list[tuple[str, list[list[Step]], bool]] = [
    # id, answers to its own page and to /health, if that is asked for, whether it is missing
    ("there", [json_response({})], False),
    ("loading", [LOADING, LOADING], True),
    ("loading-until-just-now", [LOADING, json_response({"status": "ok"})], False),
    ("breaks-off", [[Cut()], [Cut()]], True),
    ("busy-with-one-request", [[Stall()], [Stall()]], False),
]


@pytest.mark.parametrize(
    ("answers", "missing"), [r[1:] for r in MISSED], ids=[r[0] for r in MISSED]
)
async def test_one_is_missing_if_it_is_gone_or_loads_its_model(
    answers: list[list[Step]], missing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("warmprefix.backends.known._HEALTH_S", DEADLINE_S if missing else 0.3)
    async with (
        ScriptedBackend(*answers) as backend,
        known(backend.url, "llamacpp") as found,
    ):
        assert await found.is_missing() is missing
        assert (found.trouble is not None) is missing

    assert [request.target for request in backend.requests][:1] == ["/props"]
    assert len(backend.requests) == len(answers)


async def test_lemonade_is_told_from_the_llama_server_behind_it() -> None:
    async with LemonadeDouble() as lemonade, known(lemonade.url) as found:
        assert (await found.kind()).name == "lemonade"


async def test_lemonade_is_told_without_its_key_too() -> None:
    """It must not be shown a browser's Origin, and its thinking controls are its own, with a key or without."""
    options = LemonadeOptions(api_key="k")
    async with LemonadeDouble(options) as lemonade, known(lemonade.url) as found:
        assert (await found.kind()).name == "lemonade"


async def test_a_kind_that_is_configured_is_not_asked_for() -> None:
    async with ScriptedBackend() as backend, known(backend.url, "lemonade") as found:
        assert (await found.kind()).name == "lemonade"

    assert backend.requests == []


async def test_a_hundred_requests_ask_once() -> None:
    async with ScriptedBackend(otherwise=MISSING) as backend, known(backend.url) as found:
        await asyncio.gather(*(found.kind() for _ in range(100)))

    assert [request.target for request in backend.requests] == ALL_MARKS


async def test_a_backend_that_is_down_changes_nothing_and_is_not_asked_each_time() -> None:
    async with ScriptedBackend([Cut()], otherwise=MISSING) as backend, known(backend.url) as found:
        names = [(await found.kind()).name for _ in range(5)]

        assert names == ["openai-compatible"] * 5
        assert found.name == "unknown"
        assert len(backend.requests) == 1
        assert await found.answers()
        assert found.name == "openai-compatible"


async def test_a_backend_that_hangs_holds_a_request_up_for_half_a_second_only() -> None:
    loop = asyncio.get_running_loop()
    async with ScriptedBackend(otherwise=[Stall()]) as backend, known(backend.url) as found:
        began = loop.time()
        names = await asyncio.gather(*(found.kind() for _ in range(20)))
        took_s = loop.time() - began

    assert {kind.name for kind in names} == {"openai-compatible"}
    assert took_s < 1.5


async def test_a_backend_that_is_not_there_does_not_answer() -> None:
    async with ScriptedBackend() as backend:
        url = backend.url
    async with known(url) as found:
        assert not await found.answers()


def rendering(*rendered: str, template: str = "t") -> ScriptedBackend:
    """A llama-server that renders these prompts, one after another."""
    prompts = list(rendered)

    def script(request: Request) -> list[Step]:
        if request.target == "/apply-template":
            return json_response({"prompt": prompts.pop(0)}) if prompts else MISSING
        if request.target == "/props":
            return json_response({"total_slots": 1, "chat_template": template})
        return MISSING

    return ScriptedBackend(otherwise=script)


MARK = "warmprefix-probe-reasoning"


@pytest.mark.parametrize(
    ("prompts", "pays"),
    [
        ((MARK, MARK), True),
        ((MARK, "none"), False),
        (("none", "none"), False),
        ((), False),
    ],
    ids=["kept-for-good", "in-the-loop-only", "never", "not-told"],
)
async def test_whether_reasoning_is_worth_restoring_is_the_templates_to_say(
    prompts: tuple[str, ...], pays: bool
) -> None:
    async with rendering(*prompts) as backend, known(backend.url, "llamacpp") as found:
        assert not found.template.reasoning_pays
        await found.ask_template()

        assert found.template.reasoning_pays is pays


async def test_a_template_is_asked_once_per_model_and_once_per_text() -> None:
    """Another model may have the same template; then nothing is rendered again."""
    tasks = Tasks()
    async with rendering(MARK, MARK) as backend, known(backend.url, "llamacpp", tasks) as found:
        rendered = []
        for model in ("a", "a", "b", "a"):
            found.saw_model(model)
            await until(lambda: len(tasks) == 0)
            asked = [request.target for request in backend.requests]
            rendered.append(asked.count("/apply-template"))

        assert found.template.reasoning_pays
    assert asked.count("/props") == 3
    assert rendered[0] > 0
    assert set(rendered) == {rendered[0]}


async def test_a_backend_that_was_lost_is_asked_again() -> None:
    async with rendering(MARK, MARK) as backend, known(backend.url, "llamacpp") as found:
        await found.ask_template()
        found.saw_model("a")
        found.lost()
        found.saw_model("a")
        await until(lambda: [r.target for r in backend.requests].count("/props") == 3)


async def test_a_template_of_lemonade_is_its_llama_servers() -> None:
    """Lemonade's health names the address of the most recently used one."""
    async with rendering(MARK, MARK) as behind:
        models = [
            {"recipe": "flm", "type": "llm", "last_use": 9, "backend_url": "http://127.0.0.1:1/v1"},
            {"recipe": "llamacpp", "type": "llm", "last_use": 1, "backend_url": "http://x.invalid"},
            {"recipe": "llamacpp", "type": "llm", "last_use": 5, "backend_url": f"{behind.url}/v1"},
        ]

        def script(request: Request) -> list[Step]:
            found = request.target == "/api/v1/health"
            return json_response({"all_models_loaded": models}) if found else MISSING

        async with (
            ScriptedBackend(otherwise=script) as lemonade,
            known(lemonade.url, "lemonade") as found,
        ):
            await found.ask_template()

            assert found.template.reasoning_pays


async def test_a_template_that_nobody_tells_is_unknown() -> None:
    async with ScriptedBackend(otherwise=MISSING) as backend:
        async with known(backend.url, "openai-compatible") as found:
            await found.ask_template()

            assert not found.template.reasoning_pays
        url = backend.url
    async with known(url, "llamacpp") as found:
        await found.ask_template()

        assert not found.template.reasoning_pays


@pytest.mark.parametrize("kind", ["auto", "openai-compatible"])
async def test_a_server_that_has_no_pages_of_its_own_is_not_asked_for_them(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("warmprefix.backends.known._AGAIN_S", 0.0)
    monkeypatch.setattr("warmprefix.backends.known_model._AGAIN_S", 0.0)
    tasks = Tasks()
    async with (
        ScriptedBackend(otherwise=MISSING) as backend,
        known(backend.url, kind, tasks) as found,
    ):
        for model in ("a", "b", "a"):
            assert (await found.kind()).name == "openai-compatible"
            assert await found.look() is None
            assert await found.has_restarted() is None
            assert await found.slot_states() == ()
            assert await found.render(b"{}") is None
            assert found.llama is None
            assert found.saving_url == ""
            await found.ask_template()
            found.ended(model, [], 200)
            await until(lambda: len(tasks) == 0)
        asked = [request.target for request in backend.requests]
        assert await found.answers()

    assert asked == (ALL_MARKS if kind == "auto" else [])
    assert [request.target for request in backend.requests[len(asked) :]] == ["/v1/models"]


async def test_what_comes_back_may_be_of_another_kind() -> None:
    is_llama = False

    def script(request: Request) -> list[Step]:
        return PROPS if is_llama and request.target == "/props" else MISSING

    async with ScriptedBackend(otherwise=script) as backend, known(backend.url) as found:
        assert (await found.kind()).name == "openai-compatible"
        is_llama = True
        await found.ask_template()
        assert found.name == "openai-compatible"

        found.lost()
        found._identified_s = -10.0  # a while later
        assert (await found.kind()).name == "openai-compatible"
        await found.ask_template()

        assert found.name == "llamacpp"
        assert found.is_loaded


async def test_a_kind_that_is_configured_stays_whatever_comes_back() -> None:
    async with (
        ScriptedBackend(otherwise=MISSING) as backend,
        known(backend.url, "llamacpp") as found,
    ):
        found.lost()
        await found.ask_template()

    assert found.name == "llamacpp"
    assert {request.target for request in backend.requests} == {"/props"}


async def test_noise_instead_of_http_is_no_answer() -> None:
    script: list[Step] = [Send(b"hello\r\n\r\n"), Cut()]
    async with (
        ScriptedBackend(otherwise=script) as backend,
        known(backend.url) as found,
        asyncio.timeout(DEADLINE_S),
    ):
        assert not await found.answers()


async def test_a_restart_that_two_notice_at_once_is_one() -> None:
    marker = "a"

    def script(request: Request) -> list[Step]:
        return marked(marker) if request.target == "/props" else MISSING

    async with ScriptedBackend(otherwise=script) as backend, known(backend.url) as found:
        assert not await found.has_restarted()
        marker = "b"
        noticed = await asyncio.gather(*(found.has_restarted() for _ in range(3)))

    assert sorted(map(bool, noticed)) == [False, False, True]
    assert found.generation == 1


@pytest.mark.parametrize("is_hidden", [True, False], ids=["vllm", "another"])
async def test_what_hides_behind_a_key_is_asked_again_once_a_request_has_shown_one(
    is_hidden: bool,
) -> None:
    """vLLM guards its list of models. Without the key it is taken for another; with it, it is asked once."""

    def script(request: Request) -> list[Step]:
        if request.target != "/v1/models":
            return MISSING
        if not is_hidden or request.header("authorization") != "Bearer k":
            return refused("Unauthorized")
        return models({"id": "m", "owned_by": "vllm"})

    tasks = Tasks()
    async with (
        ScriptedBackend(otherwise=script) as backend,
        known(backend.url, "auto", tasks) as found,
    ):
        assert (await found.kind()).name == "openai-compatible"
        for _ in range(3):
            found.ended("m", [(b"authorization", b"Bearer k")], 200)
            await until(lambda: len(tasks) == 0)

        assert found.name == ("vllm" if is_hidden else "openai-compatible")
        assert [r.target for r in backend.requests].count("/v1/models") == 2
