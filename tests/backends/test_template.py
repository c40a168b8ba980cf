"""What a chat template does with reasoning is told by what it renders."""

from typing import Any

import pytest

from tests.fakes.pages import serving, status
from tests.fakes.scripted import ScriptedBackend, Step
from tests.fakes.scripted_http import Request
from tests.fakes.scripted_replies import json_response
from warmprefix.backends.client import Asker
from warmprefix.backends.template import UNKNOWN, LaterSystem, TemplateFacts, ask_template, rendered


class Template(ScriptedBackend):
    """Renders messages. `keeps`: the reasoning of all, of those behind the last question, or none;
    `takes_tools`: otherwise it answers 500 to a body with tools. `later`: what it does with instructions behind
    the first ones; "none": it takes no instructions at all. `shows_calls`: otherwise it leaves them out;
    `wants_results`: it refuses a call that no result follows."""

    def __init__(
        self,
        keeps: str,
        *,
        takes_tools: bool = True,
        later: str = "shown",
        shows_calls: bool = True,
        wants_results: bool = False,
    ) -> None:
        super().__init__(otherwise=self._script)
        self._keeps = keeps
        self._takes_tools = takes_tools
        self._later = later
        self._shows_calls = shows_calls
        self._wants_results = wants_results

    def _script(self, request: Request) -> list[Step]:
        body = request.json()
        if "tools" in body and not self._takes_tools:
            return json_response({"error": "no tools"}, 500)
        messages = body["messages"]
        is_open = any("tool_calls" in m for m in messages) and messages[-2]["role"] == "assistant"
        if self._wants_results and is_open and messages[-1]["role"] == "user":
            return json_response({"error": "roles must alternate"}, 500)
        said = [at for at, message in enumerate(messages) if message["role"] == "system"]
        if (self._later == "none" and said) or (self._later == "refused" and any(said)):
            return json_response({"error": "System message must be at the beginning."}, 400)
        if self._later == "dropped":
            messages = [m for at, m in enumerate(messages) if at not in said[1:]]
        return json_response({"prompt": "".join(self._texts(messages))})

    def _texts(self, messages: list[dict[str, Any]]) -> list[str]:
        last = max(at for at, m in enumerate(messages) if m["role"] == "user")
        shown = {"all": -1, "behind": last, "none": len(messages)}[self._keeps]
        return [
            (m.get("reasoning_content") or "" if at > shown else "")
            + str(m["content"])
            + (str(m.get("tool_calls", "")) if self._shows_calls else "")
            for at, m in enumerate(messages)
        ]


ROWS: list[tuple[str, Template, TemplateFacts, bool]] = [
    ("for-good", Template("all"), TemplateFacts(True, True, LaterSystem.SHOWN, True), True),
    ("in-the-loop", Template("behind"), TemplateFacts(True, False, LaterSystem.SHOWN, True), False),
    ("never", Template("none"), TemplateFacts(False, False, LaterSystem.SHOWN, True), False),
    (
        "no-tools",
        Template("all", takes_tools=False),
        TemplateFacts(None, True, LaterSystem.SHOWN, False),
        True,
    ),
    (
        "no-tools-never",
        Template("none", takes_tools=False),
        TemplateFacts(None, False, LaterSystem.SHOWN, False),
        False,
    ),
]


@pytest.mark.parametrize(
    ("template", "facts", "pays"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
async def test_a_template_is_known_by_what_it_renders(
    template: Template, facts: TemplateFacts, pays: bool
) -> None:
    async with template as backend, Asker() as client:
        found = await ask_template(client, backend.url)

    assert found == facts
    assert found.reasoning_pays is pays


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        (Template("all"), True),
        (Template("all", shows_calls=False), False),
        (Template("all", wants_results=True), False),
    ],
    ids=["shown", "left out", "refused"],
)
async def test_what_becomes_of_a_call_without_a_result_is_seen(
    template: Template, shown: bool
) -> None:
    async with template as backend, Asker() as client:
        facts = await ask_template(client, backend.url)

    assert facts.open_calls is shown


async def test_one_that_cannot_be_asked_is_unknown() -> None:
    async with Asker() as client:
        assert await ask_template(client, "http://127.0.0.1:1") == UNKNOWN
        assert await rendered(client, "http://127.0.0.1:1", b"{}") is None
    assert not UNKNOWN.reasoning_pays


async def test_a_router_is_told_whose_template_is_meant() -> None:
    async with Template("all") as backend, Asker() as client:
        await ask_template(client, backend.url, "m")

    targets = {request.target for request in backend.requests}
    assert targets == {"/apply-template?model=m&autoload=false"}
    assert {request.json()["model"] for request in backend.requests} == {"m"}


async def test_a_prompt_is_rendered_from_the_body_as_it_is() -> None:
    async with serving({"/apply-template": {"prompt": "<a>"}}) as backend, Asker() as client:
        assert await rendered(client, backend.url, b'{"messages": [1.50]}') == "<a>"

    assert backend.requests[0].body == b'{"messages": [1.50]}'


@pytest.mark.parametrize("answer", [status(400), [1], {"prompt": 1}, json_response(b"<html>")])
async def test_what_is_no_prompt_is_none(answer: Any) -> None:
    async with serving({"/apply-template": answer}) as backend, Asker() as client:
        assert await rendered(client, backend.url, b"{}") is None


LATER = [
    ("shown", LaterSystem.SHOWN, False),
    ("dropped", LaterSystem.DROPPED, True),
    ("refused", LaterSystem.REFUSED, True),
    ("none", None, False),
]


@pytest.mark.parametrize(("does", "found", "folds"), LATER, ids=[row[0] for row in LATER])
async def test_what_becomes_of_instructions_behind_the_first_ones_is_seen(
    does: str, found: LaterSystem | None, folds: bool
) -> None:
    async with Template("all", later=does) as backend, Asker() as client:
        facts = await ask_template(client, backend.url)

    assert (facts.later_system, facts.folds) == (found, folds)
