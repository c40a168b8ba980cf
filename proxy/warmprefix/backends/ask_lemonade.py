"""Asks a Lemonade Server which models it has loaded and when it unloads them.

Source of the shapes: https://github.com/lemonade-sdk/lemonade at 11.7.0.
"""

from warmprefix.backends.answers import Json, members, objects, text, whole
from warmprefix.backends.client import Asker
from warmprefix.backends.lemonade import loaded_models
from warmprefix.core.doctor.facts import LemonadeFacts

_LANGUAGE_RECIPES = frozenset({"llamacpp", "flm", "ryzenai-llm", "vllm"})
_OTHER_USES = frozenset({"embeddings", "reranking"})


async def ask_lemonade(client: Asker, url: str, *, is_local: bool) -> LemonadeFacts:
    """What its health and its configuration say. The latter needs the admin key, if there is one."""
    health = members(await client.get(f"{url}/api/v1/health"))
    models = members(await client.get(f"{url}/api/v1/models"))
    config = members(await client.get(f"{url}/internal/config"))
    limits = health.get("max_models")
    auto_evict = config.get("auto_evict")
    return LemonadeFacts(
        version=text(health.get("version")),
        loaded=loaded_models(health),
        limit=whole(limits.get("llm")) if isinstance(limits, dict) else None,
        available=sum(_is_language_model(model) for model in objects(models.get("data"))),
        auto_evict=auto_evict if isinstance(auto_evict, bool) else None,
        is_local=is_local,
    )


def _is_language_model(model: Json) -> bool:
    labels = model.get("labels")
    other = isinstance(labels, list) and any(text(label) in _OTHER_USES for label in labels)
    return text(model.get("recipe")) in _LANGUAGE_RECIPES and not other
