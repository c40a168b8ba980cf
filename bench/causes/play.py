"""Plays plans one after the other, through one proxy in front of one stock server."""

import json
import random
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.causes.beside import BESIDE, another
from bench.causes.conversation import Draft, Json, Step, conversation
from bench.causes.kinds import Kind, Server
from bench.never_worse.rig import proxy
from bench.sessions.evaluation import ENVIRONMENT
from bench.sessions.families import Family
from bench.sessions.scripted_model import Count, ScriptedModel
from bench.sessions.wire import accepted, post
from tests.cases.apply import run
from tests.cases.replay import read_log
from tests.fakes.llama import model_file, template
from tests.servers.stock import StockServer

_TURNS = 4
_AT_TURN = 2
_STARTED_S = 0.3
_EXPLAINED_S = 0.7
_STOCK = ("-np", "4", "-c", "131072")
_ONE_SLOT = ("-np", "1", "--cache-ram", "0", "-c", "32768")
_SAVING = ("--slot-save-path", "FOLDER")
_SERVERS: Mapping[Server, tuple[tuple[str, ...], str]] = {
    "stock": (_STOCK, "chatml_tools"),
    "thinking on top": (_STOCK, "chatml_thinks_on_top"),
    "thinking at the end": (_STOCK, "chatml_begins_thinking"),
    "one slot": (_ONE_SLOT, "chatml_tools"),
    "one slot, saved": ((*_ONE_SLOT, *_SAVING), "chatml_tools"),
}
"""The flags and the template of each."""

_INVITING = frozenset({"thinking on top", "thinking at the end"})
"""Their templates end a prompt with words that they leave out of the history."""

_SAVED_S = "0.2"
"""How long a slot is idle before it is saved: nobody waits for half a minute here."""
_REPLY, _END = "<|im_start|>assistant", "<|im_end|>"


@dataclass(frozen=True, slots=True)
class Turn:
    """One request as it went. `is_broken`: what the client sent does not go on from the request before, or
    something has happened; `own_tokens`: of its new text; `line`: of the proxy's log; `beside`: the kind of a
    request that is not one of the conversation's, empty if it is."""

    kind: Kind
    seed: int
    number: int
    is_broken: bool
    processed_tokens: int
    own_tokens: int
    line: Json
    beside: str = ""


@dataclass(frozen=True, slots=True)
class Setup:
    """What is set besides the defaults. `enable`: rules; `commands`: each a `warmprefix config set`; `flags`:
    of the server, in which FOLDER stands for one of its own."""

    enable: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


NOTHING_SET = Setup()
Plan = tuple[Kind, int]
"""A kind, and the seed of its conversation."""


@dataclass(frozen=True, slots=True)
class _Sent:
    kind: Kind
    seed: int
    number: int
    is_broken: bool
    beside: str = ""


