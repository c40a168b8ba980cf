"""Whatever a client sends, the backend gets the same bytes or the same meaning, and nothing raises."""

import asyncio
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import chat_dialect
from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Backend, running_proxy
from tests.ledger_driver import PATH, Driver
from tests.security.hostile import CHAT, HANG_S, OK
from tests.strategies import JSON_TEXTS, JSON_VALUES, conversations, spaced, tool_lists
from warmprefix.backends import llamacpp
from warmprefix.config import CanonicalizeConfig
from warmprefix.pipeline.rulesets import RuleSets
from warmprefix.pipeline.stages import as_it_came

Json = dict[str, Any]
_MEMBERS = ("model", "messages", "tools", "stream", "n", "id_slot", "chat_template_kwargs", "x")
_ROLES = st.sampled_from(["system", "user", "assistant", "tool", "developer", "", "\ud800"])
_ODD_MESSAGES = st.lists(
    st.dictionaries(
        st.sampled_from(
            ["role", "content", "tool_calls", "name", "tool_call_id", "reasoning_content"]
        ),
        JSON_VALUES
        | _ROLES
        | st.lists(st.dictionaries(st.text(max_size=3), JSON_VALUES, max_size=2)),
    )
    | JSON_VALUES,
    max_size=4,
)
ODD_BODIES = st.fixed_dictionaries(
    {"messages": _ODD_MESSAGES},
    optional={name: JSON_VALUES for name in _MEMBERS if name != "messages"},
).map(lambda body: json.dumps(body).encode())
NORMAL_BODIES = st.builds(
    lambda messages, tools, more: {"messages": messages, "tools": tools, **more},
    conversations(),
    tool_lists(),
    st.dictionaries(st.sampled_from(["model", "seed", "stop", "x"]), JSON_VALUES, max_size=3),
)
SPACED_BODIES = NORMAL_BODIES.flatmap(spaced).map(lambda text: text.encode())
TEXT_BODIES = st.builds(
    lambda value, more: (
        f'{{"messages":[{{"role":"user","content":"a","x":{value}}}],"y":{more}}}'.encode()
    ),
    JSON_TEXTS,
    JSON_TEXTS,
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A body with bytes lost, doubled or replaced."""
    body = draw(SPACED_BODIES)
    start = draw(st.integers(0, len(body)))
    end = draw(st.integers(start, min(len(body), start + 20)))
    return body[:start] + draw(st.binary(max_size=4) | st.just(body[start:end] * 2)) + body[end:]


BODIES = st.one_of(SPACED_BODIES, ODD_BODIES, TEXT_BODIES, damaged(), st.binary(max_size=200))


def prompt_keys(body: bytes) -> tuple[bytes, ...]:
    """The identity of a body's messages once every rule has had its say."""
    rules = RuleSets(CanonicalizeConfig()).of("unknown")
    prompt = rules.canonicalizer.run(chat_dialect.parse(body).prompt).prompt
    return rules.identifier.chain_keys(prompt.messages, b"")


def around(body: bytes) -> Json:
    """All that is not the conversation, and all that is no tool or template option."""
    value: Json = json.loads(body)
    return {name: kept for name, kept in value.items() if name not in ("messages", "tools")}


def check(before: bytes, after: bytes) -> None:
    """The same bytes, or JSON of the same meaning."""
    if before == after:
        return
    assert json.dumps(around(before)) == json.dumps(around(after))
    assert prompt_keys(before) == prompt_keys(after)


@settings(max_examples=400)
@given(bodies=st.lists(BODIES, min_size=1, max_size=3))
def test_the_pipeline_forwards_the_same_bytes_or_the_same_meaning(bodies: list[bytes]) -> None:
    """Several on one proxy, so that the ledger has something to put back wrongly."""

    async def run() -> None:
        driver = Driver()
        for body in bodies:
            came = as_it_came(PATH, {}, body)
            outgoing = await driver.pipeline.prepare(came, llamacpp.KIND)
            check(body, outgoing.body)

    asyncio.run(run())


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(bodies=st.lists(BODIES, min_size=5, max_size=10))
def test_the_proxy_forwards_the_same_bytes_or_the_same_meaning(bodies: list[bytes]) -> None:
    """The same through sockets: every body is answered, one line each, in order."""

    async def run() -> None:
        async with (
            asyncio.timeout(HANG_S),
            Backend(otherwise=OK, gap_s=0) as backend,
            running_proxy(backend.url) as proxy,
        ):
            for body in bodies:
                answer = await exchange(proxy.url, "POST", CHAT, body)
                assert answer.status == 200
            assert len(await proxy.records()) == len(bodies)
        for body, request in zip(bodies, backend.requests, strict=True):
            check(body, request.body)

    asyncio.run(run())
