"""What `warmprefix doctor` learned about a backend: values without judgement.

Filled by backends/ask.py, judged by findings.py and its neighbours. None always means that the backend did
not say.
"""

from dataclasses import dataclass
from typing import Literal

Switch = Literal["on", "off", "unknown"]
"""Whether an endpoint or a feature is there; unknown if nobody answered."""

State = Literal["ready", "loading", "asleep", "router", "locked"]
Clock = Literal["none", "date", "time"]
Rewrite = Literal["none", "reasoning", "more"]
Counts = Literal["always", "with-option", "never"]


@dataclass(frozen=True, slots=True)
class TemplateFeatures:
    """What the chat template makes of a prompt, learned by rendering probes.

    `rewrites`: the part of a tool loop that is rendered differently once a newer user message follows.
    `key_order`: whether the keys of arguments appear in the order in which they were sent. `clock`: whether
    it prints the date or the time of day. `can_preserve`: whether llama-server can make it keep reasoning.
    """

    reasoning_in_loop: bool | None = None
    reasoning_in_history: bool | None = None
    rewrites: Rewrite | None = None
    tools: bool | None = None
    calls: bool | None = None
    call_ids: bool | None = None
    nine_character_ids: bool | None = None
    key_order: bool | None = None
    clock: Clock | None = None
    can_preserve: bool = False


@dataclass(frozen=True, slots=True)
class Probe:
    """One experiment on an idle slot: a prompt, then one that shares its first `shared` tokens.

    `cached`: how many of them the backend reused; `rate`: tokens evaluated per second. `problem`: why there is
    no result.
    """

    shared: int = 0
    cached: int | None = None
    rate: float | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """One llama-server. `context_tokens`: the context of one slot. `arguments`: its command line, if known."""

    url: str
    state: State = "ready"
    build: str | None = None
    model: str | None = None
    slots: int | None = None
    context_tokens: int | None = None
    slots_page: Switch = "unknown"
    metrics_page: Switch = "unknown"
    slot_saving: Switch = "unknown"
    template: TemplateFeatures | None = None
    arguments: tuple[str, ...] | None = None
    probe: Probe | None = None


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A language model that Lemonade has in memory. `url`: its llama-server, if it has one."""

    name: str
    recipe: str
    url: str | None = None
    arguments: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class LemonadeFacts:
    """One Lemonade Server. `loaded`: most recently used first. `limit`: language models at a time, -1 if there
    is no limit; `available`: models it has downloaded. `is_local`: it runs on this machine."""

    version: str | None = None
    loaded: tuple[LoadedModel, ...] = ()
    limit: int | None = None
    available: int = 0
    auto_evict: bool | None = None
    is_local: bool = True


@dataclass(frozen=True, slots=True)
class Engine:
    """What a kind declares of an engine. `label`: its name as people write it; `source`: of what is said here.

    `counts`: whether its replies have cached tokens, in `usage.prompt_tokens_details.cached_tokens`: always,
    only if it was started with `option`, or never. `since`: the first version that does; empty if all that
    matter do. In a stream they come with the last event, if they are asked for. `off`: what of its command
    line switches the cache off or on. `thinking`: what of it makes a template keep the reasoning of earlier
    turns; empty if there is nothing.
    """

    label: str
    counts: Counts
    source: str
    option: str = ""
    since: str = ""
    off: str = ""
    thinking: str = ""


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """One engine, and what it says of itself: its version, whether it counts, whether it reuses prefixes."""

    engine: Engine
    version: str | None = None
    counts: Switch = "unknown"
    caches: Switch = "unknown"


@dataclass(frozen=True, slots=True)
class Facts:
    """A backend. `locked`: it answers 401 without a key. `server`: the llama-server, or the one behind
    Lemonade. `counts`: whether a backend of its kind reports cached tokens. `engine`: what it is if it keeps
    its cache without slots."""

    url: str
    kind: str
    locked: bool = False
    models: tuple[str, ...] = ()
    server: ServerFacts | None = None
    lemonade: LemonadeFacts | None = None
    counts: bool = False
    engine: EngineFacts | None = None
