"""`warmprefix doctor`: what it asks scripted backends, what it says, and how it ends."""

import asyncio
import json
from functools import partial
from pathlib import Path

import pytest

from tests.cli.doctoring import MISSING, PROPS, Pages, doctor, examined, levels, of_pages, serving
from tests.fakes.scripted import Cut, ScriptedBackend, Send, Step
from tests.fakes.scripted_http import Request
from tests.fakes.scripted_replies import json_response

LLAMA = [("Server", "llama.cpp")]


async def test_a_llama_server_that_answers_little_is_known_a_little() -> None:
    body = await of_pages({"/props": json_response(PROPS)})
    found = levels(body)

    assert found["llama-server b11434 with m"] == "good"
    assert found["2 slots of 32,768 tokens each"] == "good"
    assert found["It is unknown whether slots can be saved to files"] == "note"
    assert found["The chat template could not be asked"] == "note"
    assert body["facts"]["server"]["template"]["can_preserve"] is True
    assert body["status"] == 0


STATES = [
    ("loading", json_response({}, 503, LLAMA), "llama-server is still loading its model"),
    ("router", json_response({"role": "router"}, 200, LLAMA), "llama-server routes between several models"),
    ("asleep", json_response({**PROPS, "is_sleeping": True}),
     "llama-server is asleep: it has dropped its model and all caches"),
]  # fmt: skip


@pytest.mark.parametrize(("props", "what"), [r[1:] for r in STATES], ids=[r[0] for r in STATES])
async def test_a_llama_server_that_is_not_ready_is_asked_no_further(
    props: list[Step], what: str
) -> None:
    async with serving({"/props": props}) as backend:
        body = await asyncio.to_thread(examined, backend.url)
        asked = {request.target for request in backend.requests}

    assert levels(body)[what] == "bad"
    assert asked == {"/props", "/api/v1/health", "/v1/models"}


def guarded(request: Request) -> list[Step]:
    """A llama-server that shows its properties to who has the key."""
    if request.header("authorization") != "Bearer secret":
        return json_response({"error": {"code": 401}}, 401, LLAMA)
    return json_response(PROPS) if request.target == "/props" else MISSING


@pytest.mark.parametrize(
    ("arguments", "env", "level", "is_seen"),
    [
        ([], {}, "bad", False),
        (["--api-key", "wrong"], {}, "bad", False),
        (["--api-key", "secret"], {}, "note", True),
        ([], {"OPENAI_API_KEY": "secret"}, "note", True),
    ],
    ids=["none", "wrong", "given", "environment"],
)
async def test_a_key_is_asked_for_and_used(
    arguments: list[str], env: dict[str, str], level: str, is_seen: bool
) -> None:
    async with ScriptedBackend(otherwise=guarded) as backend:
        asking = ["--backend", backend.url, "--json", *arguments]
        result = await asyncio.to_thread(lambda: doctor(*asking, **env))
        sent = [request.header("authorization") for request in backend.requests]
    body = json.loads(result.stdout)
    locks = [finding["level"] for finding in body["findings"] if "API key" in finding["what"]]

    assert locks == [level]
    assert ("2 slots of 32,768 tokens each" in levels(body)) is is_seen
    assert sent[0] is None, "a key goes only to who asks for one"
    assert "secret" not in result.output


async def test_the_key_of_the_settings_is_for_the_backend_of_the_settings() -> None:
    async with (
        ScriptedBackend(otherwise=guarded) as own,
        ScriptedBackend(otherwise=guarded) as other,
    ):
        settings = {"WARMPREFIX_BACKEND__URL": own.url, "WARMPREFIX_BACKEND__API_KEY": "secret"}
        for arguments in ((), ("--backend", own.url), ("--backend", other.url)):
            await asyncio.to_thread(partial(doctor, *arguments, **settings))

    assert "Bearer secret" in {request.header("authorization") for request in own.requests}
    assert {request.header("authorization") for request in other.requests} == {None}


async def test_a_key_is_not_sent_where_none_is_wanted() -> None:
    async with serving({"/props": json_response(PROPS)}) as backend:
        await asyncio.to_thread(examined, backend.url, "--api-key", "secret")

    assert {request.header("authorization") for request in backend.requests} == {None}


async def test_another_server_is_named_with_its_models() -> None:
    body = await of_pages({"/v1/models": json_response({"data": [{"id": "a"}, {"id": 3}, 4]})})

    assert levels(body) == {"Another OpenAI-compatible server: a": "note"}