class _Player:
    """Sends the requests of conversations, and makes happen what happens in between."""

    def __init__(self, folder: Path, server: Server, setup: Setup) -> None:
        self._folder = folder
        enable = json.dumps(list(setup.enable))
        self._more = {"WARMPREFIX_CANONICALIZE__ENABLE": enable} if setup.enable else {}
        self._more["WARMPREFIX_SLOTS__SAVE_IDLE_S"] = _SAVED_S
        for command in setup.commands:
            run(command, folder / "warmprefix.toml")
        saved = folder / "slots"
        saved.mkdir(mode=0o700)
        own, name = _SERVERS[server]
        flags = [f"{saved}/" if flag == "FOLDER" else flag for flag in (*own, *setup.flags)]
        self._saves = f"{saved}/" in flags
        family = Family(name, template(name))
        file = model_file("tiny", folder)
        self._server = StockServer(
            file, *flags, chat_template=family.template, environment=ENVIRONMENT
        )
        self._server.start()
        self.model = ScriptedModel(self._server.url, family.generated)
        self._stack = ExitStack()
        self._url = ""
        self._begin()

    def close(self) -> None:
        """End the proxy and the server."""
        self._stack.close()
        self.model.close()
        self._server.close()

    def _begin(self) -> None:
        through = proxy(self.model.url, self._folder, saves=self._saves, more=self._more)
        self._url = self._stack.enter_context(through)
        time.sleep(_STARTED_S)

    def play(self, kind: Kind, seed: int) -> Iterator[_Sent]:
        """One conversation."""
        change = kind.make(random.Random(f"{kind.name} {seed}"))
        before: Step | None = None
        for step in conversation(random.Random(f"{seed} {kind.name}"), _TURNS):
            sent = change(step.draft)
            is_new = before is not None and before.draft.turn != sent.turn
            happens = is_new and sent.turn == _AT_TURN and kind.event != ""
            if happens:
                yield from self._happen(kind, seed, before)
            self._ask(sent, step.reply)
            is_struck = happens and kind.event not in ("asked again", "proxy restarts")
            is_changed = before is not None and not _goes_on(before, sent)
            is_broken = is_changed or is_struck or kind.on in _INVITING
            yield _Sent(kind, seed, sent.number, is_broken)
            before = Step(sent, step.reply)

    def _happen(self, kind: Kind, seed: int, before: Step | None) -> Iterator[_Sent]:
        assert before is not None
        event = kind.event
        if event == "asked again":
            self._ask(before.draft, before.reply)
            yield _Sent(kind, seed, before.draft.number, False)
        elif event == "asked directly":
            body = {"messages": list(another(f"{kind.name} {seed}").messages), "max_tokens": 1}
            accepted(post(f"{self._server.url}/v1/chat/completions", body))
        elif event in BESIDE:
            ask, told = BESIDE[event]
            self._ask(
                ask(before.draft, f"{kind.name} {seed}"),
                {"role": "assistant", "content": "So it is."},
            )
            yield _Sent(kind, seed, 0, False, told)
        else:
            time.sleep(_EXPLAINED_S)
            self._restart(server=event != "proxy restarts", proxy=event != "server restarts")

    def _restart(self, *, server: bool, proxy: bool) -> None:
        if proxy:
            self._stack.close()
        if server:
            self._server.kill()
            self._server.start()
        if proxy:
            self._begin()

    def _ask(self, draft: Draft, reply: Json) -> None:
        self.model.expect("", reply)
        tools = {"tools": list(draft.tools)} if draft.tools else {}
        body = {"model": "m", "messages": list(draft.messages), **tools, **draft.members}
        accepted(post(f"{self._url}/v1/chat/completions", body, draft.headers))


@contextmanager
def _player(server: Server, setup: Setup) -> Iterator[tuple[_Player, Path]]:
    with tempfile.TemporaryDirectory(prefix="warmprefix-causes-") as name:
        player = _Player(Path(name), server, setup)
        try:
            yield player, Path(name)
        finally:
            player.close()


def played(plans: Sequence[Plan], setup: Setup = NOTHING_SET) -> list[Turn]:
    """Every request of these plans, those of each server together."""
    found: list[Turn] = []
    for server in _SERVERS:
        own = [plan for plan in plans if plan[0].on == server]
        found += _all(own, server, setup) if own else []
    return found


def _all(plans: Sequence[Plan], server: Server, setup: Setup) -> Iterator[Turn]:
    with _player(server, setup) as (player, folder):
        sent = [one for kind, seed in plans for one in player.play(kind, seed)]
        time.sleep(_EXPLAINED_S)
        for one, count, line in zip(sent, player.model.counts, read_log(folder), strict=True):
            yield Turn(
                *(one.kind, one.seed, one.number, one.is_broken),
                *(count.processed_tokens, _own_tokens(count), line, one.beside),
            )


def _own_tokens(count: Count) -> int:
    """Of what stands behind the last reply of a rendered prompt."""
    total = count.cached_tokens + count.processed_tokens
    invitation = count.prompt.rindex(_REPLY)
    before = count.prompt.rfind(_REPLY, 0, invitation)
    if before < 0:
        return total
    new = count.prompt[count.prompt.index(_END, before) :]
    return round(total * len(new) / len(count.prompt))


def _goes_on(before: Step, sent: Draft) -> bool:
    """Whether a request goes on from the one before; never if it says that nothing may be reused."""
    held = (*before.draft.messages, before.reply)
    is_same = before.draft.tools == sent.tools and before.draft.members == sent.members
    may_reuse = sent.members.get("cache_prompt", True)
    return may_reuse and is_same and held == sent.messages[: len(held)]
