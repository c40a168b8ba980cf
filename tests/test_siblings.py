"""Chats that look alike: the same question with the same visible reply, thought and spaced otherwise.

A real llama-server counts what each request costs, direct and through. No chat is ever told what the
model thought in another one.
"""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from bench.sessions.families import FAMILIES
from bench.sessions.script import Json
from bench.sessions.scripted_model import Count, ScriptedModel
from bench.sessions.wire import ask, message_of, post
from tests.fakes.llama import LlamaServer
from tests.fakes.running_proxy import running_proxy

pytestmark = pytest.mark.backend

KEEPS = FAMILIES[1]
SYSTEM: Json = {"role": "system", "content": "You look after a small harbour. " * 20}
QUESTION: Json = {"role": "user", "content": "Which berth is free tonight? " * 20}

Gives = Callable[[Json], Json]
"""How a client gives a reply back."""


def clean(reply: Json) -> Json:
    return reply


def drops_reasoning(reply: Json) -> Json:
    return {key: value for key, value in reply.items() if key != "reasoning_content"}


def strips(reply: Json) -> Json:
    return {**reply, "content": (reply["content"] or "").strip()}


def drops_both(reply: Json) -> Json:
    return strips(drops_reasoning(reply))


def mark(name: str, number: int) -> str:
    """What the model thinks in one turn of one chat, and nowhere else."""
    return f"Thought {number} of {name}: " + f"{name} {number} " * 40


@dataclass
class Chat:
    """A conversation. `name` never shows in what the model says, only in what it thinks."""

    name: str
    gives: Gives
    edge: str
    headers: dict[str, str] = field(default_factory=dict)
    history: list[Json] = field(default_factory=lambda: [SYSTEM, QUESTION])
    turns: int = 0

    def reply(self) -> Json:
        """What the model generates next: visibly the same in each chat for its first turn."""
        text = "Berth four is free." if not self.turns else f"As I said {self.turns}."
        return {
            "role": "assistant",
            "content": f"{self.edge}{text} {'It is the one by the crane. ' * 8}{self.edge}",
            "reasoning_content": mark(self.name, self.turns),
        }

    def ask(self, model: ScriptedModel, url: str, reply: Json | None = None) -> Json:
        """One request; the reply as it came."""
        model.expect(self.name, reply or self.reply())
        body = {"model": "scripted", "messages": self.history}
        self.turns += 1
        return message_of(post(f"{url}/v1/chat/completions", body, self.headers))

    def take(self, reply: Json, then: Sequence[Json] = ()) -> None:
        """Keep a reply and go on."""
        more = f"And after that, {self.name} {self.turns}? " * 10
        self.history += [self.gives(reply), *(then or [{"role": "user", "content": more}])]


Play = Callable[[ScriptedModel, str, Gives], None]


def two_chats(model: ScriptedModel, url: str, gives: Gives) -> None:
    """The same question in two chats, which then go on in turn."""
    one, two = Chat("one", gives, "\n"), Chat("two", gives, "  ")
    for _ in range(3):
        for chat in (one, two):
            chat.take(chat.ask(model, url))


def two_sessions(model: ScriptedModel, url: str, gives: Gives) -> None:
    """The same, and the client says which chat it is."""
    one = Chat("one", gives, "\n", {"x-session-id": "one"})
    two = Chat("two", gives, "  ", {"x-session-id": "two"})
    for _ in range(3):
        for chat in (one, two):
            chat.take(chat.ask(model, url))


def late_twin(model: ScriptedModel, url: str, gives: Gives) -> None:
    """One chat has gone on for some turns when another begins alike; then both go on."""
    one, two = Chat("one", gives, "\n"), Chat("two", gives, "  ")
    for _ in range(3):
        one.take(one.ask(model, url))
    for _ in range(3):
        two.take(two.ask(model, url))
        one.take(one.ask(model, url))


def best_of_three(model: ScriptedModel, url: str, gives: Gives) -> None:
    """One prompt, three replies, of which the client keeps the first."""
    chats = [Chat(name, gives, edge) for name, edge in (("one", "\n"), ("two", "  "), ("tri", ""))]
    replies = [chat.ask(model, url) for chat in chats]
    kept = chats[0]
    kept.take(replies[0])
    for _ in range(3):
        kept.take(kept.ask(model, url))


def sub_agents(model: ScriptedModel, url: str, gives: Gives) -> None:
    """Three agents with one task call the same tool, which says something else to each."""
    agents = [Agent(name, gives, edge) for name, edge in (("one", "\n"), ("two", " "), ("tri", ""))]
    for _ in range(3):
        for agent in agents:
            reply = agent.ask(model, url)
            called = reply["tool_calls"][0]["id"]
            text = f"Berth {agent.turns}, says the log of {agent.name}. " * 10
            result = {"role": "tool", "tool_call_id": called, "content": text}
            agent.take(reply, [result])