ODD_PROPS = {
    "total_slots": "x",
    "build_info": 1,
    "default_generation_settings": [],
    "chat_template_caps": 1,
}
ODD_HEALTH = {"all_models_loaded": 3, "max_models": 1, "version": {}}
ODD_MODEL = {
    "type": "llm",
    "model_name": 1,
    "backend_url": 5,
    "launch_command": "x",
    "last_use": "y",
}
HOSTILE: list[tuple[str, Pages]] = [
    ("props-of-other-types", {"/props": json_response(ODD_PROPS)}),
    ("props-no-json", {"/props": json_response(b"<html>", 200, LLAMA)}),
    ("slots-and-metrics-cut", {"/props": json_response(PROPS), "/slots": [Cut()], "/metrics": [Cut()]}),
    ("models-no-list", {"/props": json_response(PROPS), "/v1/models": json_response([1])}),
    ("health-of-other-types", {"/api/v1/health": json_response(ODD_HEALTH)}),
    ("models-of-other-types", {
        "/api/v1/health": json_response({"all_models_loaded": [1, ODD_MODEL]}),
        "/api/v1/models": json_response({"data": [{"labels": 1, "recipe": []}, {"labels": [[]]}]})}),
    ("slots-of-other-types", {"/props": json_response(PROPS), "/slots": json_response([{"id": "x"}])}),
    ("slots-no-list", {"/props": json_response(PROPS), "/slots": json_response({})}),
    ("slots-no-json", {"/props": json_response(PROPS), "/slots": json_response(b"<html>")}),
]  # fmt: skip


@pytest.mark.parametrize("pages", [row[1] for row in HOSTILE], ids=[row[0] for row in HOSTILE])
async def test_answers_of_other_shapes_are_findings_and_no_traceback(pages: Pages) -> None:
    async with serving(pages) as backend:
        url = backend.url
        result = await asyncio.to_thread(doctor, "--backend", url, "--probe")

    assert result.exit_code in (0, 1)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "good" in result.output


