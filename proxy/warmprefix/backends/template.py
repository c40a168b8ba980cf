"""What the backend's chat template does with reasoning, learned by having it render small chats.

llama-server renders a body at `/apply-template` without evaluating it (server-context.cpp:5416-5425).
"""

from dataclasses import dataclass, field
from enum import Enum

import httpx
import orjson

from warmprefix.backends.client import Asker
from warmprefix.backends.probe import page

_LIMIT_S = 5.0
_MARK = "warmprefix-probe-reasoning"
_CALL = {
    "id": "probe0001",
    "type": "function",
    "function": {"name": "probe", "arguments": "{}"},
}
_TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "probe",
            "description": "Probe.",
            "parameters": {"type": "object", "properties": {}},
        },
    }
]
_LOOP = [
    {"role": "user", "content": "One."},
    {"role": "assistant", "content": "", "reasoning_content": _MARK, "tool_calls": [_CALL]},
    {"role": "tool", "tool_call_id": "probe0001", "name": "probe", "content": "Done."},
]
_HISTORY = [*_LOOP, {"role": "assistant", "content": "Two."}, {"role": "user", "content": "Three."}]
_PLAIN = [
    {"role": "user", "content": "One."},
    {"role": "assistant", "content": "Two.", "reasoning_content": _MARK},
    {"role": "user", "content": "Three."},
]


_SAID = "warmprefix-probe-instruction"
_FIRST = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "One."}]
_ANSWERED = [*_FIRST, {"role": "assistant", "content": "Two."}]
_LATER = [
    *_ANSWERED,
    {"role": "user", "content": "Three."},
    {"role": "system", "content": _SAID},
]

_CALLED = "warmprefix-probe-call"
_OPEN = [
    {"role": "user", "content": "One."},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {**_CALL, "function": {"name": "probe", "arguments": f'{{"mark": "{_CALLED}"}}'}}
        ],
    },
    {"role": "user", "content": "Two."},
]


class LaterSystem(Enum):
    """What a template does with instructions after the first ones."""

    SHOWN = "shown"
    DROPPED = "dropped"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class TemplateFacts:
    """Where reasoning of earlier messages is rendered; None if the backend did not say.

    `in_loop`: in the tool loop that still goes on. `in_history`: once a newer user message follows it.
    `later_system`: what becomes of instructions after the first ones. `open_calls`: whether a call is rendered
    that no result follows.
    """

    in_loop: bool | None
    in_history: bool | None
    later_system: LaterSystem | None = None
    open_calls: bool | None = None
    folds: bool = field(init=False, compare=False)
    """Whether instructions after the first ones must be said in a user message."""
    reasoning_pays: bool = field(init=False, compare=False)
    """Whether restoring dropped reasoning saves more than it costs.

    Only if a template keeps it for good. One that drops it as soon as a new user message arrives renders the
    loop again then: with reasoning in it, all of the loop is read again; without, nothing is (measured: 0.68 of
    the tokens for a client that never sends it).
    """

    def __post_init__(self) -> None:
        folds = self.later_system in (LaterSystem.REFUSED, LaterSystem.DROPPED)
        object.__setattr__(self, "folds", folds)
        object.__setattr__(self, "reasoning_pays", self.in_history is True)


UNKNOWN = TemplateFacts(None, None)


async def ask_template(client: Asker, url: str, model: str = "") -> TemplateFacts:
    """The facts of the template in use at `url`; UNKNOWN if it cannot be asked. `model`: for a router."""

    async def render(body: dict[str, object]) -> str | None:
        named = {**body, "model": model} if model else body
        return await rendered(client, url, orjson.dumps(named), model)

    async def keeps(body: dict[str, object]) -> bool | None:
        prompt = await render(body)
        return None if prompt is None else _MARK in prompt

    async def later_system() -> LaterSystem | None:
        if await render({"messages": [*_ANSWERED, _LATER[3]]}) is None:
            return None  # it takes no instructions at all, or cannot be asked
        prompt = await render({"messages": _LATER})
        if prompt is None:
            return LaterSystem.REFUSED
        return LaterSystem.SHOWN if _SAID in prompt else LaterSystem.DROPPED

    in_loop = await keeps({"messages": _LOOP, "tools": _TOOLS})
    in_history = await keeps({"messages": _HISTORY, "tools": _TOOLS})
    if in_history is None:  # a template without tools
        in_history = await keeps({"messages": _PLAIN})
    if in_loop is None and in_history is None:
        return UNKNOWN
    later = await later_system()
    called = await render({"messages": _OPEN, "tools": _TOOLS})
    return TemplateFacts(in_loop, in_history, later, called is not None and _CALLED in called)


async def rendered(client: Asker, url: str, body: bytes, model: str = "") -> str | None:
    """The prompt that the template makes of a chat body; None if it cannot be asked. `model`: for a router; the
    body must name it too."""
    try:
        response = await client.post(page(url, "/apply-template", model), body, _LIMIT_S)
        prompt = response.json().get("prompt") if response.status_code == 200 else None
    except (httpx.HTTPError, ValueError, AttributeError):
        return None
    return prompt if isinstance(prompt, str) else None
