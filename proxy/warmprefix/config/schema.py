"""Every setting once: its name, type, default, meaning, unit and limits.

A section is a frozen dataclass, a setting is one of its fields; the text below it says what it means. pydantic
checks what users give against the types (`adapter`). A text in an `Annotated` is the unit.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, with_config

from warmprefix.backends.kinds import KINDS
from warmprefix.config.checks import (
    checked_ca,
    checked_header,
    checked_hosts,
    checked_session,
    checked_token,
    checked_url,
    known_client,
    known_rule,
)
from warmprefix.config.patterns import TransientBlock, VolatileText
from warmprefix.stores import STORES

if TYPE_CHECKING:
    BackendKind = str
    StoreName = str
else:  # the registries say which
    BackendKind = Literal[("auto", *(kind.name for kind in KINDS))]
    StoreName = Literal[tuple(kind.name for kind in STORES)]
LogLevel = Literal["error", "warning", "info", "debug"]
RestoreReasoning = Literal["auto", "always", "never"]
Pin = Literal["auto", "off"]
Save = Literal["auto", "off"]
PrewarmMode = Literal["auto", "off"]
PrewarmOpenings = Literal["restore", "off"]

# Strict: a number must be a number, though an int will do for a float; true is not one.
Switch = Annotated[bool, Field(strict=True)]
Port = Annotated[int, Field(strict=True, ge=0, le=65535)]
Files = Annotated[int, Field(strict=True, ge=0, le=1000), "files"]
Openings = Annotated[int, Field(strict=True, ge=0, le=1000), "openings"]
Bytes = Annotated[int, Field(strict=True, ge=1), "bytes"]
Turns = Annotated[int, Field(strict=True, ge=1), "turns"]
Tokens = Annotated[int, Field(strict=True, ge=1), "tokens"]
Seconds = Annotated[float, Field(strict=True, ge=0), "seconds"]
SomeSeconds = Annotated[float, Field(strict=True, gt=0), "seconds"]
Weight = Annotated[float, Field(strict=True, gt=0)]
CaFile = Annotated[str, AfterValidator(checked_ca)]
Address = Annotated[str, AfterValidator(checked_url)]
KnownClient = Annotated[str, AfterValidator(known_client)]
Hosts = Annotated[str, AfterValidator(checked_hosts)]
Secret = Annotated[str | None, AfterValidator(checked_token)]
HeaderName = Annotated[str, AfterValidator(checked_header)]
SessionHeaders = Annotated[str, AfterValidator(checked_session)]
Rules = tuple[Annotated[str, AfterValidator(known_rule)], ...]


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """`[server]`: where the proxy listens and what it lets in."""

    host: Hosts = "127.0.0.1"
    """Address to listen on. Anything but loopback should have an api_key. Several: with commas."""
    port: Port = 8484
    """Port to listen on; 0 takes any free one."""
    api_key: Secret = field(default=None, repr=False)
    """Key that clients must send as `Authorization: Bearer` or `X-Api-Key`. Empty: no key is asked for."""
    api_key_file: str = ""
    """File with this key, instead of api_key."""
    max_body_bytes: Bytes = 104857600
    """Largest request body; a larger one is answered with 413."""
    name: str = ""
    """Name of this proxy among several, for owner of [[backends]]. Empty: the name of the host."""
    shutdown_grace_s: Seconds = 30.0
    """How long running replies may go on after a stop signal."""
    allowed_hosts: tuple[str, ...] = ()
    """Host names besides the loopback ones under which the proxy may be used, and of pages that may use it."""
    keep_alive_s: Seconds = 0.0
    """If a streamed reply has been silent for so long while the prompt is read, the client is sent something
    that says nothing (a comment, on /v1/messages a ping), and again after as long. 0: never.
    """
    keep_alive_clients: tuple[KnownClient, ...] = ()
    """The clients that get it, by name (docs/clients.md). Empty: all."""
    early_headers: Switch = False
    """Begin such a stream before the backend has answered. An error of the backend is then an event in it."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """The addresses to listen on, one at least, in lower case."""
        return tuple(host.strip().lower() for host in self.host.split(","))


@dataclass(frozen=True, slots=True)
class BackendConfig:
    """`[backend]`: the server that holds the model."""

    url: Address = "http://127.0.0.1:8080"
    """Address of the backend, without /v1. If nothing sets it, serve and doctor take the llama-server or
    Lemonade that answers on this machine: port 8080, 9931 or 13305.
    """
    kind: BackendKind = "auto"
    """What the backend is; auto asks it."""
    api_key: Secret = field(default=None, repr=False)
    """Key of the backend (llama-server --api-key): for the proxy's own questions, and for clients
    that send no key of their own. Empty: the questions use the key of a request that succeeded.
    """
    api_key_file: str = ""
    """File with this key, instead of api_key."""
    ca_file: CaFile = ""
    """File with the certificates that sign the backend's own (PEM). Empty: those of the system."""
    verify: Switch = True
    """Check the backend's certificate. Without that, whoever is in between reads and answers everything."""
    connect_timeout_s: SomeSeconds = 5.0
    """How long a connection may take to open."""
    first_byte_timeout_s: Seconds = 0.0
    """How long the first byte of a reply may take. 0: no limit; minutes are normal if a long prompt is not
    cached.
    """
    idle_connection_s: Seconds = 4.0
    """How long an idle connection is kept; less than the 5 seconds of Lemonade."""
    ask_usage: Switch = False
    """Ask a backend that counts tokens of streams only if it is asked (vllm, sglang, mlx, ollama, another) for
    them when a client of chat completions or completions does not, and leave the answer out of what the
    client gets. Without it such a turn has no counts in the log.
    """
    ask_progress: Switch = False
    """Ask llama-server in a stream of chat completions or responses how far it has read the prompt, for the
    dashboard and the log, and leave the answer out of what the client gets.
    """
    max_event_bytes: Bytes = 16777216
    """Longest event of a streamed reply that is read; a longer one is only relayed, with what follows. Of any
    reply 64 MiB are read.
    """
    session_header: SessionHeaders = ""
    """Header that tells a router behind the proxy the conversation, so that all of its turns come to one
    worker: X-Session-ID, or what a router reads: vllm-router, smg, olla, dynamo, litellm. Several: with
    commas. It is not sent to llama-server and Lemonade.
    """


