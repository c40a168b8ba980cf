"""What to do about a break, as a value that can be pasted where it belongs.

A hint is one of three things to set, or the reason why nothing can be set. It is never something that is in
force already.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from warmprefix.core.identity.transient import Block
from warmprefix.core.identity.volatile import Pattern

Where = Literal["setting", "backend", "client", "none"]
"""Whose it is: a setting of the proxy, a flag of the backend, a setting of the client; or nothing helps."""

SETTINGS_FILE = "warmprefix.toml"
LLAMA_SERVER = "the command line of llama-server (behind Lemonade: llamacpp.args)"


@dataclass(frozen=True, slots=True)
class Hint:
    """One thing to do. `text`: what it does and what it costs, or why nothing can be done.

    `paste`: what to paste into `place`; `command`: a command line that does the same. `saves_tokens`: how many
    tokens of this turn it would have saved, None if that is not known. `source`: where it is documented, if it
    is not ours.
    """

    where: Where
    text: str
    paste: str | None = None
    place: str | None = None
    command: str | None = None
    saves_tokens: int | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class ClientSetting:
    """A setting of a client that helps the cache. `cures`: causes that it takes away, if `pattern` is found
    near the change; None: wherever it is. `paste` goes into `place`."""

    client: str
    label: str
    cures: tuple[str, ...]
    paste: str
    place: str
    why: str
    source: str
    pattern: re.Pattern[str] | None = None


@dataclass(frozen=True, slots=True)
class Able:
    """What is known of the backend that decides about a hint. `kind`: its kind, as settings name it.

    `prints_reasoning`: whether the template keeps reasoning; `has_ram`: whether it was seen to have a cache of
    prompts in RAM; `slots`: how many it has; `saves`: whether slots are saved to files; `can_shift`: False if
    it cannot shift its cache. None: not known.
    """

    kind: str = ""
    prints_reasoning: bool | None = None
    has_ram: bool | None = None
    slots: int | None = None
    saves: bool | None = None
    can_shift: bool | None = None


@dataclass(frozen=True, slots=True)
class OwnText:
    """Text of which the user says that it changes by itself."""

    name: str
    pattern: Pattern


@dataclass(frozen=True, slots=True)
class OwnBlock:
    """A block of which the user says that it is only in the newest turn."""

    name: str
    block: Block


@dataclass(frozen=True, slots=True)
class InForce:
    """What is set already, as far as a hint depends on it. `client`: by whose name a rule may be enabled, empty
    if it has none; `client_settings`: those of it that help; `texts`, `blocks`: what the user has named;
    `keeps_branches`: an edit and another branch get a slot of their own."""

    client: str = ""
    enable: tuple[str, ...] = ()
    disable: tuple[str, ...] = ()
    restore_reasoning: str = "auto"
    is_observed: bool = False
    client_settings: tuple[ClientSetting, ...] = ()
    able: Able = Able()
    texts: tuple[OwnText, ...] = ()
    blocks: tuple[OwnBlock, ...] = ()
    keeps_branches: bool = False

    def is_on(self, rule: str) -> bool:
        """Whether an opt-in rule acts on this client's requests."""
        return _names(self.enable, rule, self.client) != () and not self.disabled(rule)

    def disabled(self, rule: str) -> tuple[str, ...]:
        """The names in `disable` that switch a rule off for this client."""
        return _names(self.disable, rule, self.client)


def _names(names: Sequence[str], rule: str, client: str) -> tuple[str, ...]:
    return tuple(name for name in names if name in (rule, f"{client}:{rule}"))


def set_value(key: str, value: str | bool, text: str) -> Hint:
    """A hint to give a setting of ours this value."""
    section, name = key.split(".")
    word = value if isinstance(value, str) else json.dumps(value)
    return Hint(
        "setting",
        text,
        paste=f"[{section}]\n{name} = {json.dumps(value)}",
        place=SETTINGS_FILE,
        command=f"warmprefix config set {key} {word}",
    )


def enable(rule: str, force: InForce, text: str) -> Hint:
    """A hint to switch an opt-in rule on, beside those that are on; for the client alone if it has a name."""
    name = f"{force.client}:{rule}" if force.client else rule
    return _listed("enable", (*force.enable, name), f"+{name}", text)


def no_longer_disable(rule: str, force: InForce, text: str) -> Hint:
    """A hint to leave a rule out of `disable`."""
    gone = force.disabled(rule)
    left = tuple(name for name in force.disable if name not in gone)
    return _listed("disable", left, " ".join(f"-{name}" for name in gone), text)


def _listed(key: str, names: Sequence[str], change: str, text: str) -> Hint:
    return Hint(
        "setting",
        text,
        paste=f"[canonicalize]\n{key} = {json.dumps(list(names))}",
        place=SETTINGS_FILE,
        command=f"warmprefix config set canonicalize.{key} {change}",
    )


def flag(flags: str, text: str, place: str = LLAMA_SERVER) -> Hint:
    """A hint to give the backend these flags."""
    return Hint("backend", text, paste=flags, place=place)


def nothing(why: str) -> Hint:
    """The hint that nothing can be set."""
    return Hint("none", f"nothing can be set against it: {why}")


def of_client(setting: ClientSetting) -> Hint:
    """The hint to set something in the client."""
    return Hint(
        "client",
        setting.why,
        paste=setting.paste,
        place=f"{setting.label}: {setting.place}",
        source=setting.source,
    )
