"""A real Phoenix (PyPI arize-phoenix) takes the spans of turns, and shows what its users look for."""

import asyncio
import json
import os
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from bench.path.processes import free_port, process, wait_until_answered
from tests.clients.installing import missing, package
from tests.fakes.engines import EngineDouble
from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import running_proxy

pytestmark = [
    pytest.mark.client,
    pytest.mark.skipif(missing("phoenix") is not None, reason=str(missing("phoenix"))),
    pytest.mark.timeout(300),  # it makes its database first
]

SECRET = "the wreck lies at seven fathoms"
CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
SPANS = (
    "{ projects { edges { node { name spans(first: 10) { edges { node { name spanKind statusCode "
    "tokenCountPrompt tokenCountCompletion attributes } } } } } } }"
)
LIMIT_S = 60.0


@pytest.fixture(scope="module")
def phoenix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of one that keeps what it gets in a folder of the test's."""
    ports = {"PHOENIX_PORT": str(free_port()), "PHOENIX_GRPC_PORT": str(free_port())}
    own = {
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_WORKING_DIR": str(tmp_path_factory.mktemp("phoenix")),
        "PHOENIX_TELEMETRY_ENABLED": "false",
        "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
    }
    url = f"http://127.0.0.1:{ports['PHOENIX_PORT']}"
    line = [str(package("phoenix").bin / "phoenix"), "serve"]
    with process(line, {**os.environ, **ports, **own}) as running:
        wait_until_answered(f"{url}/healthz", running, 240)
        yield url


def environment(phoenix: str, project: str, **more: str) -> Mapping[str, str]:
    return {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{phoenix}/v1/traces",
        "OTEL_RESOURCE_ATTRIBUTES": f"openinference.project.name={project}",
        **more,
    }


async def chat(given: Mapping[str, str]) -> Mapping[str, Any]:
    """One chat through a proxy with this environment, which has sent its spans when it ends: its log line."""
    async with EngineDouble("mlx") as engine:
        settings = {"kind": "auto", "ask_usage": True}
        async with running_proxy(engine.url, backend=settings, environment=given) as proxy:
            messages = [{"role": "user", "content": f"Is it true that {SECRET}?"}]
            body = {"model": "m", "messages": messages, "stream": True}
            answer = await exchange(proxy.url, "POST", "/v1/chat/completions", body)
            assert answer.status == 200
            (line,) = await proxy.records()
    return line


def asked(phoenix: str, project: str) -> list[dict[str, Any]]:
    """The spans that Phoenix has of a project."""
    request = urllib.request.Request(
        f"{phoenix}/graphql",
        json.dumps({"query": SPANS}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        projects = json.load(answer)["data"]["projects"]["edges"]
    found = [each["node"]["spans"]["edges"] for each in projects if each["node"]["name"] == project]
    return [edge["node"] for edges in found for edge in edges]


async def only_span(phoenix: str, project: str) -> dict[str, Any]:
    """The span, once Phoenix has written it."""
    async with asyncio.timeout(LIMIT_S):
        while not (spans := await asyncio.to_thread(asked, phoenix, project)):  # noqa: ASYNC110  # no event
            await asyncio.sleep(0.2)
    (span,) = spans
    return span


def flat(value: Any, path: str = "") -> Iterator[tuple[str, object]]:
    """The attributes under their whole names: Phoenix shows them as a tree."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from flat(each, f"{path}.{name}" if path else name)
    else:
        yield path, value


async def test_a_turn_arrives_with_the_names_of_the_conventions_and_no_text(
    phoenix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = environment(phoenix, "plain")
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    line = await chat(os.environ)
    span = await only_span(phoenix, "plain")

    found = dict(flat(json.loads(span["attributes"])))
    assert (span["name"], span["spanKind"], span["statusCode"]) == ("chat m", "llm", "UNSET")
    assert span["tokenCountPrompt"] == line["prompt_tokens"]
    assert span["tokenCountCompletion"] == line["generated_tokens"]
    assert found["gen_ai.operation.name"] == "chat"
    assert found["gen_ai.provider.name"] == "mlx"
    assert found["gen_ai.request.model"] == found["gen_ai.response.model"] == "m"
    assert found["gen_ai.conversation.id"] == found["session.id"] == line["conversation"]
    assert found["gen_ai.usage.input_tokens"] == line["prompt_tokens"]
    assert found["gen_ai.usage.output_tokens"] == line["generated_tokens"]
    cached = line["cached_tokens"]
    assert found["gen_ai.usage.cache_read.input_tokens"] == cached
    assert found["llm.token_count.prompt_details.cache_read"] == cached
    assert found["warmprefix.turn"] == line["turn"]
    assert SECRET not in span["attributes"]


async def test_text_arrives_only_if_it_is_asked_for(
    phoenix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment(phoenix, "text", **{CAPTURE: "true"}).items():
        monkeypatch.setenv(name, value)
    await chat(os.environ)

    assert SECRET in (await only_span(phoenix, "text"))["attributes"]
