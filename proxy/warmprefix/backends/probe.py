"""Asks a backend what it is."""

from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlencode

import httpx

from warmprefix.backends import kinds
from warmprefix.backends.answers import Answer, members, text, whole
from warmprefix.backends.base import Kind
from warmprefix.backends.client import Asker
from warmprefix.backends.reasons import reason_of
from warmprefix.backends.trust import distrusted
from warmprefix.core.errors import Unreachable
from warmprefix.core.slots.state import SlotState, slot_states

_LIMIT_S = 2.0  # these answers need no model; a server that takes longer is not ready


NO_BUILD = "b0-unknown"
"""What a llama-server says of its build if it was built outside a repository, as xllamacpp is (llama.cpp,
common/build-info.cpp.in: number 0, commit "unknown")."""


async def identify(client: Asker, url: str) -> tuple[Kind, bool]:
    """The kind of the backend at `url`, by the first mark that it shows; and whether a mark is hidden behind a
    key, so that it may be another. llama-server and Lemonade show theirs without one.

    Raises Unreachable if nothing answers there.
    """
    answers: dict[str, Answer] = {}
    try:
        for kind in kinds.KINDS:
            if kind.mark is None:
                continue
            path = kind.mark.path
            if path not in answers:
                answers[path] = await client.get(f"{url}{path}", _LIMIT_S)
            if kind.mark.is_its_own(answers[path]):
                return kind, False
    except httpx.HTTPError as error:
        raise distrusted(url, error) or Unreachable(f"{url} ({reason_of(error)})") from error
    return kinds.OTHER, any(answer.status_code in (401, 403) for answer in answers.values())


class Silence(Enum):
    """Why there are no properties."""

    GONE = "it does not answer"
    LOADING = "it is loading its model"
    LOCKED = "it asks for a key"
    UNLOADED = "the model is not loaded"
    ROUTER = "it has several models, each with properties of its own"
    NO_LLAMA_SERVER = "it is not a llama-server"


@dataclass(frozen=True, slots=True)
class Props:
    """What a llama-server says of itself. `marker` differs at every start; `model`: the path of its file;
    `total`: how many slots it has, 0 if it does not say or does not show them."""

    url: str
    template: str
    marker: str | None
    model: str | None = None
    says: tuple[str, ...] = ()
    """Model, its alias, build, template and context size: what a saved slot must fit. Empty if not reported."""
    total: int = 0
    is_sleeping: bool = False
    has_media: bool | None = None
    """Whether it takes pictures or sound; None if it does not say."""


async def props_of(client: Asker, url: str, kind: Kind, model: str = "") -> Props | Silence:
    """The llama-server at `url`, or behind it. Wakes no sleeping server, and loads no model.

    Lemonade has no `/props` itself, but its health names the llama-server of each loaded model. `model`: for a
    router.
    """
    if "props" not in kind.can:
        return Silence.NO_LLAMA_SERVER
    try:
        if kind.inner is not None:
            answer = await client.get(f"{url}{kind.inner.path}", _LIMIT_S)
            behind = kind.inner.address(members(answer))
            if behind is None:
                return _silence(answer, {}, model)
            answer = await client.get(f"{behind}/props", _LIMIT_S)
            return _props(behind, kind, members(answer)) or Silence.NO_LLAMA_SERVER
        answer = await client.get(page(url, "/props", model), _LIMIT_S)
        props = members(answer)
        return _props(url, kind, props) or _silence(answer, props, model)
    except httpx.HTTPError:
        return Silence.GONE


def page(url: str, path: str, model: str = "") -> str:
    """The address of a page. `model`: for a router, which is asked to load none."""
    return (
        f"{url}{path}?{urlencode({'model': model, 'autoload': 'false'})}" if model else url + path
    )


def _props(url: str, kind: Kind, props: dict[str, object]) -> Props | None:
    template = props.get("chat_template")
    if not isinstance(template, str):
        return None
    # older builds do not say so
    shows = "slots" in kind.can and props.get("endpoint_slots") is not False
    return Props(
        url,
        template,
        text(props.get("media_marker")),
        text(props.get("model_path")),
        _says(props),
        (whole(props.get("total_slots")) or 0) if shows else 0,
        props.get("is_sleeping") is True,
        _has_media(props),
    )


def _has_media(props: dict[str, object]) -> bool | None:
    modalities = props.get("modalities")
    return any(modalities.values()) if isinstance(modalities, dict) else None


def _silence(answer: Answer, props: dict[str, object], model: str) -> Silence:
    if answer.status_code in (401, 403):
        return Silence.LOCKED
    if answer.status_code == 503:
        return Silence.LOADING
    if model:
        return Silence.UNLOADED
    return Silence.ROUTER if props.get("role") == "router" else Silence.NO_LLAMA_SERVER


def _says(props: dict[str, object]) -> tuple[str, ...]:
    settings = props.get("default_generation_settings")
    if not isinstance(settings, dict) or "n_ctx" not in settings:
        return ()
    names = ("model_path", "model_alias", "build_info", "chat_template")
    return (*(str(props.get(name)) for name in names), str(settings["n_ctx"]))


async def ask_slots(client: Asker, url: str, model: str = "") -> tuple[SlotState, ...]:
    """Every slot as it is now; empty if `/slots` is off or not understood. Wakes a sleeping server, and delays
    the sleep of one that is awake."""
    try:
        response = await client.get(page(url, "/slots", model), _LIMIT_S)
        return slot_states(response.json()) if response.status_code == 200 else ()
    except (httpx.HTTPError, ValueError):
        return ()
