"""The rows of by_design.py, each with a request that shows it; and rules that change nothing of the prompt."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import pytest

from tests.conformance.by_design import BY_DESIGN
from tests.conformance.cases import CHAT, Case, Opened, check, name_of
from tests.conformance.conftest import Servers
from tests.conformance.prompts import CALL, GREEDY, MESSAGES, TOOL
from tests.conformance.test_messages import CASES as OF_MESSAGES
from tests.conformance.test_messages import MORE as MORE_OF_MESSAGES
from tests.fakes.llama import LlamaServer
from tests.fakes.running_proxy import Json, RunningProxy, running_proxy
from warmprefix.config import Config, NamedBackend

pytestmark = pytest.mark.backend

USER = MESSAGES[1]
BROKEN = {"error.code": 500, "error.message": str}


def chat(id: str, fields: Json, differs: str | None = None) -> Case:
    """A chat of one user message, unless it brings its own, with the rendered prompt in the answer."""
    body = {"messages": [USER], **GREEDY, "verbose": True, **fields}
    return Case(id, CHAT, body, 200, {"__verbose.prompt": str}, differs=differs)


@asynccontextmanager
async def twice(url: str) -> AsyncIterator[RunningProxy]:
    """A proxy that has the same server as two backends."""
    names = ("a", "b")
    backends = tuple(NamedBackend(name=name, url=url, kind="llamacpp") for name in names)
    proxy = RunningProxy(replace(Config(), backends=backends))
    try:
        yield proxy
    finally:
        await proxy.stop()


NULLS = [
    Case(f"null-{name}", CHAT, {"messages": [{**USER, name: None}], **GREEDY}, 500, BROKEN,
        differs="null of a text")
    for name in ("name", "tool_call_id", "reasoning_content")
]  # fmt: skip
KEYED: Opened = partial(running_proxy, server={"api_key": "k"})
LIMITED: Opened = partial(running_proxy, server={"max_body_bytes": 20})
OWN: list[tuple[Case, Opened]] = [
    *((case, running_proxy) for case in NULLS),
    (Case("own-page", "/warmprefix/health", None, 404, {"error.code": 404}, "GET", differs="own pages"),
        running_proxy),
    (Case("own-key", "/props", None, 200, {"total_slots": 1}, "GET", differs="own key"), KEYED),
    (Case("own-key-preflight", "/props", None, 200, {"text": ""}, "OPTIONS"), KEYED),
    (Case("own-limit", CHAT, {"messages": [USER], **GREEDY}, 200, {"choices.#": 1}, differs="own limit"),
        LIMITED),
    (Case("own-limit-elsewhere", "/tokenize", {"content": "a" * 40}, 200, {"tokens.#": 40}), LIMITED),
    (Case("models-of-two", "/v1/models", None, 200, {"data.#": 1}, "GET", differs="several backends"),
        twice),
    (Case("props-of-two", "/props", None, 200, {"total_slots": 1}, "GET"), twice),
    (Case("chat-of-two", CHAT, {"messages": [USER], **GREEDY}, 200, {"choices.#": 1}), twice),
    (chat("edge-white-space", {"messages": [
        {"role": "system", "content": "Be brief. \n"}, USER]}, "neutral rule"), running_proxy),
]  # fmt: skip


@pytest.mark.parametrize(("case", "opened"), OWN, ids=[case.id for case, _ in OWN])
async def test_what_the_proxy_does_otherwise(case: Case, opened: Opened, one: LlamaServer) -> None:
    await check(case, one, opened)


CHOSEN = [
    chat("left-slot", {}),
    replace(
        chat("left-slot-streamed", {"stream": True}),
        expect={"-2.__verbose.id_slot": int, "-1": "[DONE]"},
    ),
    chat("named-slot", {"id_slot": 0}),
]


@pytest.mark.parametrize("case", CHOSEN, ids=name_of)
async def test_the_slot_that_is_chosen(case: Case, servers: Servers) -> None:
    (record,) = await check(case, servers("two"))

    assert record["slot"] is None


def test_every_row_is_shown() -> None:
    asked = (*(case for case, _ in OWN), *CHOSEN, *OF_MESSAGES, *MORE_OF_MESSAGES)
    shown = {case.differs for case in asked}
    assert shown - {None} == {*BY_DESIGN}


def called(**fields: object) -> list[Json]:
    """A turn with a call and its result."""
    reply = {"role": "assistant", "content": "", "tool_calls": [CALL], **fields}
    return [USER, reply, {"role": "tool", "content": "3", "tool_call_id": "c1"}]


def spoken(**fields: object) -> list[Json]:
    """A turn that is not the last."""
    return [USER, {"role": "assistant", "content": "A wall.", **fields}, USER]


BY_VALUE = {**CALL, "function": {"name": "look", "arguments": {"b": 1, "a": 2.50}}}
MARKED = {**TOOL, "cache_control": {"type": "ephemeral"}}
RULES = [
    ("unknown-fields", chat("unknown", {"messages": spoken(finish_reason="stop", timestamp=1.50)})),
    ("empty-tool-calls", chat("no-calls", {"messages": spoken(tool_calls=[])})),
    ("empty-content", chat("null-content", {"messages": called(content=None)})),
    ("text-parts", chat("parts", {"messages": [
        {"role": "user", "content": [{"type": "text", "text": "What?"}]}]})),
    ("blank-reasoning", chat("blank-reasoning", {"messages": spoken(reasoning_content=" ")})),
    ("arguments-text", chat("arguments", {"messages": called(tool_calls=[BY_VALUE])})),
    ("tool-marks", chat("marked-tool", {"tools": [MARKED]})),
    ("empty-tools", chat("no-tools", {"tools": []})),
    ("key-order", chat("content-first", {"messages": [{"content": "What?", "role": "user"}]})),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "case"), RULES, ids=[rule for rule, _ in RULES])
async def test_a_rule_that_says_the_same(rule: str, case: Case, one: LlamaServer) -> None:
    """The prompt that the server renders is among what is compared."""
    (record,) = await check(case, one)

    assert rule in record["rules"]
