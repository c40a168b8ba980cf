"""What happens around a conversation. Each scene plays one on a `Way`."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bench.slots.rig import Json, Way
from tests.builders import user

_WORDS = "You work on files in a small project and you answer in one line. "
_IDLE_S = 2.5  # longer than the idle times that a run sets for saving and reading ahead


def system(name: str = "", repeat: int = 40) -> Json:
    return {"role": "system", "content": f"{name}{_WORDS * repeat}"}


def turns(way: Way, label: str, history: list[Json], count: int, aside: Any = None) -> None:
    """So many turns of a conversation; `aside` is called between them."""
    for number in range(count):
        text = way.chat(label, history)
        history += [{"role": "assistant", "content": text}, user(f"Step {number}. " * 30)]
        if aside is not None:
            aside(number)


def alone(way: Way) -> None:
    """An undisturbed conversation, with which the others are compared."""
    turns(way, "main", [system(), user("Begin. " * 60)], 4)


def title(way: Way) -> None:
    """A title request with a short prompt of its own between the turns."""
    ask = [{"role": "system", "content": "You are a title generator."}, user("Begin.")]
    turns(way, "main", [system(), user("Begin. " * 60)], 4, lambda _: way.chat("side", ask))


def shared(way: Way) -> None:
    """A title request that shares the conversation's system prompt."""
    ask = [system(), user("Generate a short title for this chat.")]
    turns(way, "main", [system(), user("Begin. " * 60)], 4, lambda _: way.chat("side", ask))


def agents(way: Way) -> None:
    """Three agents with prompts of their own, in turn; the sum of all is reported."""
    histories = [[system(f"Agent {name}. "), user("Begin. " * 60)] for name in "abc"]
    for number in range(4):
        for history in histories:
            text = way.chat("main", history)
            history += [{"role": "assistant", "content": text}, user(f"Step {number}. " * 30)]


def three_alone(way: Way) -> None:
    """The same three agents, one after the other."""
    for name in "abc":
        turns(way, "main", [system(f"Agent {name}. "), user("Begin. " * 60)], 4)


def restart(way: Way, *, noisy: bool = False, rested_s: float = 0) -> None:
    """The server is killed and started again between two turns of a long conversation."""
    history = [system(repeat=90), user("Begin. " * 60)]
    text = way.chat("before", history)
    history += [{"role": "assistant", "content": f"{text}\n"}, user("Go on. " * 20)]
    text = way.chat("before", history)
    history += [{"role": "assistant", "content": text}, user("And then?")]
    time.sleep(_IDLE_S)
    way.server.kill()
    way.server.start()
    time.sleep(rested_s)
    if noisy:
        history = [{**message, "content": message["content"].strip()} for message in history]
    way.chat("main", history, max_tokens=1)


def noisy_restart(way: Way) -> None:
    """The same, and the client has reloaded its session: white space is stripped."""
    restart(way, noisy=True)


def reread(way: Way) -> None:
    """The same with nothing saved, and the user comes back some seconds after the server."""
    restart(way, rested_s=2 * _IDLE_S)


def loop(way: Way) -> None:
    """A loop of twelve tool calls with reasoning, a final answer, and after a pause a new user message."""
    call = {"type": "function", "function": {"name": "read", "arguments": '{"path": "a"}'}}
    history = [system(repeat=10), user("Read them all.")]
    for number in range(12):
        calls = [{**call, "id": f"c{number}"}]
        reasoning = f"File {number} is next, since the one before did not have it. " * 3
        history += [
            {
                "role": "assistant",
                "content": "",
                "reasoning_content": reasoning,
                "tool_calls": calls,
            },
            {"role": "tool", "tool_call_id": f"c{number}", "content": f"text {number} " * 20},
        ]
    # A grammar ends the reply, as a model's own end would: finish_reason is "stop".
    text = way.chat("before", history, grammar='root ::= "Done."', max_tokens=16)
    time.sleep(_IDLE_S)
    history += [{"role": "assistant", "content": text}, user("Now tell me what you saw.")]
    way.chat("main", history)


@dataclass(frozen=True, slots=True)
class Scene:
    """`against`: the scene alone; `says`: the goal in words. `slots`, `ram`: if None, the server chooses."""

    name: str
    play: Callable[[Way], None]
    says: str
    slots: tuple[int | None, ...] = (2,)
    ram: tuple[int | None, ...] = (0,)
    against: Callable[[Way], None] | None = None
    template: str | None = None
    settings: dict[str, str] = field(default_factory=dict)
    hearth: bool = False


SCENES = (
    Scene("a title request", title, "<= 1.05 of alone", (None,), (None,), alone),
    Scene("a title request", title, "<= 1.05 of alone", (1, 4), (0, 256), alone),
    Scene("b three agents", agents, "<= 1.05 of alone", (None,), (None,), three_alone),
    Scene("b three agents", agents, "<= 1.05 of alone", (2,), (0, 256), three_alone),
    Scene("c killed and restarted", restart, ">= 95 % restored", (None,), (None,)),
    Scene("c killed and restarted", restart, ">= 95 % restored", (1,), hearth=True),
    Scene("d restarted, reloaded", noisy_restart, ">= 95 % restored", (None,), (None,)),
    Scene("d restarted, reloaded", noisy_restart, ">= 95 % restored", (1,), hearth=True),
    *(
        Scene(
            "g restarted, nothing saved",
            reread,
            "<= message + 32",
            (slots,),
            (ram,),
            settings={
                "WARMPREFIX_SLOTS__SAVE": "off",
                "WARMPREFIX_PREWARM__RESTART_CHECK_S": "0.5",
            },
        )
        for slots, ram in ((None, None), (1, 0))
    ),
    *(
        Scene(
            "e new message after a loop",
            loop,
            "<= message + 32",
            (slots,),
            (ram,),
            template="chatml_drops_reasoning",
        )
        for slots, ram in ((None, None), (1, 0))
    ),
    Scene("f title, shared prompt", shared, "<= 1.05 of alone", (None,), (None,), alone),
    Scene("f title, shared prompt", shared, "<= 1.05 of alone", (1, 2, 4), (0,), alone),
)
