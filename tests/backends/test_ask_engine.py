"""What `doctor` asks an engine without slots, and what its answers mean."""

from typing import Any

import pytest

from tests.fakes.engines import EngineDouble
from tests.fakes.pages import serving, status
from warmprefix.backends import vllm
from warmprefix.backends.ask import ask
from warmprefix.backends.ask_engine import ask_engine
from warmprefix.backends.client import Asker
from warmprefix.backends.kinds import kind_named
from warmprefix.core.doctor.facts import EngineFacts

assert vllm.KIND.engine is not None
ENGINE = vllm.KIND.engine
METRICS = b"""# TYPE vllm:cache_config_info gauge
vllm:cache_config_info{block_size="16",enable_prefix_caching="%b",engine="0"} 1.0
"""
SAID: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("nothing", {}, {}),
    ("version", {"/version": {"version": "0.32.0"}}, {"version": "0.32.0"}),
    ("odd-version", {"/version": {"version": 3}}, {}),
    ("ollamas-version", {"/api/version": {"version": "0.33.3"}}, {"version": "0.33.3"}),
    ("counts", {"/server_info": {"enable_cache_report": True}}, {"counts": "on"}),
    ("does-not-count", {"/server_info": {"enable_cache_report": False}}, {"counts": "off"}),
    ("cache-off", {"/server_info": {"disable_radix_cache": True}}, {"caches": "off"}),
    ("cache-on", {"/server_info": {"disable_radix_cache": False}}, {"caches": "on"}),
    ("metrics-on", {"/metrics": status(200, METRICS % b"True")}, {"caches": "on"}),
    ("metrics-off", {"/metrics": status(200, METRICS % b"False")}, {"caches": "off"}),
    ("metrics-guarded", {"/metrics": status(401, METRICS % b"False")}, {}),
]


@pytest.mark.parametrize(("pages", "said"), [row[1:] for row in SAID], ids=[r[0] for r in SAID])
async def test_what_it_says_of_itself(pages: dict[str, Any], said: dict[str, Any]) -> None:
    async with serving(pages) as backend, Asker() as client:
        assert await ask_engine(client, backend.url, ENGINE) == EngineFacts(ENGINE, **said)


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("vllm", "0.32.0"),
        ("sglang", "0.5.23"),
        ("mlx", None),
        ("ollama", "0.33.3"),
        ("lm-studio", None),
    ],
)
async def test_the_doctor_finds_the_engine(name: str, version: str | None) -> None:
    async with EngineDouble(name) as engine:
        facts = await ask(engine.url)

    kind = kind_named(name)
    assert kind is not None
    assert facts.kind == name
    assert facts.models == ("m",)
    assert facts.server is None
    assert facts.engine is not None
    assert (facts.engine.engine, facts.engine.version) == (kind.engine, version)
