"""Ordinary traffic that the proxy once made worse, as a table: what people do, and on which servers."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.never_worse.maker import FOLLOW_UPS, TITLE, Client, Maker
from bench.never_worse.plan import Base, Pause, Plan
from bench.never_worse.texts import text
from tests.builders import user

_SYSTEM_CHARACTERS = 800
_TURNS = 5


@dataclass(frozen=True, slots=True)
class Scene:
    """`settings`: names in bench/never_worse/settings.py."""

    name: str
    make: Callable[[Maker], None]
    settings: tuple[str, ...] = ("no flags",)

    def plan(self) -> Plan:
        """What its clients do, as plain as possible; the law is strict."""
        make = Maker(1)
        make.steps.append(Pause(0.3))
        self.make(make)
        return Plan(1, self.name, "chatml_tools", make.systems, tuple(make.steps), strict=True)


def _turn(make: Maker, client: Client, characters: int = 150) -> None:
    said = {"content": text(make.chance, 40)}
    make.ask(client, new=(user(text(make.chance, characters)),), reply=said)


def _aside(make: Maker, client: Client, task: str, base: Base) -> None:
    said = {"content": text(make.chance, 20)}
    make.ask(client, base=base, new=(user(task),), kept=False, reply=said)


def follow_ups(make: Maker) -> None:
    """After each turn the interface asks for follow-up questions, with a prompt of its own."""
    client = make.plain_client(text(make.chance, _SYSTEM_CHARACTERS))
    for _ in range(_TURNS):
        _turn(make, client)
        _aside(make, client, FOLLOW_UPS, "nothing")


def three_chats(make: Maker) -> None:
    """Three chats that take turns."""
    clients = [make.plain_client(text(make.chance, _SYSTEM_CHARACTERS)) for _ in range(3)]
    for _ in range(_TURNS):
        for client in clients:
            _turn(make, client)


def titles(make: Maker) -> None:
    """Two chats of short messages and their title requests, all with one long system prompt.

    Here a request costs less in the conversation's slot than in another one.
    """
    common = text(make.chance, 2 * _SYSTEM_CHARACTERS)
    clients = [make.plain_client(common) for _ in range(2)]
    for _ in range(_TURNS):
        for client in clients:
            _turn(make, client, 20)
            _aside(make, client, TITLE.partition("\n### Chat")[0], "system")


def sessions(make: Maker) -> None:
    """Seven sessions of one agent, one after the other: only the last line of the system text is new."""
    common = text(make.chance, _SYSTEM_CHARACTERS)
    for number in range(7):
        client = make.plain_client(f"{common}\nSession {number}: {make.chance.getrandbits(64):x}")
        for _ in range(2):
            _turn(make, client)


SCENES = (
    Scene("one chat, follow-ups", follow_ups),
    Scene("three chats in turn", three_chats),
    Scene(
        "two chats, titles",
        titles,
        ("no flags", "-np 2 -kvu", "no flags, saving", "-np 4"),
    ),
    Scene("seven agent sessions", sessions, ("no flags", "-np 2 --cache-ram 0", "-np 4")),
)
