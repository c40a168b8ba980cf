"""Lemonade Server in front of llama-server.

Facts: https://github.com/lemonade-sdk/lemonade at 11.7.0, thinking_controls.cpp and server.cpp.
"""

from collections.abc import Mapping

from warmprefix.backends import answers
from warmprefix.backends.answers import Answer, Json, number, objects, text
from warmprefix.backends.base import EVERYTHING, Headers, Inner, Kind, Mark, Members
from warmprefix.core.doctor.facts import LoadedModel
from warmprefix.core.errors import NotUnderstood
from warmprefix.core.types import RawJson
from warmprefix.core.wire.slices import members, write_object
from warmprefix.dialects.base import Request

_HEALTH = "/api/v1/health"
_KWARGS = "chat_template_kwargs"
_FALSE = RawJson(b"false")


def loaded_models(health: Members) -> tuple[LoadedModel, ...]:
    """The language models that its health lists, last used first: that one answers the next request."""
    models = [m for m in objects(health.get("all_models_loaded")) if m.get("type") == "llm"]
    models.sort(key=lambda model: number(model.get("last_use")), reverse=True)
    return tuple(_model(model) for model in models)


def _model(model: Json) -> LoadedModel:
    url, command = text(model.get("backend_url")), model.get("launch_command")
    words = [word for word in command if isinstance(word, str)] if isinstance(command, list) else []
    return LoadedModel(
        name=text(model.get("model_name")) or "a model without a name",
        recipe=text(model.get("recipe")) or "something unknown",
        url=url.removesuffix("/v1") if url else None,
        arguments=tuple(words) if words else None,
    )


def _llama_server(health: Members) -> str | None:
    """The llama-server that answers the next request: that of the model used last, if it has one."""
    models = [model for model in loaded_models(health) if model.recipe == "llamacpp"]
    return models[0].url if models else None


def _is_its_own(health: Answer) -> bool:
    """Its health lists the loaded models. If its API key is missing, Lemonade asks for it in words of its own
    (server.cpp:871-1050; 2026.39.1 says the same)."""
    asks = health.status_code == 401 and b'"Invalid or missing API key"' in health.content
    return "all_models_loaded" in answers.members(health) or asks


def _headers(headers: Headers) -> Headers:
    """Without Origin: if that is neither loopback nor allowed, the answer is 403, even to GET."""
    return [(key, value) for key, value in headers if key.lower() != b"origin"]


def _options(request: Request) -> Mapping[str, RawJson | None]:
    """Native thinking controls in place of those that Lemonade turns into message text.

    `enable_thinking: false`, `thinking: false` and `thinking: {"type": "disabled"}` make it put
    "/no_think" in front of the last user message only, so the prefix breaks there on every new
    turn (thinking_controls.cpp:64-104). It sets these same native controls besides (:6-37). On `/v1/messages`
    and `/v1/responses` it inserts nothing, so their dialects leave these options alone.
    """
    if not _thinking_is_off(request.options):
        return {}
    start, end = request.members.get(_KWARGS, (0, 0))
    kwargs = _with_thinking_off(request.body[start:end])
    if kwargs is None:
        return {}
    changes: dict[str, RawJson | None] = {
        name: None for name in ("enable_thinking", "thinking") if name in request.members
    }
    if "reasoning_effort" not in request.members:
        changes["reasoning_effort"] = RawJson(b'"none"')
    return {**changes, _KWARGS: kwargs}


def _thinking_is_off(options: Mapping[str, object]) -> bool:
    enabled = options.get("enable_thinking")
    if isinstance(enabled, bool):  # it wins over the other spelling, in Lemonade too
        return not enabled
    thinking = options.get("thinking")
    disabled = isinstance(thinking, dict) and thinking.get("type") == "disabled"
    return thinking is False or disabled


def _with_thinking_off(kwargs: bytes) -> RawJson | None:
    """The client's template options with thinking off; None if they are not an object."""
    if kwargs in (b"", b"null"):
        return RawJson(b'{"enable_thinking":false}')
    try:
        spans = members(kwargs)
    except NotUnderstood:
        return None
    kept = {key: RawJson(kwargs[start:end]) for key, (start, end) in spans.items()}
    return RawJson(write_object({"enable_thinking": _FALSE, **kept}.items()))


KIND = Kind(
    name="lemonade",
    can=EVERYTHING,
    mark=Mark(_HEALTH, _is_its_own),
    inner=Inner(_HEALTH, _llama_server),
    headers=_headers,
    options=_options,
)
"""It can do what the llama-server behind it can. Two traps: it edits the last user message, and it refuses a
browser's Origin.
"""
