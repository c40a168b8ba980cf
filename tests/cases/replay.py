"""Replays a case: directly or through the proxy, in front of a stock server.

A case is `{source, shape, opts, steps}`. `opts`: `slots`, `cache_ram` in MiB (absent: none), `kvu`: unified KV,
`template` (absent: ChatML with tools). Each step has the `body` that the client sends and the `reply` it gets;
`tag` "nocount" marks a request that is beside the conversation. The reply is scripted and the KV cache is real
(bench/sessions/scripted_model.py): the slot is the server's choice, or the proxy's.
"""

import json
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bench.never_worse.rig import proxy
from bench.sessions.families import Family
from bench.sessions.scripted_model import ScriptedModel
from bench.sessions.wire import accepted, post
from tests.fakes.llama import model_file, template
from tests.servers.stock import StockServer

FOLDER = Path(__file__).parent

Json = dict[str, Any]
_LIMIT_S, _TICK_S = 60.0, 0.01
_STARTED = "OPENAI_BASE_URL="
"""The last thing that a proxy says when it starts. It has asked its backend by then."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Tokens that the server evaluated for each step's prompt. `own`: for those of the conversations alone;
    `prompts`: as they were rendered, with their size in tokens; `log`: the proxy's lines."""

    tokens: tuple[int, ...]
    own: int
    prompts: tuple[tuple[str, int], ...] = ()
    log: tuple[Json, ...] = ()

    @property
    def all(self) -> int:
        """For all requests."""
        return sum(self.tokens)


def names() -> list[str]:
    """All cases: of slots, in this folder, and of what clients change, in hints/; not those in refused/, which
    the server refuses without us."""
    return sorted(file.stem for file in (*FOLDER.glob("*.json"), *FOLDER.glob("hints/*.json")))


def load(name: str) -> Json:
    """The case of that name."""
    (file,) = FOLDER.rglob(f"{name}.json")
    case: Json = json.loads(file.read_text())
    return case


@cache
def played(name: str, *, through: bool) -> Evaluated:
    """A case with default settings, replayed once for all tests that look at it."""
    with tempfile.TemporaryDirectory(prefix="warmprefix-case-") as folder:
        return replay(load(name), Path(folder), through=through)


def replay(
    case: Json,
    folder: Path,
    *,
    through: bool,
    enable: Sequence[str] = (),
    more_flags: Sequence[str] = (),
    restarts: bool = False,
) -> Evaluated:
    """What the server evaluates for it on a fresh server, with a proxy that knows nothing if `through`.

    The proxy takes its settings from a warmprefix.toml in `folder`. `enable`: rules that are on besides.
    `more_flags`: of the server. `restarts`: the proxy is started anew for each step, with the same ledger.
    """
    family = Family("case", template(case["opts"].get("template", "chatml_tools")), reasoning=True)
    server = StockServer(
        model_file("tiny", folder),
        *flags(case["opts"]),
        *more_flags,
        chat_template=family.template,
    )
    server.start()
    try:
        model = ScriptedModel(server.url, family.generated)
        try:
            steps = list(enumerate(case["steps"]))
            for run in [[step] for step in steps] if restarts else [steps]:
                with _way(model.url, folder, enable, through=through) as url:
                    _play(run, model, url)
                    if through:
                        _wait_for(run[-1][0] + 1, "{", folder / "stdout")
            tokens = tuple(count.processed_tokens for count in model.counts)
            prompts = tuple((c.prompt, c.cached_tokens + c.processed_tokens) for c in model.counts)
        finally:
            model.close()
    finally:
        server.close()
    costs = zip(case["steps"], tokens, strict=True)
    own = sum(n for step, n in costs if step.get("tag") != "nocount")
    return Evaluated(tokens, own, prompts, read_log(folder) if through else ())


def _play(steps: Iterable[tuple[int, Json]], model: ScriptedModel, url: str) -> None:
    for number, step in steps:
        model.expect(str(number), said(step["reply"], number))
        accepted(post(f"{url}/v1/chat/completions", step["body"], step.get("headers")))
        time.sleep(step.get("pause") or 0)


def read_log(folder: Path) -> tuple[Json, ...]:
    """The lines that a proxy wrote for its turns."""
    lines = (folder / "stdout").read_text().splitlines()
    return tuple(json.loads(line) for line in lines if line.startswith("{"))


def flags(opts: Json) -> list[str]:
    """The server's flags for a case's options."""
    unified = ["-kvu"] if opts.get("kvu") else []
    ram = ["--cache-ram", str(opts.get("cache_ram", 0))]
    return ["-np", str(opts.get("slots", 1)), *ram, *unified]


@contextmanager
def _way(backend: str, folder: Path, enable: Sequence[str], *, through: bool) -> Iterator[str]:
    if not through:
        yield backend
        return
    more = {"WARMPREFIX_CANONICALIZE__ENABLE": json.dumps(list(enable))} if enable else {}
    said = folder / "stderr"
    before = _lines(_STARTED, said) if said.exists() else 0
    with proxy(backend, folder, saves=False, more=more) as url:
        _wait_for(before + 1, _STARTED, said)
        yield url


def _wait_for(number: int, text: str, file: Path) -> None:
    """Return once so many lines have the text: the proxy has started, or a turn is explained and logged."""
    until = time.monotonic() + _LIMIT_S
    while _lines(text, file) < number:
        assert time.monotonic() < until, file.read_text()
        time.sleep(_TICK_S)


def _lines(text: str, file: Path) -> int:
    *whole, _ = file.read_text().split("\n")
    return sum(text in line for line in whole)


def said(reply: Json, number: int) -> Json:
    """The message of a step's reply."""
    message = {"role": "assistant", "content": reply.get("content")}
    if reply.get("reasoning"):
        message["reasoning_content"] = reply["reasoning"]
    if reply.get("calls"):
        message["tool_calls"] = [
            {
                "id": f"call_{number}_{at}",
                "type": "function",
                "function": {"name": name, "arguments": arguments},
            }
            for at, (name, arguments) in enumerate(reply["calls"])
        ]
    return message
