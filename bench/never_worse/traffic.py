"""Random traffic: a plan for each seed. Nothing here depends on slots, caches or the proxy."""

from collections.abc import Callable

from bench.never_worse.maker import TOOLS, Maker
from bench.never_worse.plan import Nap, Pause, Plan, Restart
from bench.never_worse.texts import between

TEMPLATES = (
    "chatml_tools",
    "chatml_tools",
    "chatml_keeps_reasoning",
    "chatml_drops_reasoning",
    "chatml_ids",
    "chatml_thinks_on_top",
)


def agents(make: Maker) -> None:
    """Agents of one program: their system texts begin alike and end differently."""
    common = between(make.chance, 500, 2500)
    tools = TOOLS[: make.chance.choice((0, 2, 3))]
    for number in range(make.chance.choice((2, 3, 4))):
        last = f"\nWorking directory: /home/u/project{number}\nDate: 2031-03-0{number + 1}\n"
        text = f"{common}{last}Session: {make.chance.getrandbits(64):x}"
        make.client(text, tools=tools, native=0.6)
    make.play(26, (make.say, 6), (make.retry, 0.5), (make.edit, 0.4), (make.task, 0.5))


def chats(make: Maker) -> None:
    """Chats with one system prompt, as a web interface has them, with its requests in between."""
    common = between(make.chance, 500, 2500) if make.chance.random() < 0.8 else None
    for _ in range(make.chance.choice((2, 3, 4))):
        make.client(common)
    make.play(
        28, (make.say, 4), (make.task, 3), (make.retry, 0.5), (make.edit, 0.4), (make.toggle, 0.2)
    )


def web_chat(make: Maker) -> None:
    """One chat, a request of the interface's own after each turn."""
    client = make.client(between(make.chance, 500, 3000))
    shared = make.chance.random() < 0.5
    for _ in range(make.chance.randint(5, 9)):
        make.say(client)
        for _ in range(make.chance.choice((1, 1, 2))):
            make.task(client, shared)


def single(make: Maker) -> None:
    """One conversation and nothing else."""
    make.client(between(make.chance, 500, 3000), tools=TOOLS[: make.chance.choice((0, 3))])
    count = make.chance.randint(8, 20)
    make.play(count, (make.say, 6), (make.retry, 0.6), (make.edit, 0.6), (make.toggle, 0.3))


def branches(make: Maker) -> None:
    """Conversations that fork, and users who go back and forth between the branches."""
    common = between(make.chance, 500, 2000)
    for _ in range(make.chance.choice((1, 2))):
        make.client(common)
    make.play(
        26, (make.say, 5), (make.fork, 1.5), (make.siblings, 1), (make.retry, 0.5), (make.edit, 0.5)
    )


def everything(make: Maker) -> None:
    """All of these on one server, other endpoints included."""
    common = between(make.chance, 500, 2500)
    for number in range(make.chance.choice((2, 3, 4))):
        own = f"\nSession {make.chance.getrandbits(40):x}" if number % 2 else ""
        make.client(f"{common}{own}", tools=TOOLS if make.chance.random() < 0.3 else [])
    make.play(
        28,
        (make.say, 5),
        (make.task, 1.5),
        (make.retry, 0.4),
        (make.edit, 0.4),
        (make.fork, 0.3),
        (make.siblings, 0.3),
        (make.toggle, 0.4),
        (make.other, 1),
    )


KINDS: dict[str, Callable[[Maker], None]] = {
    kind.__name__.replace("_", " "): kind
    for kind in (agents, chats, web_chat, single, branches, everything)
}


def plan_of(seed: int, kind: str | None = None) -> Plan:
    """The plan of a seed: kinds take turns, the rest is drawn."""
    chosen = kind or list(KINDS)[seed % len(KINDS)]
    make = Maker(seed)
    # Most users come after the proxy is ready; some requests wait for it.
    make.steps.append(Pause(make.chance.choice((0, 0.3, 0.3, 0.3))))
    KINDS[chosen](make)
    drawn = make.chance.random()
    if drawn < 0.15 and len(make.steps) > 10:
        make.steps.insert(len(make.steps) * 2 // 3, Restart())
    elif drawn < 0.22 and len(make.steps) > 10:
        make.steps.insert(len(make.steps) * 2 // 3, Nap())
    name = make.chance.choice(TEMPLATES)
    return Plan(seed, chosen, name, make.systems, tuple(make.steps), strict=chosen == "single")
