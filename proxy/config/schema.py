"""Every setting once: its name, type, default, meaning, unit and limits.

A section is a frozen dataclass, a setting one of its fields with a `Setting` in its metadata.
The loader, `warmprefix config` and the tests of config.example.toml all read it from here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Literal, get_args

BackendKind = Literal["auto", "llamacpp", "lemonade", "openai-compatible"]
StoreName = Literal["sqlite", "memory"]
RestoreReasoning = Literal["auto", "always", "never"]
Pin = Literal["auto", "off"]
Check = Literal["", "url", "token", "rules"]


@dataclass(frozen=True, slots=True)
class Setting:
    """What the type of a field cannot say. `least`, `above` and `most` limit numbers.

    `check` names a further test of the value (checks.py); `flag` is the command line's name for it.
    """

    meaning: str
    unit: str = ""
    least: float | None = None
    above: float | None = None
    most: float | None = None
    check: Check = ""
    flag: str = ""
    secret: bool = False


def about(
    meaning: str,
    unit: str = "",
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    check: Check = "",
    flag: str = "",
    secret: bool = False,
) -> Mapping[str, Setting]:
    """The metadata of a field: its Setting under the key `setting`."""
    return {"setting": Setting(meaning, unit, least, above, most, check, flag, secret)}


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """`[server]`: where the proxy listens and what it lets in."""

    host: str = field(
        default="127.0.0.1",
        metadata=about(
            "Address to listen on. Anything but loopback should have an api_key.", flag="--host"
        ),
    )
    port: int = field(
        default=8484,
        metadata=about(
            "Port to listen on; 0 takes any free one.", least=0, most=65535, flag="--port"
        ),
    )
    api_key: str | None = field(
        default=None,
        metadata=about(
            "Key that clients must send as `Authorization: Bearer`. Empty: no key is asked for.",
            check="token",
            secret=True,
        ),
    )
    max_body_bytes: int = field(
        default=104857600,
        metadata=about(
            "Largest request body; a larger one is answered with 413.", "bytes", least=1
        ),
    )
    shutdown_grace_s: float = field(
        default=30.0,
        metadata=about(
            "How long running replies may go on after a stop signal.", "seconds", least=0
        ),
    )
    allowed_hosts: tuple[str, ...] = field(
        default=(),
        metadata=about(
            "Host names besides the loopback ones under which /warmprefix/* may be opened."
        ),
    )


@dataclass(frozen=True, slots=True)
class BackendConfig:
    """`[backend]`: the server that holds the model."""

    url: str = field(
        default="http://127.0.0.1:8080",
        metadata=about("Address of the backend, without /v1.", check="url", flag="--backend"),
    )
    kind: BackendKind = field(default="auto", metadata=about("What the backend is; auto asks it."))
    connect_timeout_s: float = field(
        default=5.0, metadata=about("How long a connection may take to open.", "seconds", above=0)
    )
    first_byte_timeout_s: float = field(
        default=0.0,
        metadata=about(
            "How long the first byte of a reply may take. 0: no limit; minutes are normal for a "
            "long prompt that is not cached.",
            "seconds",
            least=0,
        ),
    )
    idle_connection_s: float = field(
        default=4.0,
        metadata=about(
            "How long an idle connection is kept; less than the 5 seconds of Lemonade.",
            "seconds",
            least=0,
        ),
    )


@dataclass(frozen=True, slots=True)
class CanonicalizeConfig:
    """`[canonicalize]`: which rules run."""

    enable: tuple[str, ...] = field(
        default=(),
        metadata=about(
            "Opt-in rules to switch on, for every client or for one: hermes:freeze-volatile. They "
            "may change the meaning.",
            check="rules",
        ),
    )
    disable: tuple[str, ...] = field(
        default=(),
        metadata=about("Rules to switch off, for every client or for one.", check="rules"),
    )


@dataclass(frozen=True, slots=True)
class MemoryConfig:
    """`[memory]`: the ledger of what was sent and generated."""

    store: StoreName = field(
        default="sqlite", metadata=about("Where the ledger lives; memory keeps nothing on disk.")
    )
    path: str = field(
        default="",
        metadata=about(
            "File of the sqlite store. Empty: warmprefix/ledger.db in the user's data folder."
        ),
    )
    max_bytes: int = field(
        default=1073741824,
        metadata=about("Size of the ledger above which the oldest is forgotten.", "bytes", least=1),
    )
    max_age_s: float = field(
        default=2592000.0,
        metadata=about("Age at which an unused conversation is forgotten.", "seconds", above=0),
    )
    restore_reasoning: RestoreReasoning = field(
        default="auto",
        metadata=about(
            "Put back reasoning that the client dropped; auto: where the template keeps it, found by asking."
        ),
    )


@dataclass(frozen=True, slots=True)
class SlotsConfig:
    """`[slots]`: which of the backend's slots a request goes to."""

    pin: Pin = field(
        default="auto",
        metadata=about(
            "Ask for a slot, so that side requests and other conversations stay off the one that holds "
            "a conversation; auto: where the backend says how many it has."
        ),
    )


@dataclass(frozen=True, slots=True)
class LogConfig:
    """`[log]`: the turn log. Standard output always gets it."""

    file: str = field(
        default="", metadata=about("File that gets the turn log as well. Empty: none.")
    )
    excerpts: bool = field(
        default=False, metadata=about("Let a cache break show the prompt text before and after it.")
    )
    max_bytes: int = field(
        default=10485760, metadata=about("Size at which the file is rotated.", "bytes", least=1)
    )
    backups: int = field(
        default=5, metadata=about("Rotated files that are kept.", "files", least=0, most=1000)
    )


@dataclass(frozen=True, slots=True)
class Config:
    """All settings; `Config()` is the default of each."""

    server: ServerConfig = field(default_factory=ServerConfig)
    backend: BackendConfig = field(default_factory=BackendConfig)
    canonicalize: CanonicalizeConfig = field(default_factory=CanonicalizeConfig)
    memory: MemoryConfig = field(default_factory=MemoryConfig)
    slots: SlotsConfig = field(default_factory=SlotsConfig)
    log: LogConfig = field(default_factory=LogConfig)


@dataclass(frozen=True, slots=True)
class Key:
    """One setting as the loader sees it. `choices` is empty where any value of the type will do."""

    section: str
    name: str
    default: object
    choices: tuple[str, ...]
    setting: Setting

    @property
    def path(self) -> str:
        """`section.name`, as errors and `warmprefix config` write it."""
        return f"{self.section}.{self.name}"


def section_keys(section: str, defaults: object) -> list[Key]:
    """The settings of one section, in the order of its fields."""
    return [
        Key(
            section,
            f.name,
            f.default,
            get_args(f.type) if is_literal(f.type) else (),
            f.metadata["setting"],
        )
        for f in fields(defaults)  # type: ignore[arg-type]  # always a section above
    ]


def is_literal(annotation: object) -> bool:
    """Whether a field's type is a Literal, so that its arguments are the choices."""
    return getattr(annotation, "__origin__", None) is Literal


KEYS: Mapping[str, Key] = {
    key.path: key
    for section in fields(Config)
    for key in section_keys(section.name, getattr(Config(), section.name))
}
"""Every setting by its path, in the order of the file."""

SECTIONS: tuple[str, ...] = tuple(section.name for section in fields(Config))
