"""A fault in what is done for a large request in a thread: as in test_faults.py.

`HANDED` has a row for everything that is handed to the thread. A test reads the source: it fails if one is
missing.
"""

import threading
from collections.abc import Callable
from functools import partial
from pkgutil import resolve_name
from typing import Any, NamedTuple

import pytest

from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import running_proxy
from tests.fakes.scripted_replies import chat_reply, dump, json_response
from tests.fakes.several import Healthy
from tests.server.walls import calls_of
from warmprefix import aside

CHAT, TEXT = "/v1/chat/completions", "/completion"
FIRST = [
    {"role": "system", "content": "It is 10:15:02 now."},
    {"role": "user", "content": "Hello."},
]
REPLY = {"role": "assistant", "content": "hi"}
SECOND = [*FIRST, REPLY, {"role": "user", "content": "And?"}]
TICKED = [{"role": "system", "content": "It is 10:16:45 now."}, *SECOND[1:]]
PIPELINE = "warmprefix.pipeline"


class Injected(Exception):
    """The fault."""


class Handed(NamedTuple):
    """`place`: what is replaced; `reason`: under which its failure is counted; `messages`: of the second turn;
    `path`: of the endpoint; `calls`: as many of them go well in the thread, being in another row."""

    place: str
    reason: str = "prepare"
    messages: list[dict[str, str]] = SECOND
    path: str = CHAT
    calls: int = 0


HANDED = {
    "_parse": Handed(f"{PIPELINE}.prepare.Pipeline._parse"),
    "rules.canonical": Handed(f"{PIPELINE}.rulesets.RuleSet.canonical"),
    "ancestry": Handed(f"{PIPELINE}.placing.ancestry"),
    "_compared": Handed(f"{PIPELINE}.placing._compared", messages=TICKED),
    "rules.identifier.identity_of": Handed(
        "warmprefix.core.identity.keys.Identifier.identity_of", messages=TICKED, calls=1
    ),
    "_restored": Handed(f"{PIPELINE}.prepare.Pipeline._restored"),
    "_made": Handed(f"{PIPELINE}.prepare.Pipeline._made"),
    "_reaches.texts": Handed("warmprefix.core.explain.saving.Reaches.texts", "record"),
    "with_path": Handed(f"{PIPELINE}.prepare.with_path", "record"),
    "_looked_up": Handed(f"{PIPELINE}.plain._looked_up", path=TEXT),
    "known": Handed(f"{PIPELINE}.plain.known", path=TEXT),
}
"""By the name in the source."""


def fails_aside(original: Callable[..., Any], calls: int) -> Callable[..., Any]:
    """What fails only in the thread, behind so many calls there."""
    left = iter(range(calls))

    def called(*args: Any, **named: Any) -> Any:
        is_aside = threading.current_thread().name.startswith("aside")
        if is_aside and next(left, None) is None:
            raise Injected
        return original(*args, **named)

    return called


@pytest.mark.parametrize("handed", HANDED.values(), ids=HANDED)
async def test_a_fault_in_the_thread_reaches_nobody(
    handed: Handed, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The second of three turns; all are as good as large."""
    monkeypatch.setattr("warmprefix.server.app.Aside", partial(aside.Aside, 0))
    said = (
        dump(chat_reply("hi", 9, 0))
        if handed.path == CHAT
        else dump({"content": "hi", "stop": True})
    )
    bodies = [{"messages": sent, "prompt": "Ann:"} for sent in (FIRST, handed.messages, FIRST)]
    rules = {"enable": ["freeze-volatile"]}
    async with (
        Healthy(*[json_response(said)] * 3) as backend,
        running_proxy(backend.url, canonicalize=rules) as proxy,
    ):
        await exchange(proxy.url, "POST", handed.path, bodies[0])
        with monkeypatch.context() as patch:
            patch.setattr(handed.place, fails_aside(resolve_name(handed.place), handed.calls))
            answer = await exchange(proxy.url, "POST", handed.path, bodies[1])
        await exchange(proxy.url, "POST", handed.path, bodies[2])
        records = await proxy.records()

    assert (answer.status, answer.body, answer.complete) == (200, said, True)
    assert [record["failed_open"] for record in records] == [None, [handed.reason], None]
    assert "tests/server/test_aside_faults.py" in caplog.text


def test_everything_that_is_handed_to_the_thread_has_a_row() -> None:
    modules = ("pipeline/placing", "pipeline/plain", "pipeline/prepare")
    handed = {name for module in modules for name in calls_of(module).handed}

    assert handed == HANDED.keys()
