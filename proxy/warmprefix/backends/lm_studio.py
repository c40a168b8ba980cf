"""LM Studio, by its OpenAI endpoint.

Facts: https://lmstudio.ai/docs/developer/rest/endpoints (`GET /api/v0/models`); its replies have no cached
tokens: https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/2390 (0.4.14).
"""

from warmprefix.backends.answers import Answer, members, objects
from warmprefix.backends.base import Kind, Mark
from warmprefix.core.doctor.facts import Engine


def _is_its_own(models: Answer) -> bool:
    """Its models say in which format they are. It answers 200 to pages that it does not have, with an error."""
    listed = objects(members(models).get("data"))
    return bool(listed) and all("compatibility_type" in model for model in listed)


KIND = Kind(
    name="lm-studio",
    can=frozenset(),
    mark=Mark("/api/v0/models", _is_its_own),
    reads=frozenset({"reasoning"}),
    engine=Engine(
        label="LM Studio",
        counts="never",
        source="https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/2390",
    ),
)
