"""One case: requests that are made of llama-server directly and through the proxy, and what it should say."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from tests.conformance.by_design import BY_DESIGN
from tests.conformance.comparing import Difference, differences, media_type
from tests.fakes.raw_client import Answer, raw_client, request_bytes
from tests.fakes.running_proxy import Json, RunningProxy, running_proxy
from warmprefix.dialects import DIALECTS

CHAT = "/v1/chat/completions"
Expected = Mapping[str, object]


@dataclass(frozen=True)
class Ask:
    """One request."""

    path: str
    body: object = None
    method: str = "POST"
    headers: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Case:
    """A request with its one answer. `before` are requests made first, by the same way.

    `expect` is what llama-server says, by path: `usage.prompt_tokens` in JSON, `-1.choices.0.finish_reason`
    in a stream (an event by its number), `header.content-type`, `#` for a length, `text` for the whole body.
    A value, a type, a pattern that is searched, or a function that is true. `differs` names a row of
    by_design.py.
    """

    id: str
    path: str
    body: object = None
    status: int = 200
    expect: Expected = field(default_factory=dict)
    method: str = "POST"
    headers: Sequence[tuple[str, str]] = ()
    before: Sequence[Ask] = ()
    differs: str | None = None

    @property
    def asks(self) -> list[Ask]:
        """All requests in order."""
        return [*self.before, Ask(self.path, self.body, self.method, self.headers)]


def get(id: str, path: str, status: int = 200, /, **expect: object) -> Case:
    """A GET; expectations without a dot in their path can be written as names."""
    return Case(id, path, None, status, expect, "GET")


def name_of(case: Case) -> str:
    """The id of a row, for pytest."""
    return case.id


async def ask(url: str, ask: Ask) -> Answer:
    """One request on a connection of its own. An answer to HEAD ends with its headers."""
    async with raw_client(url) as client:
        await client.send(request_bytes(ask.method, ask.path, ask.body, ask.headers))
        if ask.method != "HEAD":
            return await client.answer()
        answer = await client.head()
        answer.complete = True
        return answer


Opened = Callable[[str], AbstractAsyncContextManager[RunningProxy]]


class Asked(Protocol):
    """A llama-server, as far as a case needs it."""

    @property
    def url(self) -> str:
        """Where it answers."""

    @property
    def options(self) -> Mapping[str, object]:
        """Its settings, as llama.cpp calls them."""

    def restart(self) -> None:
        """Start anew, with an empty cache."""

    def post(self, path: str, body: object) -> object:
        """Ask it something."""


async def check(case: Case, llama: Asked, opened: Opened = running_proxy) -> list[Json]:
    """Ask both ways, from the same state of the server, and compare; the proxy's log of it."""
    forget(llama)
    direct = [await ask(llama.url, one) for one in case.asks]
    forget(llama)
    async with opened(llama.url) as proxy:
        if llama.options["n_parallel"] != 1:
            # as `serve` does at its start: how many slots there are
            await proxy.app.known.ask_template()
        through = [await ask(proxy.url, one) for one in case.asks]
        records = await proxy.records()

    assert [answer.status for answer in direct[:-1]] == [200] * len(case.before)
    fulfil(case, direct[-1])
    found = [
        difference
        for one, other in zip(direct, through, strict=True)
        for difference in differences(one, other)
    ]
    judge(case, found)
    if case.differs is None:
        pairs = [pair for pair in zip(case.asks, through, strict=True) if is_intercepted(pair[0])]
        told = [outcome(answer) for _, answer in pairs]
        assert [record["outcome"] for record in records] == told
        read = [record["prompt_tokens"] is not None for record in records]
        assert read == [is_counted(*pair) for pair in pairs]
    return records


def judge(case: Case, found: Sequence[Difference]) -> None:
    """Nothing differs, or all of what its row in by_design.py names, and nothing else."""
    text = "\n".join(map(str, found))
    if case.differs is None:
        assert not found, text
        return
    wanted = BY_DESIGN[case.differs].differs
    paths = [difference.path for difference in found]
    assert all(any(re.fullmatch(row, path) for row in wanted) for path in paths), text
    assert all(any(re.fullmatch(row, path) for path in paths) for row in wanted), text


def is_counted(one: Ask, answer: Answer) -> bool:
    """Whether an answer has counts: if it went well and was not asked for other members alone; or if it has
    them in front."""
    leaves_out = isinstance(one.body, dict) and bool(one.body.get("response_fields"))
    is_whole = outcome(answer) == "ok" and not leaves_out
    return is_whole or b'"message_start"' in answer.body


def is_intercepted(one: Ask) -> bool:
    """Whether the proxy reads the request, and writes a line about it."""
    codings = [value for name, value in one.headers if name == "Content-Encoding"]
    path = one.path.partition("?")[0]
    is_ours = any(path in dialect.paths for dialect in DIALECTS)
    return one.method == "POST" and is_ours and codings in ([], ["identity"])


def outcome(answer: Answer) -> str:
    """What the proxy should log of an answer."""
    is_error = any(error in answer.body for error in (b'data: {"error":', b"event: error\n"))
    return "backend_error" if answer.status != 200 or is_error else "ok"


def forget(llama: Asked) -> None:
    """Bring the server into the state in which every case begins.

    One slot is erased. With several, the one used longest ago is chosen next, so the server starts anew.
    """
    if llama.options["n_parallel"] != 1:
        llama.restart()
    elif "slot_save_path" in llama.options:
        llama.post("/slots/0?action=erase", {})


def fulfil(case: Case, answer: Answer) -> None:
    """The answer is the one that the case expects."""
    assert answer.status == case.status, answer.body
    assert answer.complete
    root = content(answer)
    for path, expected in case.expect.items():
        value = at(path, root, answer)
        assert fits(value, expected), f"{path}: {value!r} is not {expected!r} in {answer.body!r}"


def content(answer: Answer) -> Any:
    """The body as expectations see it: JSON, or the data of each event."""
    kind = media_type(answer)
    if kind == "application/json" and answer.body:
        return answer.json()
    if kind != "text/event-stream":
        return answer.body.decode()
    assert answer.body.endswith(b"\n\n")
    found = []
    for event in answer.body.decode().removesuffix("\n\n").split("\n\n"):
        data = event[event.index("data: ") + len("data: ") :]
        found.append(json.loads(data) if data.startswith("{") else data)
    return found


def at(path: str, root: Any, answer: Answer) -> Any:
    """The value at a path. A missing member or header is None."""
    first, _, rest = path.partition(".")
    if first == "header":
        return answer.header(rest)
    if path == "text":
        return answer.body.decode()
    value = root
    for step in path.split("."):
        if step == "#":
            value = len(value)
        elif isinstance(value, dict):
            value = value.get(step)
        else:
            value = value[int(step)]
    return value


def fits(value: object, expected: object) -> bool:
    """Whether a value is what was expected: equal, of a type, found by a pattern, or accepted."""
    if isinstance(expected, type):
        return isinstance(value, expected)
    if isinstance(expected, re.Pattern):
        return isinstance(value, str) and expected.search(value) is not None
    if isinstance(expected, Callable):  # type: ignore[arg-type]
        return bool(expected(value))  # type: ignore[operator]
    return type(value) is type(expected) and value == expected