@dataclass(frozen=True, slots=True)
class NamedBackend(BackendConfig):
    """`[[backends]]`: one of several. If a table leaves a setting out, that of `[backend]` applies."""

    url: Address = field(kw_only=True)
    """Address of the backend, without /v1."""
    models: tuple[str, ...] = ()
    """Names of the models it serves. Empty: any."""
    weight: Weight = 1.0
    """How many requests it gets at the same time, compared with the others."""
    name: str = ""
    """Name in the log. Empty: host and port."""
    owner: str = ""
    """Which of several proxies chooses slots there: its server.name. Empty: any, by a lease in the ledger."""

    def __post_init__(self) -> None:
        """Fill in the name."""
        if not self.name:
            object.__setattr__(self, "name", urlsplit(self.url).netloc)


@dataclass(frozen=True, slots=True)
class CanonicalizeConfig:
    """`[canonicalize]`: which rules run."""

    enable: Rules = ()
    """Opt-in rules to switch on, for every client or for one: hermes:freeze-volatile. They may
    change the meaning.
    """
    disable: Rules = ()
    """Rules to switch off, for every client or for one."""
    max_bytes: Bytes = 8388608
    """A request with more text than this is relayed as it comes, without being read: no model here holds so
    much. Pictures and sound in it do not count.
    """
    volatile: tuple[VolatileText, ...] = ()
    """Text of your own client that changes by itself: tables with name, pattern, example, and perhaps
    use (freeze, move or strip) and client. docs/rules.md, "Text of your own client".
    """
    transient: tuple[TransientBlock, ...] = ()
    """Blocks that your own client shows only in the newest user turn: tables with name, opens, closes,
    example, and perhaps client. They are put back where they were sent.
    """


@dataclass(frozen=True, slots=True)
class MemoryConfig:
    """`[memory]`: the ledger of what was sent and generated."""

    store: StoreName = "sqlite"
    """Where the ledger lives; memory keeps nothing on disk; redis is for several proxies that share one. The
    address of that may stand here: rediss://user@host:6379/0.
    """
    path: str = ""
    """File of the sqlite store. Empty: warmprefix/ledger.db in the user's data folder. Of the redis store its
    address, rediss://user@host:6379/0, without the password. Empty: port 6379 of this machine.
    """
    password: Secret = field(default=None, repr=False)
    """Password of the redis store. Empty: it asks for none."""
    password_file: str = ""
    """File with this password, instead of password."""
    key: Secret = field(default=None, repr=False)
    """Secret under which the redis store encrypts texts; the same for all proxies that share one. Empty: they
    are stored as they are.
    """
    key_file: str = ""
    """File with this secret, instead of key."""
    max_bytes: Bytes = 1073741824
    """Size of the ledger above which the oldest is forgotten."""
    max_age_s: SomeSeconds = 2592000.0
    """Age at which an unused conversation is forgotten."""
    scope_headers: tuple[HeaderName, ...] = ()
    """Headers besides Authorization, X-Api-Key and api-key by which users are told apart, so that nobody is
    shown another's memory: ["X-OpenWebUI-User-Id"]. Only if a front that you trust sets them.
    """
    restore_reasoning: RestoreReasoning = "auto"
    """Put back reasoning that the client dropped; auto: if the template keeps it, which the proxy
    finds out by asking.
    """
    transient_max_turns: Turns = 50
    """Behind so many replies, what restore-transient-blocks has put back leaves the prompt, but only
    when its beginning has to be read again anyway.
    """


