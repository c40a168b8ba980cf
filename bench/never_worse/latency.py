"""Nobody waits for a busy slot while one is idle: time to the first byte of streamed replies.

There are twice as many conversations as slots, but never more requests at once than slots: without the proxy no
request ever waits for another. A reply takes long enough that a wait would be seen.
"""

from dataclasses import dataclass
from itertools import chain

from bench.never_worse.maker import Maker
from bench.never_worse.plan import Plan
from bench.never_worse.rig import play
from bench.never_worse.settings import Model, Setting
from bench.never_worse.texts import between, text
from tests.builders import user

ADDED_S = 0.005
_TURNS = 4
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds up to the first byte, of all requests. `failed`: those that failed only through the proxy."""

    direct: tuple[float, ...]
    through: tuple[float, ...]
    failed: int

    @property
    def holds(self) -> bool:
        """Whether the 95th percentile is at most 5 ms above direct's, and nothing failed."""
        return not self.failed and at(self.through, 0.95) <= at(self.direct, 0.95) + ADDED_S


def at(times: tuple[float, ...], share: float) -> float:
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


def measure(setting: Setting, model: Model, seed: int) -> Times:
    """Measure both ways in turn, for some rounds."""
    found: dict[bool, list[tuple[float, ...]]] = {False: [], True: []}
    failed = 0
    for number in range(_ROUNDS):
        plan = crowd(seed + number, 2 * setting.slots)
        for through in (False, True):
            # With one slot "at the same time" means in order, which is what play() does.
            played = play(plan, setting, model, through=through, at_once=setting.slots)
            failed += played.failures if through else -played.failures
            found[through].append(tuple(count.first_byte_s for count in played.counts))
    return Times(tuple(chain(*found[False])), tuple(chain(*found[True])), failed)


def line(setting: Setting, times: Times) -> str:
    """A row of the table, in milliseconds."""
    cells = "".join(
        f"{1000 * at(side, share):>9.0f}"
        for share in (0.5, 0.95, 1)
        for side in (times.direct, times.through)
    )
    verdict = "pass" if times.holds else "FAIL"
    return f"{setting.name:<28}{len(times.direct):>9}{cells}{times.failed:>8}  {verdict}"


HEAD = (
    f"{'setting':<28}{'requests':>9}{'p50 dir':>9}{'through':>9}{'p95 dir':>9}{'through':>9}"
    f"{'max dir':>9}{'through':>9}{'failed':>8}  ms to the first byte"
)
