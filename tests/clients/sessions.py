"""One session of a client, played against the scripted endpoints: directly, or through the proxy."""

import atexit
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.clients.agents import Home, new_home
from tests.clients.conversations import (
    Cost,
    conversations,
    costs_alone,
    figures,
    new,
    processed,
    warm_costs,
)
from tests.clients.endpoint_replies import Reply
from tests.clients.scripted_endpoints import (
    DEBUG,
    Asked,
    Say,
    ScriptedEndpoints,
    Turn,
    scripted,
)
from tests.clients.serving import warmprefix
from tests.fakes.llama import template
from tests.fakes.long_gguf import write_long_model
from tests.servers.stock import StockServer

Script = Callable[[Home], Mapping[str, tuple[Reply, ...]]]
Act = Callable[[Home, str], list[str]]
"""Runs the client's processes with the address of the endpoint, and returns what each has printed."""

FREEZE = {"WARMPREFIX_CANONICALIZE__ENABLE": '["claude-code:freeze-volatile"]'}
CONTEXT = 65536
OTHERWISE = Reply("Fine.")


@dataclass(frozen=True)
class Played:
    """What came out of a session."""

    turns: list[Turn]
    refused: list[tuple[Asked, int, bytes]]
    printed: list[str]
    records: list[dict[str, Any]]
    """Lines of the proxy's log; none if there was no proxy."""
    tokens: dict[str, list[int]]
    """Of each text that the server has held."""

    def warm(self) -> dict[str, list[Cost]]:
        """The costs of each conversation behind its first request, by a name that is the same in every run."""
        found = conversations(self.turns)
        # a title runs beside the first turn: either may come first
        ordered = sorted(found, key=lambda key: "title" in key.kind)
        return {
            f"{key.kind} {number}": warm_costs(found[key], self.tokens.__getitem__)
            for number, key in enumerate(ordered)
        }

    def alone(self) -> list[Cost]:
        """The costs of every request, if nothing says to which conversation it belongs."""
        return costs_alone(self.turns, self.tokens.__getitem__)

    def all_warm(self) -> list[Cost]:
        """The same in one list."""
        return [cost for costs in self.warm().values() for cost in costs]

    def figures(self, name: str) -> str:
        """What the server counted; pytest shows it if a claim fails."""
        warm = self.all_warm()
        asked = sum(turn.counts.prompt for turn in self.turns)
        read = sum(turn.processed_tokens for turn in self.turns)
        head = (
            f"{name}: {len(self.turns)} requests, {asked} tokens, {read} processed; "
            f"behind the first requests {processed(warm)} processed, {new(warm)} new"
        )
        changes = [cost.leaves for cost in warm if cost.leaves]
        return "\n".join([head, *figures(self.turns), *changes])


@cache
def model_file() -> Path:
    """The model, written once a process."""
    folder = Path(tempfile.mkdtemp(prefix="clients-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return write_long_model(folder / "long.gguf")


def play(
    folder: Path,
    act: Act,
    script: Script,
    *,
    proxy: Mapping[str, str] | None = None,
    chat_template: str = "chatml_tools",
    context: int = CONTEXT,
    say: Say | None = None,
) -> Played:
    """Play a session in `folder`. `proxy`: its settings; None for a session without it. `say`: what the model
    says, in place of the script."""
    home = new_home(folder)
    llama = StockServer(
        model_file(),
        chat_template=template(chat_template),
        context=context,
        environment=DEBUG,
    ).start()
    log = folder / "turns.jsonl"
    try:
        with ScriptedEndpoints(llama, say or scripted(script(home), OTHERWISE)) as backend:
            served = (
                nullcontext(backend.url)
                if proxy is None
                else warmprefix(backend.url, folder / "ledger.db", log=log, settings=proxy)
            )
            with served as url:
                printed = act(home, url)
            texts = {turn.prompt for turn in backend.turns}
            texts |= {turn.prompt + turn.reply_text for turn in backend.turns}
            tokens = {text: backend.tokens(text) for text in texts}
    finally:
        llama.close()
    records = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    return Played(backend.turns, backend.refused, printed, records, tokens)