@dataclass(frozen=True, slots=True)
class SlotsConfig:
    """`[slots]`: which of the backend's slots a request goes to."""

    pin: Pin = "auto"
    """Choose the slot if that keeps a conversation's cache and we know what the slots hold; off: never, and
    nothing is saved or read ahead.
    """
    side_wait_s: Seconds = 0.0
    """With a single slot: how long a side request (a title, tags) waits at most while a
    conversation is in a tool loop, which it would cut. 0: it does not wait.
    """
    separate_branches: Switch = False
    """A request that leaves its conversation in the middle (an edit, another branch of a chat) gets an
    empty slot if there is one, so that what it leaves stays warm. For people who go back and forth: each
    branch and each edit then reads what they share once more, unless the slot can be saved or copied.
    """
    save: Save = "auto"
    """Save a conversation's slot to disk and restore it when the conversation comes back; auto:
    if llama-server runs with --slot-save-path.
    """
    save_idle_s: SomeSeconds = 30.0
    """How long a slot must be unused before it is saved; one that another request is about to
    take is saved at once.
    """
    save_path: str = ""
    """The folder of --slot-save-path as this proxy sees it, so that it can delete files. Empty: 16 files are
    overwritten in turn.
    """
    max_save_bytes: Bytes = 21474836480
    """Size of all saved slots above which the least valuable one is dropped."""
    min_save_tokens: Tokens = 512
    """Shorter conversations are not saved."""
    openings: Openings = 8
    """How many openings are saved (what new conversations of one kind begin with), so that the next one of a
    kind does not read it again. 0: none.
    """
    finish_read: Switch = False
    """If a client leaves while its prompt is read, let that end, so that it finds the prompt read when it asks
    again. Any other request ends it at once, and 10 minutes do.
    """


@dataclass(frozen=True, slots=True)
class PrewarmConfig:
    """`[prewarm]`: reading the coming prompt while the user reads the answer."""

    mode: PrewarmMode = "auto"
    """Evaluate ahead what a new user message makes the template render differently; auto: if the
    backend is idle and its slots are known.
    """
    min_tokens: Tokens = 256
    """It begins only if at least this many tokens would be lost without it."""
    idle_s: Seconds = 0.5
    """How long the backend must have been idle before it begins."""
    restart_check_s: Seconds = 5.0
    """How often the backend is asked if it is there and has restarted, so that the operator reads of it and the
    latest conversations are read again before they come back. 0: never.
    """
    openings: PrewarmOpenings = "restore"
    """What is done with saved openings after a start of the backend, while nothing runs: restore puts the most
    used ones into empty slots, which evaluates nothing; off: a request restores the one that it begins with.
    """


@dataclass(frozen=True, slots=True)
class LogConfig:
    """`[log]`: the turn log, which standard output always gets, and the operator's log on standard error."""

    file: str = ""
    """File that gets the turn log as well. Empty: none."""
    excerpts: Switch = False
    """Let a cache break show the prompt text before and after it."""
    max_bytes: Bytes = 10485760
    """Size at which the file is rotated."""
    backups: Files = 5
    """How many rotated files are kept."""
    level: LogLevel = "info"
    """The least severe messages that standard error gets: error (a mistake of the proxy), warning
    (something is not as it should be), info (what it does), debug (every failure, not one a minute).
    """


@with_config(ConfigDict(extra="forbid", allow_inf_nan=False))  # applies to the sections too
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
        """The backends in the order of the file; the one of `[backend]` if there are no others."""
        return self.backends or (NamedBackend(**asdict(self.backend)),)


@cache
def adapter() -> TypeAdapter[Config]:
    """Makes a Config of TOML tables; created when the first one is loaded."""
    return TypeAdapter(Config)


@dataclass(frozen=True, slots=True)
class Key:
    """One setting as the loader sees it. `choices` is empty if any value of the type will do."""

    section: str
    name: str
    default: object
    choices: tuple[str, ...] = ()
    is_secret: bool = False

    @property
    def path(self) -> str:
        """`section.name`, as errors and `warmprefix config` write it."""
        return f"{self.section}.{self.name}"


def section_keys(section: str, of: type[Any]) -> list[Key]:
    """The settings of one section, in the order of its fields."""
    return [
        Key(
            section,
            f.name,
            f.default,
            choices=get_args(f.type) if get_origin(f.type) is Literal else (),
            is_secret=not f.repr,
        )
        for f in fields(of)
    ]


KEYS: Mapping[str, Key] = {
    key.path: key
    for section in fields(Config)
    if section.name != "backends"
    for key in section_keys(section.name, type(getattr(Config(), section.name)))
}
"""Every setting by its path, in the order of the file."""

RELOADABLE = ("canonicalize", "log")
"""Sections of which a running proxy uses every setting once it has read the file again."""


def is_reloadable(path: str) -> bool:
    """Whether a setting can change while the proxy runs."""
    return path.partition(".")[0] in RELOADABLE


SECTIONS: tuple[str, ...] = tuple(dict.fromkeys(key.section for key in KEYS.values()))

ENTRY_KEYS: Mapping[str, Mapping[str, Key]] = {
    path: {key.name: key for key in section_keys(path, of)}
    for path, of in (
        ("canonicalize.volatile", VolatileText),
        ("canonicalize.transient", TransientBlock),
    )
}
"""The keys of the tables in a setting that is a list of them."""

TABLE_KEYS: Mapping[str, Key] = {key.name: key for key in section_keys("backends", NamedBackend)}
"""Every setting of a `[[backends]]` table by its name."""
