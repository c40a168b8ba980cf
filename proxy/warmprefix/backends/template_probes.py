"""What a chat template prints and what it changes later, learned by rendering small prompts.

Only `warmprefix doctor` asks this; template.py asks what the proxy itself needs. llama-server renders a body at
`/apply-template` without evaluating it (server-context.cpp:5416-5425).
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import orjson

from warmprefix.backends.answers import Json
from warmprefix.backends.client import Asker
from warmprefix.backends.template import rendered
from warmprefix.core.doctor.facts import Clock, Rewrite, TemplateFeatures
from warmprefix.core.explain.evidence import template_break

_REASONING = "warmprefix-probe-reasoning"
_TOOL = "warmprefix_probe_tool"
_IDS = ("probeAAA1", "probeBBB2")  # nine letters and digits, as the strictest templates require
_LONG_ID = "call_0123456789abcdef"
_FIRST_KEY, _SECOND_KEY = "zebra", "apple"

_FORMATS = ("%Y-%m-%d", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%m/%d/%Y", "%d/%m/%Y")
"""Dates as templates print them: those of llama.cpp's models/templates, and the usual others."""

_TIME = re.compile(r"\b[0-2]?\d:[0-5]\d\b")  # nothing in the probes looks like it


def _tools() -> list[Json]:
    parameters = {"type": "object", "properties": {_FIRST_KEY: {"type": "string"}}}
    function = {"name": _TOOL, "description": "Probe.", "parameters": parameters}
    return [{"type": "function", "function": function}]


def _loop(call_id: str, reasoning: str | None) -> list[Json]:
    """A user message, a call and its result: the next message is the assistant's."""
    arguments = f'{{"{_FIRST_KEY}": "1", "{_SECOND_KEY}": "2"}}'
    call = {
        "id": call_id,
        "type": "function",
        "function": {"name": "probe_call", "arguments": arguments},
    }
    calling: Json = {"role": "assistant", "content": "", "tool_calls": [call]}
    if reasoning is not None:
        calling["reasoning_content"] = reasoning
    return [
        {"role": "user", "content": "One."},
        calling,
        {"role": "tool", "tool_call_id": call_id, "content": "Done."},
    ]


_LATER: list[Json] = [
    {"role": "assistant", "content": "Two."},
    {"role": "user", "content": "Three."},
]


class _Renderer:
    """Renders bodies at one llama-server."""

    def __init__(self, client: Asker, url: str) -> None:
        self._client = client
        self._url = url

    async def __call__(self, messages: Sequence[Json], *, tools: bool = True) -> str | None:
        body = {"messages": messages, **({"tools": _tools()} if tools else {})}
        return await rendered(self._client, self._url, orjson.dumps(body))


async def ask_features(client: Asker, url: str, today: date) -> TemplateFeatures:
    """The features of the template in use at `url`; None for those that it does not render."""
    render = _Renderer(client, url)
    loop = await render(_loop(_IDS[0], _REASONING))
    history = await render([*_loop(_IDS[0], _REASONING), *_LATER])
    plain = await render([{"role": "user", "content": "One."}], tools=False)
    features = TemplateFeatures(
        reasoning_in_loop=_shows(loop, _REASONING),
        reasoning_in_history=_shows(history, _REASONING),
        rewrites=await _rewrites(render, loop, history),
        tools=_shows(loop, _TOOL),
        calls=_shows(loop, "probe_call"),
        call_ids=await _shows_ids(render, loop),
        nine_character_ids=await _wants_nine(render, loop),
        key_order=_key_order(loop),
        clock=clock_in((plain, loop), today),
    )
    return features if history is not None else await _without_tools(render, features)


async def _without_tools(render: _Renderer, features: TemplateFeatures) -> TemplateFeatures:
    """The features of a template that renders no tool loop."""
    messages: list[Json] = [
        {"role": "user", "content": "One."},
        {"role": "assistant", "content": "Two.", "reasoning_content": _REASONING},
        {"role": "user", "content": "Three."},
    ]
    history = await render(messages, tools=False)
    return replace(features, reasoning_in_history=_shows(history, _REASONING))


def _shows(text: str | None, what: str) -> bool | None:
    return None if text is None else what in text


async def _rewrites(render: _Renderer, loop: str | None, history: str | None) -> Rewrite | None:
    """What is rendered differently once a newer user message follows the loop."""
    if loop is None or history is None:
        return None
    if template_break(loop, history, (_REASONING,)) is None:
        return "none"
    before = await render(_loop(_IDS[0], None))
    after = await render([*_loop(_IDS[0], None), *_LATER])
    if before is None or after is None or template_break(before, after, ()) is not None:
        return "more"
    return "reasoning"


async def _shows_ids(render: _Renderer, loop: str | None) -> bool | None:
    other = await render(_loop(_IDS[1], _REASONING))
    return None if loop is None or other is None else loop != other


async def _wants_nine(render: _Renderer, loop: str | None) -> bool | None:
    """True if an id of another length is refused, while one of nine was not."""
    return None if loop is None else await render(_loop(_LONG_ID, _REASONING)) is None


def _key_order(loop: str | None) -> bool | None:
    if loop is None:
        return None
    call = loop[loop.find("probe_call") :] if "probe_call" in loop else ""
    first, second = call.find(_FIRST_KEY), call.find(_SECOND_KEY)
    return -1 < first < second


def clock_in(texts: Sequence[str | None], today: date) -> Clock | None:
    """Whether a rendering holds the time of day, or the date; None if nothing was rendered.

    Yesterday and tomorrow count too: the backend may be in another time zone.
    """
    text = "\n".join(text for text in texts if text is not None)
    if not text:
        return None
    if _TIME.search(text):
        return "time"
    days = [today + timedelta(days=shift) for shift in (-1, 0, 1)]
    dates = {day.strftime(form) for day in days for form in _FORMATS}
    dates |= {written.lstrip("0") for written in dates}
    return "date" if any(written in text for written in dates) else "none"
