"""Asks an engine that keeps its cache by itself what `warmprefix doctor` wants to know. Changes nothing on
it."""

import re

from warmprefix.backends.answers import Answer, Json, members, text
from warmprefix.backends.client import Asker
from warmprefix.core.doctor.facts import Engine, EngineFacts, Switch

_PAGES = ("/version", "/api/version", "/server_info")
"""Pages that name a version: vLLM's, Ollama's and SGLang's."""

_CACHING = re.compile(r'^vllm:cache_config_info\{.*\benable_prefix_caching="(\w+)"', re.MULTILINE)


async def ask_engine(client: Asker, url: str, engine: Engine) -> EngineFacts:
    """What it says of itself, as far as it does. Raises httpx.HTTPError if it stops answering."""
    found: Json = {}
    for page in _PAGES:
        found |= members(await client.get(f"{url}{page}"))
    metrics = await client.get(f"{url}/metrics")
    return EngineFacts(
        engine,
        version=text(found.get("version")),
        counts=_switch(found.get("enable_cache_report")),
        caches=_caches(found, metrics),
    )


def _caches(found: Json, metrics: Answer) -> Switch:
    """Whether prefixes are reused. vLLM says so in its metrics (vllm/v1/metrics/loggers.py), SGLang among its
    settings (srt/server_args.py)."""
    said = _CACHING.search(metrics.text) if metrics.status_code == 200 else None
    if said is not None:
        return _switch(said[1] == "True")
    is_off = found.get("disable_radix_cache")
    return _switch(not is_off if isinstance(is_off, bool) else None)


def _switch(value: object) -> Switch:
    if not isinstance(value, bool):
        return "unknown"
    return "on" if value else "off"