SLOT = {"id": 1, "is_processing": False, "n_ctx": 4096}
NO_RESULT: list[tuple[str, Pages, str]] = [
    ("slots-off", {"/slots": json_response({}, 501)}, "It does not show its slots"),
    ("busy", {"/slots": json_response([{**SLOT, "is_processing": True}])}, "No slot is idle."),
    ("small", {"/slots": json_response([{**SLOT, "n_ctx": 512}])}, "A slot has no room for the 700"),
    ("no-tokens", {"/slots": json_response([SLOT]), "/tokenize": json_response({"tokens": [1]})},
     "It split a text into too few tokens"),
    ("refused", {"/slots": json_response([SLOT]), "/tokenize": json_response({"tokens": [1] * 700}),
                 "/completion": json_response({}, 400)}, "It answered 400 to a prompt of 600 tokens."),
    ("no-timings", {"/slots": json_response([SLOT]), "/tokenize": json_response({"tokens": [1] * 700}),
                    "/completion": json_response({"timings": 1})}, "The experiment failed: TypeError"),
    ("cut", {"/slots": json_response([SLOT]), "/tokenize": json_response({"tokens": [1] * 700}),
             "/completion": [Cut()]}, "The experiment failed: RemoteProtocolError"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("pages", "why"), [r[1:] for r in NO_RESULT], ids=[r[0] for r in NO_RESULT]
)
async def test_an_experiment_that_cannot_be_made_says_why(pages: Pages, why: str) -> None:
    body = await of_pages({"/props": json_response(PROPS), **pages}, "--probe")
    skipped = next(f for f in body["findings"] if f["what"] == "Nothing was measured")

    assert skipped["level"] == "note"
    assert skipped["why"].startswith(why)


async def test_the_idle_slot_that_holds_least_is_used() -> None:
    slots = [
        {**SLOT, "id": 0, "n_prompt_tokens": 0, "is_processing": True},
        {**SLOT, "id": 1, "n_prompt_tokens": 900},
        {**SLOT, "id": 2, "n_prompt_tokens": 5},
    ]
    pages = {
        "/props": json_response(PROPS),
        "/slots": json_response(slots),
        "/tokenize": json_response({"tokens": list(range(1000))}),
        "/completion": json_response(
            {"timings": {"cache_n": 83, "prompt_n": 600, "prompt_ms": 2000.0}}
        ),
    }
    async with serving(pages) as backend:
        body = await asyncio.to_thread(examined, backend.url, "--probe")
        sent = [request.json() for request in backend.requests if request.target == "/completion"]
    first, second = sent

    assert {first["id_slot"], second["id_slot"]} == {2}
    assert (len(first["prompt"]), len(second["prompt"])) == (600, 340)
    assert first["prompt"][:300] == second["prompt"][:300]
    assert first["prompt"][300] != second["prompt"][300]
    assert levels(body)["The model cannot go back to any token: 83 of 300 were reused"] == "bad"
    assert levels(body)["It reads 300 tokens a second"] == "note"


async def test_without_probe_nothing_is_evaluated() -> None:
    async with serving(
        {"/props": json_response(PROPS), "/slots": json_response([SLOT])}
    ) as backend:
        await asyncio.to_thread(examined, backend.url)

    assert "/completion" not in {request.target for request in backend.requests}


@pytest.mark.parametrize("noise", [[Cut()], [Send(b"hello\r\n\r\n"), Cut()]], ids=["cut", "noise"])
async def test_what_does_not_speak_http_is_status_2(noise: list[Step]) -> None:
    async with ScriptedBackend(otherwise=noise) as backend:
        result = await asyncio.to_thread(doctor, "--backend", backend.url)

    assert result.exit_code == 2
    assert result.stderr.startswith("warmprefix: no answer from http://")


def test_a_backend_that_is_not_there_is_one_line_and_status_2() -> None:
    result = doctor("--backend", "http://127.0.0.1:1")

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("warmprefix: no answer from http://127.0.0.1:1 (")
    assert result.stderr.endswith("; is it running? --backend names another\n")
    assert result.stderr.count("\n") == 1


def test_a_backend_that_is_not_there_is_json_for_machines_too() -> None:
    result = doctor("--backend", "http://127.0.0.1:1", "--json")
    body = json.loads(result.stdout)

    assert result.exit_code == body["status"] == 2
    assert body["findings"] == []
    assert body["error"]


def test_a_wrong_setting_is_one_line_and_status_2() -> None:
    result = doctor("--backend", "127.0.0.1:1")

    assert result.exit_code == 2
    assert result.stderr.startswith("warmprefix: flag --backend")


async def test_the_backend_of_the_settings_is_asked(tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    async with serving({"/props": json_response(PROPS)}) as backend:
        settings.write_text(f'[backend]\nurl = "{backend.url}"\nkind = "lemonade"\n')
        result = await asyncio.to_thread(doctor, config=str(settings))

    assert "bad   Configured as lemonade, but it answers as llamacpp" in result.stdout
    assert result.exit_code == 1


async def test_of_several_backends_each_is_asked_unless_one_is_named(tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    async with (
        serving({"/props": json_response(PROPS)}) as one,
        serving({"/props": json_response(PROPS)}) as other,
    ):
        tables = (f'[[backends]]\nurl = "{backend.url}"\n' for backend in (one, other))
        settings.write_text("".join(tables))
        every = await asyncio.to_thread(doctor, config=str(settings))
        only = await asyncio.to_thread(doctor, "--backend", other.url, config=str(settings))

    assert [url in every.stdout.splitlines() for url in (one.url, other.url)] == [True, True]
    assert [url in only.stdout.splitlines() for url in (one.url, other.url)] == [False, True]
    assert (every.exit_code, only.exit_code) == (0, 0)


async def test_it_is_read_in_columns_and_wrapped() -> None:
    async with serving({"/props": json_response({**PROPS, "total_slots": 1})}) as backend:
        result = await asyncio.to_thread(doctor, "--backend", backend.url)
    every = result.stdout.splitlines()
    lines = every[: every.index("Settings of clients that help, if you use them") - 1]

    assert all(len(line) <= 90 and line == line.rstrip() for line in every)
    assert lines[0] == backend.url
    assert "bad   One slot of 32,768 tokens" in lines
    assert "      → llama-server --parallel 2, with twice the --ctx-size" in lines
    assert lines[-1] == "1 good, 4 to know, 1 bad"
    assert all(line[:6].strip() in ("", "good", "note", "bad") for line in lines[2:-2])
    assert "\x1b" not in result.stdout


async def test_text_of_a_backend_cannot_steer_a_terminal() -> None:
    async with serving(
        {"/props": json_response({**PROPS, "model_alias": "m\x1b[31m[red]x"})}
    ) as backend:
        result = await asyncio.to_thread(doctor, "--backend", backend.url)

    assert "\x1b" not in result.stdout
    assert "[red]x" in result.stdout


@pytest.mark.parametrize(
    ("env", "is_coloured"), [({"FORCE_COLOR": "1", "NO_COLOR": ""}, True), ({}, False)]
)
async def test_it_is_coloured_where_wanted(env: dict[str, str], is_coloured: bool) -> None:
    async with serving({"/props": json_response(PROPS)}) as backend:
        result = await asyncio.to_thread(lambda: doctor("--backend", backend.url, **env))

    assert ("\x1b[32mgood" in result.stdout) is is_coloured


def test_the_help_has_examples() -> None:
    result = doctor("--help")

    assert result.exit_code == 0
    assert "warmprefix doctor --backend" in result.stdout


async def test_settings_of_clients_stand_under_their_names_with_sources() -> None:
    async with serving({"/props": json_response(PROPS)}) as backend:
        shown = await asyncio.to_thread(doctor, "--backend", backend.url)
        body = await asyncio.to_thread(examined, backend.url)

    lines = shown.stdout.splitlines()
    at = lines.index("Claude Code")
    assert lines[at + 1] == "      → CLAUDE_CODE_ATTRIBUTION_HEADER=0   (environment)"
    assert "https://code.claude.com/docs/en/env-vars" in " ".join(lines[at:])
    rows = {row["paste"]: row for row in body["clients"]}
    assert rows['{"compaction": {"prune": false}}']["client"] == "opencode"
    assert "pattern" not in body["clients"][0]