class Agent(Chat):
    """A chat whose replies call a tool."""

    def reply(self) -> Json:
        """The same call in each, under an id of its own."""
        function = {"name": "look", "arguments": json.dumps({"far": True, "at": self.turns})}
        made = {"id": f"call_{self.name}_{self.turns}", "type": "function", "function": function}
        return {**super().reply(), "tool_calls": [made]}


def role_flip(model: ScriptedModel, url: str, gives: Gives) -> None:
    """One agent that a client calls `system` and `developer` by turns: rendered alike, it fills one slot.

    Its session store sorts the arguments of calls whenever a person asks anew (shape of
    https://github.com/anomalyco/opencode/issues/33246).
    """
    agent = Agent("one", gives, "\n")
    for number in range(3):
        if number:
            agent.history = [sorted_arguments(gives(message)) for message in agent.history]
            agent.history.append({"role": "user", "content": f"Now berth {number}. " * 20})
        agent.history[0] = {**SYSTEM, "role": ("system", "developer")[number % 2]}
        reply = agent.ask(model, url)
        called = reply["tool_calls"][0]["id"]
        agent.history += [reply, {"role": "tool", "tool_call_id": called, "content": "Free. " * 99}]
        agent.history.append(agent.ask(model, url, Chat.reply(agent)))


def auth_flip(model: ScriptedModel, url: str, gives: Gives) -> None:
    """One chat under two keys by turns: two memories, one slot."""
    chat = Chat("one", gives, "\n")
    for number in range(6):
        chat.headers["Authorization"] = f"Bearer {number % 2}"
        chat.take(chat.ask(model, url))


def sorted_arguments(message: Json) -> Json:
    """The message with the arguments of its calls as a session store writes them."""
    calls = [
        {**call, "function": {**call["function"], "arguments": resorted(call)}}
        for call in message.get("tool_calls", ())
    ]
    return {**message, "tool_calls": calls} if calls else message


def resorted(call: Json) -> str:
    arguments = json.loads(call["function"]["arguments"])
    return json.dumps(arguments, sort_keys=True, separators=(",", ":"))


PLAYS: tuple[Play, ...] = (
    two_chats,
    two_sessions,
    late_twin,
    best_of_three,
    sub_agents,
    role_flip,
    auth_flip,
)
CLIENTS: tuple[Gives, ...] = (clean, drops_reasoning, strips, drops_both)
SETTINGS = [
    *(pytest.param(1, gives, id=f"one-slot-{gives.__name__}") for gives in CLIENTS),
    pytest.param(3, drops_both, id="three-slots-drops_both"),
]
UNLUCKY = 1.05
"""What a choice may cost that the future proves wrong: a chat that was alone is joined by another."""


@contextmanager
def scripted(folder: Path, slots: int) -> Iterator[ScriptedModel]:
    """A model whose template shows all reasoning; no cache beside its slots."""
    server = LlamaServer(
        folder,
        chat_template=KEEPS.template,
        n_parallel=slots,
        cache_ram_mib=0,
        slot_save_path=folder,
    )
    model = ScriptedModel(server.start().url, KEEPS.generated)
    try:
        yield model
    finally:
        model.close()
        server.stop()


@pytest.fixture(scope="module")
def model_with(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[int], ScriptedModel]]:
    """The model with so many slots, started once, in whatever order it is asked for."""
    with ExitStack() as running:

        @cache
        def started(slots: int) -> ScriptedModel:
            return running.enter_context(scripted(tmp_path_factory.mktemp("siblings"), slots))

        yield started


def play(model: ScriptedModel, url: str, how: Play, gives: Gives) -> tuple[Count, ...]:
    """What llama-server counted, its slots empty at the beginning."""
    for slot in ask("GET", f"{model.backend}/slots").json():
        post(f"{model.backend}/slots/{slot['id']}?action=erase", {})
    model.counts.clear()
    how(model, url, gives)
    return tuple(model.counts)


@pytest.mark.parametrize(("slots", "gives"), SETTINGS)
@pytest.mark.parametrize("how", PLAYS, ids=lambda how: how.__name__)
async def test_chats_that_begin_alike_cost_no_more_and_are_not_mixed(
    how: Play, gives: Gives, slots: int, model_with: Callable[[int], ScriptedModel]
) -> None:
    model = model_with(slots)
    direct = await asyncio.to_thread(play, model, model.url, how, gives)
    # What is measured is what is sent, so the server chooses the slots in both.
    async with running_proxy(model.url, slots={"pin": "off"}) as proxy:
        await proxy.app.known.ask_template()
        through = await asyncio.to_thread(play, model, proxy.url, how, gives)

    for count in through:
        for other in {"one", "two", "tri"} - {count.label}:
            assert f"of {other}:" not in count.prompt
    paid = [sum(count.processed_tokens for count in counts) for counts in (direct, through)]
    allowed = UNLUCKY if how is late_twin else 1
    assert paid[1] <= allowed * paid[0] + len(direct)
