"""Every setting once: its name, type, default, meaning, unit and limits.

A section is a frozen dataclass, a setting one of its fields with a `Setting` in its metadata.
The loader, `warmprefix config` and the tests of config.example.toml all read it from here.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Literal, get_args
from urllib.parse import urlsplit

from warmprefix.backends.kinds import KINDS
from warmprefix.config.setting import Setting, about
from warmprefix.stores import STORES

RestoreReasoning = Literal["auto", "always", "never"]
Pin = Literal["auto", "off"]
Save = Literal["auto", "off"]
PrewarmMode = Literal["auto", "off"]
LogLevel = Literal["error", "warning", "info", "debug"]


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
        repr=False,
        metadata=about(
            "Key that clients must send as `Authorization: Bearer`. Empty: no key is asked for.",
            check="token",
            secret=True,
        ),
    )
    api_key_file: str = field(
        default="", metadata=about("File that holds this key, instead of api_key.")
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
    kind: str = field(
        default="auto",
        metadata=about(
            "What the backend is; auto asks it.",
            choices=("auto", *(kind.name for kind in KINDS)),
        ),
    )
    api_key: str | None = field(
        default=None,
        repr=False,
        metadata=about(
            "Key of the backend (llama-server --api-key): for the proxy's own questions, and for clients "
            "that send no key of their own. Empty: the questions use the key of a request that succeeded.",
            check="token",
            secret=True,
        ),
    )
    api_key_file: str = field(
        default="", metadata=about("File that holds this key, instead of api_key.")
    )
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
class NamedBackend(BackendConfig):
    """`[[backends]]`: one of several. What a table leaves out is that of `[backend]`."""

    models: tuple[str, ...] = field(
        default=(), metadata=about("Names of the models it serves. Empty: any.")
    )
    weight: float = field(
        default=1.0,
        metadata=about(
            "How many requests it gets at the same time, compared with the others.", above=0
        ),
    )
    name: str = field(default="", metadata=about("Name in the log. Empty: host and port."))


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

    store: str = field(
        default="sqlite",
        metadata=about(
            "Where the ledger lives; memory keeps nothing on disk.",
            choices=tuple(kind.name for kind in STORES),
        ),
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
            "Name a slot if that keeps a conversation's cache and it is proven what the slots hold; off: "
            "never, and nothing is saved or read ahead."
        ),
    )
    side_wait_s: float = field(
        default=0.0,
        metadata=about(
            "With a single slot: how long a side request (a title, tags) is held back at most while a "
            "conversation is in a tool loop, which it would cut. 0: it is not.",
            "seconds",
            least=0,
        ),
    )
    save: Save = field(
        default="auto",
        metadata=about(
            "Save a conversation's slot to disk and restore it when the conversation comes back; auto: "
            "where llama-server runs with --slot-save-path."
        ),
    )
    save_idle_s: float = field(
        default=30.0,
        metadata=about(
            "How long a slot must be unused before it is saved; one that is taken away is saved at once.",
            "seconds",
            above=0,
        ),
    )
    save_path: str = field(
        default="",
        metadata=about(
            "The folder of --slot-save-path as this proxy sees it, so that it can delete files. Empty: "
            "16 files are written over in turn."
        ),
    )
    max_save_bytes: int = field(
        default=21474836480,
        metadata=about(
            "Size of all saved slots above which the least valuable is given up.", "bytes", least=1
        ),
    )
    min_save_tokens: int = field(
        default=512, metadata=about("Shorter conversations are not saved.", "tokens", least=1)
    )


@dataclass(frozen=True, slots=True)
class PrewarmConfig:
    """`[prewarm]`: reading the coming prompt while the user reads the answer."""

    mode: PrewarmMode = field(
        default="auto",
        metadata=about(
            "Evaluate ahead what a new user message makes the template render otherwise; auto: where the "
            "backend is idle and its slots are known."
        ),
    )
    min_tokens: int = field(
        default=256,
        metadata=about("Tokens that must be lost without it for it to begin.", "tokens", least=1),
    )
    idle_s: float = field(
        default=0.5,
        metadata=about("How long nothing must have run before it begins.", "seconds", least=0),
    )
    restart_check_s: float = field(
        default=5.0,
        metadata=about(
            "How often the backend is asked whether it has restarted, to read the latest conversations "
            "again before they come back. 0: never.",
            "seconds",
            least=0,
        ),
    )


@dataclass(frozen=True, slots=True)
class LogConfig:
    """`[log]`: the turn log, which standard output always gets, and the operator's log on standard error."""

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
    level: LogLevel = field(
        default="info",
        metadata=about(
            "The least severe messages that standard error gets: error (a mistake of the proxy), warning "
            "(something is not as it should be), info (what it does), debug (every failure, not one a minute)."
        ),
    )


@dataclass(frozen=True, slots=True)
class Config:
    """All settings; `Config()` is the default of each."""

    server: ServerConfig = field(default_factory=ServerConfig)
    backend: BackendConfig = field(default_factory=BackendConfig)
    canonicalize: CanonicalizeConfig = field(default_factory=CanonicalizeConfig)
    memory: MemoryConfig = field(default_factory=MemoryConfig)
    slots: SlotsConfig = field(default_factory=SlotsConfig)
    prewarm: PrewarmConfig = field(default_factory=PrewarmConfig)
    log: LogConfig = field(default_factory=LogConfig)
    backends: tuple[NamedBackend, ...] = ()

    def every_backend(self) -> tuple[NamedBackend, ...]:
        """The backends in the order of the file; the one of `[backend]` where there are no others."""
        if self.backends:
            return self.backends
        return (NamedBackend(**asdict(self.backend), name=urlsplit(self.backend.url).netloc),)


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
            get_args(f.type) if is_literal(f.type) else f.metadata["setting"].choices,
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
    if section.name != "backends"
    for key in section_keys(section.name, getattr(Config(), section.name))
}
"""Every setting by its path, in the order of the file."""

SECTIONS: tuple[str, ...] = tuple(dict.fromkeys(key.section for key in KEYS.values()))

TABLE_KEYS: Mapping[str, Key] = {key.name: key for key in section_keys("backends", NamedBackend())}
"""Every setting of a `[[backends]]` table by its name."""
