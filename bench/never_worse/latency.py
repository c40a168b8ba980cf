"""Nobody waits for a busy slot while one is idle: time to the first byte of streamed replies.

There are twice as many conversations as slots, but never more requests at once than slots: without the proxy no
request ever waits for another. A reply takes long enough that a wait would be seen. One request goes before,
since the first one of a proxy waits until its trial has ended.

Two paces. *Apart*: each client rests for a moment before it asks again, as one that runs a tool does. *In
step*: it asks again at once, so all requests end and begin within a few milliseconds. Who comes first is then
evaluated alone, and who comes while that runs is evaluated together with all others: a delay of some
milliseconds moves a request from one batch into the next.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import chain, combinations

from bench.never_worse.maker import Maker
from bench.never_worse.plan import Json, Plan
from bench.never_worse.player import Count
from bench.never_worse.rig import Played, play
from bench.never_worse.settings import Model, Setting
from bench.never_worse.texts import between, text
from tests.builders import user

ADDED_S = 0.005
_TURNS = 4
_REST_S = 0.6
"""Twice as long as a request takes here."""
REQUESTS = 192
"""Of each pace, or a quarter of it if there is one slot: one run has eight for each slot."""


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds up to the first byte, of all requests. `waited`: the longest that one was not being evaluated,
    both ways. `busy`: requests that the proxy sent to a slot in which another one ran. `failed`: those that
    failed only through the proxy."""

    direct: tuple[float, ...]
    through: tuple[float, ...]
    waited: tuple[float, float]
    busy: int
    failed: int

    @property
    def holds(self) -> bool:
        """Whether the 95th percentile is at most 5 ms above direct's, and no request went to a busy slot or
        failed."""
        is_fast = at(self.through, 0.95) <= at(self.direct, 0.95) + ADDED_S
        return is_fast and not self.busy and not self.failed


def at(times: Sequence[float], share: float) -> float:
    """The time that this share of them does not exceed (a percentile)."""
    return sorted(times)[min(len(times) - 1, int(share * len(times)))]


def crowd(seed: int, conversations: int) -> Plan:
    """Conversations of streamed replies, each with a system text of its own."""
    make = Maker(seed)
    clients = [make.plain_client(between(make.chance, 400, 1200)) for _ in range(conversations)]
    for _ in range(_TURNS):
        for client in clients:
            new = (user(text(make.chance, 60)),)
            reply = {"content": text(make.chance, 150)}
            make.ask(client, new=new, reply=reply, options={"stream": True})
    return Plan(seed, "crowd", "chatml_tools", make.systems, tuple(make.steps))


def measure(
    setting: Setting, model: Model, seed: int, requests: int
) -> Iterator[tuple[str, Times]]:
    """Each pace, measured both ways in turn for some rounds. With one slot all requests come in order."""
    if setting.slots == 1:
        yield "in turn", _measured(setting, model, seed, 0.0, requests // 4)
        return
    yield "apart", _measured(setting, model, seed, _REST_S, requests)
    yield "in step", _measured(setting, model, seed, 0.0, requests)


def _measured(setting: Setting, model: Model, seed: int, rest_s: float, requests: int) -> Times:
    slots = setting.slots
    direct: list[Played] = []
    through: list[Played] = []
    for number in range(requests // (2 * slots * _TURNS)):
        once = partial(
            play,
            crowd(seed + number, 2 * slots),
            setting,
            model,
            at_once=slots,
            rest_s=rest_s,
            is_warm=True,
        )
        direct.append(once(through=False))
        through.append(once(through=True))
    return Times(
        _first_bytes(direct),
        _first_bytes(through),
        (_waited(direct), _waited(through)),
        sum(busy(played.log) for played in through),
        sum(played.failures for played in through) - sum(played.failures for played in direct),
    )


def _first_bytes(runs: list[Played]) -> tuple[float, ...]:
    return tuple(count.first_byte_s for count in _counts(runs))


def _waited(runs: list[Played]) -> float:
    return max(count.first_byte_s - count.reading_s for count in _counts(runs))


def _counts(runs: list[Played]) -> Iterator[Count]:
    return chain.from_iterable(played.counts for played in runs)


def busy(log: Sequence[Json]) -> int:
    """Requests that were sent to a slot by number while another one, by the proxy's own log, ran there."""
    named = [(line["slot"], *_span(line)) for line in log if line["slot"] is not None]
    return sum(
        slot == other and began < other_ended and other_began < ended
        for (slot, began, ended), (other, other_began, other_ended) in combinations(named, 2)
    )


def _span(turn: Json) -> tuple[float, float]:
    """When a turn began and ended, in Unix time."""
    began = datetime.fromisoformat(turn["time"]).timestamp()
    return began, began + turn["total_ms"] / 1000


def line(setting: Setting, pace: str, times: Times) -> str:
    """A row of the table, in milliseconds."""
    shares = [at(side, share) for share in (0.5, 0.95, 1) for side in (times.direct, times.through)]
    cells = "".join(f"{1000 * time:>9.0f}" for time in (*shares, *times.waited))
    verdict = "pass" if times.holds else "FAIL"
    return (
        f"{setting.name:<22}{pace:<9}{len(times.direct):>8}{cells}{times.busy:>6}{times.failed:>8}"
        f"  {verdict}"
    )


HEAD = (
    f"{'setting':<22}{'pace':<9}{'requests':>8}{'p50 dir':>9}{'through':>9}{'p95 dir':>9}{'through':>9}"
    f"{'max dir':>9}{'through':>9}{'waited':>9}{'through':>9}{'busy':>6}{'failed':>8}  ms to the first byte"
)
