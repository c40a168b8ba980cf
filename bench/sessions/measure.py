"""One row of the table: the same session directly, directly with a noise, and through the proxy."""

from contextlib import ExitStack
from dataclasses import dataclass

from bench.sessions.agent import Agent, AgentClient
from bench.sessions.changes import Change
from bench.sessions.client import MAIN, Client
from bench.sessions.families import Family
from bench.sessions.noises import GOALS, Noise
from bench.sessions.rig import proxy, scripted_model
from bench.sessions.script import Script
from bench.sessions.scripted_model import Count


@dataclass(frozen=True, slots=True)
class Run:
    """The counts of all requests of one session, in order."""

    counts: tuple[Count, ...]

    def processed(self, label: str | None = None) -> int:
        """Tokens evaluated for prompts: all of them, or those of one kind of request."""
        return sum(c.processed_tokens for c in self.counts if label in (None, c.label))


@dataclass(frozen=True, slots=True)
class Row:
    """The results for one script, template and noise. `default`: without opt-in rules."""

    script: str
    family: str
    noise: Noise
    clean: Run
    noisy: Run
    through: Run
    default: Run

    @property
    def ratio(self) -> float:
        """Tokens processed for the conversation, divided by those of the clean client."""
        return self.through.processed(MAIN) / self.clean.processed(MAIN)

    @property
    def noisy_ratio(self) -> float:
        """The same for the noisy client without a proxy."""
        return self.noisy.processed(MAIN) / self.clean.processed(MAIN)

    @property
    def meets_goal(self) -> bool:
        """Whether the proxy makes the noise cost no more than its class allows."""
        goal = GOALS.get(self.noise.risk)
        return goal is None or self.ratio <= goal

    @property
    def is_never_worse(self) -> bool:
        """Whether the proxy with default settings costs no more than none, side requests included."""
        allowed = self.noisy.processed() + len(self.noisy.counts)
        return self.default.processed() <= allowed


class Measurement:
    """Runs sessions; a clean client is measured once for all noises that share it."""

    def __init__(self) -> None:
        self._clean: dict[tuple[str, str, int, Change, Agent | None], Run] = {}

    def row(self, script: Script, family: Family, noise: Noise) -> Row:
        """One row."""
        clean_key = (
            script.name,
            family.name,
            len(script.turns),
            noise.clean,
            noise.clean_agent,
        )
        clean = self._clean.get(clean_key)
        if clean is None:
            clean = self._clean[clean_key] = direct(
                script, family, Noise("", "lossless", noise.clean, "", agent=noise.clean_agent)
            )
        noisy = direct(script, family, noise)
        default = through(script, family, noise, ())
        enabled = through(script, family, noise, noise.enable) if noise.enable else default
        return Row(script.name, family.name, noise, clean, noisy, enabled, default)


def direct(script: Script, family: Family, noise: Noise) -> Run:
    """The session without a proxy."""
    return _run(script, family, noise, None)


def through(script: Script, family: Family, noise: Noise, enable: tuple[str, ...]) -> Run:
    """The session through a fresh proxy."""
    return _run(script, family, noise, enable)


def _run(script: Script, family: Family, noise: Noise, enable: tuple[str, ...] | None) -> Run:
    with scripted_model(family, noise.slots) as model, ExitStack() as proxies:
        urls = [model.url]
        if enable is not None:
            urls = [proxies.enter_context(proxy(model.url, enable))]
            if noise.forgets_at is not None:
                urls *= noise.forgets_at - 1
                urls.append(proxies.enter_context(proxy(model.url, enable)))
        if noise.agent is None:
            Client(urls, model, script, noise.change, noise.side, family.reasoning).play()
        else:
            AgentClient(urls, model, script, noise.agent, family.reasoning).play()
        return Run(tuple(model.counts))
