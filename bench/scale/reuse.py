"""What of the cache turns 2 and later reuse: several conversations in turn, on real servers.

Each conversation is known by its own question alone: all have one system text, as the sessions of one client
have, and no client says which session it is.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from bench.scale import rig
from bench.sessions.changes import Change, Draft, nothing, reload_at, with_clock
from bench.sessions.script import Json
from bench.sessions.scripted_model import ScriptedModel
from bench.sessions.wire import accepted, post

SYSTEM = "You look after the machines of a harbour, and you answer in one line. " * 8
GOAL = 0.99
"""The least that several proxies may reuse of what one reuses."""
LATER = "later"
"""The label of turns whose prompt has been read before but for its end."""


@dataclass(frozen=True, slots=True)
class Noise:
    """What the client does to its history. `enable`: the opt-in rule that is meant for it."""

    name: str
    change: Change
    enable: str = ""


Way = Callable[[Sequence[ScriptedModel], Noise], AbstractContextManager[str]]
"""The address of a fleet in front of these servers."""


def clock(draft: Draft) -> Draft:
    """A clock at the top of the system text."""
    return with_clock(draft, at_the_top=True, runs=True)


NOISES = (
    Noise("clean", nothing),
    Noise("reloaded", reload_at(2)),
    Noise("clock", clock, "freeze-volatile"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A way and a noise: of how many prompt tokens of turns 2 and later so many were cached."""

    way: str
    noise: str
    cached: int
    prompt: int

    @property
    def share(self) -> float:
        """Of the prompts."""
        return self.cached / max(self.prompt, 1)


def play(url: str, models: Sequence[ScriptedModel], noise: Noise, sizes: tuple[int, int]) -> None:
    """`sizes`: how many conversations, and turns of each; all have a turn before any has its next."""
    conversations, turns = sizes
    histories: list[list[Json]] = [
        [{"role": "system", "content": SYSTEM}] for _ in range(conversations)
    ]
    for turn in range(turns):
        for number, history in enumerate(histories):
            text = f"Crane {number}, shift {turn}: what is to be done with it? " * 24
            history.append({"role": "user", "content": text})
            sent = noise.change(Draft(tuple(history), (), number * turns + turn))
            reply: Json = {
                "role": "assistant",
                "content": f"  Grease crane {number}, for the {turn}th time.\n" * 6,
            }
            for model in models:
                model.expect(LATER if turn else "first", reply)
            body = {"model": "scripted", "messages": list(sent.messages)}
            accepted(post(f"{url}/v1/chat/completions", body))
            history.append(reply)


def counted(way: str, noise: Noise, models: Sequence[ScriptedModel]) -> Row:
    """The sums of what the servers reported."""
    counts = [count for model in models for count in model.counts if count.label == LATER]
    cached = sum(count.cached_tokens for count in counts)
    return Row(way, noise.name, cached, cached + sum(count.processed_tokens for count in counts))


@contextmanager
def one(models: Sequence[ScriptedModel], noise: Noise) -> Iterator[str]:
    """One proxy in front of the first server."""
    with rig.proxies(1, [models[0].url], "memory", enable=noise.enable) as (proxy,):
        yield proxy.url


@contextmanager
def owned(models: Sequence[ScriptedModel], noise: Noise) -> Iterator[str]:
    """haproxy in front of three proxies, each of which knows all servers."""
    urls = [model.url for model in models]
    with (
        rig.ledger() as ledger,
        rig.proxies(3, urls, ledger.url, enable=noise.enable) as made,
        rig.haproxy([proxy.url for proxy in made], "balance roundrobin") as url,
    ):
        yield url


def routed(name: str) -> Way:
    """The same, with a router between the proxies and the servers, which is told the conversation."""

    @contextmanager
    def way(models: Sequence[ScriptedModel], noise: Noise) -> Iterator[str]:
        told = {"session_header": rig.PRESETS[name], "kind": "openai-compatible"}
        with (
            rig.ledger() as ledger,
            rig.ROUTERS[name]([model.url for model in models]) as router,
            rig.proxies(3, [router], ledger.url, told, noise.enable) as made,
            rig.haproxy([proxy.url for proxy in made], "balance roundrobin") as url,
        ):
            yield url

    return way


def without(name: str) -> Way:
    """The router alone."""

    @contextmanager
    def way(models: Sequence[ScriptedModel], noise: Noise) -> Iterator[str]:
        del noise
        with rig.ROUTERS[name]([model.url for model in models]) as url:
            yield url

    return way


def ways() -> dict[str, tuple[Way, int]]:
    """Every way that can be tried here, and the number of its servers; the first is what the others are held
    against."""
    found: dict[str, tuple[Way, int]] = {
        "one proxy, one server": (one, 1),
        "three proxies, two servers": (owned, 2),
    }
    for name in rig.ROUTERS:
        if rig.router_path(name):
            found[f"three proxies, {name}, two servers"] = (routed(name), 2)
            found[f"{name} without us, two servers"] = (without(name), 2)
    return found


def measure(sizes: tuple[int, int], noises: Sequence[Noise] = NOISES) -> Iterator[Row]:
    """All rows, each on fresh servers."""
    for name, (way, servers) in ways().items():
        for noise in noises:
            with rig.models(servers) as models, way(models, noise) as url:
                play(url, models, noise, sizes)
                yield counted(name, noise, models)


def missed(rows: Sequence[Row]) -> list[Row]:
    """The rows through several proxies that reuse less than one proxy does, by more than the goal allows."""
    best = {row.noise: row.share for row in rows if row.way.startswith("one proxy")}
    ours = [row for row in rows if row.way.startswith("three proxies")]
    return [row for row in ours if row.share < GOAL * best[row.noise]]
