"""The user's settings, the source of each value, and a line for each mistake.

Nothing outside this package reads the environment for settings or parses TOML.
"""

from warmprefix.config.load import Effective, load
from warmprefix.config.paths import ledger_path, log_path, slots_path, sums_path
from warmprefix.config.schema import (
    BackendConfig,
    CanonicalizeConfig,
    Config,
    LogConfig,
    MemoryConfig,
    NamedBackend,
    PrewarmConfig,
    ServerConfig,
)
from warmprefix.config.show import effective_lines

__all__ = [
    "BackendConfig",
    "CanonicalizeConfig",
    "Config",
    "Effective",
    "LogConfig",
    "MemoryConfig",
    "NamedBackend",
    "PrewarmConfig",
    "ServerConfig",
    "effective_lines",
    "ledger_path",
    "load",
    "log_path",
    "slots_path",
    "sums_path",
]
