"""Plays plans one after the other, through one proxy in front of one stock server."""

import json
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.causes.conversation import Draft, Json, Step, conversation
from bench.causes.kinds import Kind
from bench.never_worse.rig import proxy
from bench.never_worse.texts import text
from bench.sessions.evaluation import ENVIRONMENT
from bench.sessions.families import FAMILIES
from bench.sessions.scripted_model import Count, ScriptedModel
from bench.sessions.wire import accepted, post
from tests.cases.replay import read_log
from tests.fakes.llama import model_file
from tests.servers.stock import StockServer

_TURNS = 4
_AT_TURN = 2
_STARTED_S = 0.3
_EXPLAINED_S = 0.7
_FLAGS = ("-np", "4", "-c", "131072")
_ONE_SLOT = ("-np", "1", "--cache-ram", "0", "-c", "32768")
_REPLY, _END = "<|im_start|>assistant", "<|im_end|>"


@dataclass(frozen=True, slots=True)
class Turn:
    """One request as it went. `is_broken`: what the client sent does not go on from the request before, or
    something has happened; `own_tokens`: of its new text; `line`: of the proxy's log."""

    kind: Kind
    seed: int
    number: int
    is_broken: bool
    processed_tokens: int
    own_tokens: int
    line: Json


@dataclass(frozen=True, slots=True)
class _Sent:
    kind: Kind
    seed: int
    number: int
    is_broken: bool
    is_beside: bool = False


class _Player:
    """Sends the requests of conversations, and makes happen what happens in between."""

    def __init__(self, folder: Path, flags: Sequence[str], enable: Sequence[str]) -> None:
        self._folder = folder
        self._more = {"WARMPREFIX_CANONICALIZE__ENABLE": json.dumps(list(enable))}
        family = FAMILIES[0]
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
        through = proxy(self.model.url, self._folder, saves=False, more=self._more)
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
            is_struck = happens and kind.event != "asked again"
            is_broken = before is not None and not _goes_on(before, sent)
            yield _Sent(kind, seed, sent.number, is_broken or is_struck)
            before = Step(sent, step.reply)

    def _happen(self, kind: Kind, seed: int, before: Step | None) -> Iterator[_Sent]:
        assert before is not None
        match kind.event:
            case "asked again":
                self._ask(before.draft, before.reply)
                yield _Sent(kind, seed, before.draft.number, False)
            case "another conversation":
                other = text(random.Random(f"other {seed}"), 3000)
                draft = Draft(({"role": "user", "content": other},), (), 0, 0)
                self._ask(draft, {"role": "assistant", "content": "So it is."})
                yield _Sent(kind, seed, 0, False, is_beside=True)
            case _:
                time.sleep(_EXPLAINED_S)
                is_both = kind.event == "both restart"
                if is_both:
                    self._stack.close()
                self._server.kill()
                self._server.start()
                if is_both:
                    self._begin()

    def _ask(self, draft: Draft, reply: Json) -> None:
        self.model.expect("", reply)
        tools = {"tools": list(draft.tools)} if draft.tools else {}
        body = {"model": "m", "messages": list(draft.messages), **tools, **draft.members}
        accepted(post(f"{self._url}/v1/chat/completions", body))


@contextmanager
def _player(flags: Sequence[str], enable: Sequence[str]) -> Iterator[tuple[_Player, Path]]:
    with tempfile.TemporaryDirectory(prefix="warmprefix-causes-") as name:
        player = _Player(Path(name), flags, enable)
        try:
            yield player, Path(name)
        finally:
            player.close()


def played(plans: Sequence[tuple[Kind, int]], enable: Sequence[str] = ()) -> list[Turn]:
    """Every request of these plans: kinds with an event on a server of their own."""
    found: list[Turn] = []
    for flags, is_event in ((_FLAGS, False), (_ONE_SLOT, True)):
        own = [plan for plan in plans if bool(plan[0].event) is is_event]
        found += _all(own, flags, enable) if own else []
    return found


def _all(
    plans: Sequence[tuple[Kind, int]], flags: Sequence[str], enable: Sequence[str]
) -> Iterator[Turn]:
    with _player(flags, enable) as (player, folder):
        sent = [one for kind, seed in plans for one in player.play(kind, seed)]
        time.sleep(_EXPLAINED_S)
        for one, count, line in zip(sent, player.model.counts, read_log(folder), strict=True):
            if not one.is_beside:
                yield Turn(
                    *(one.kind, one.seed, one.number, one.is_broken),
                    *(count.processed_tokens, _own_tokens(count), line),
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
