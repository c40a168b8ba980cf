"""Where the files of the configuration live on disk."""

from collections.abc import Mapping
from pathlib import Path

from warmprefix.config.schema import LogConfig, MemoryConfig
from warmprefix.stores import store_kind


def ledger_path(memory: MemoryConfig, environ: Mapping[str, str]) -> Path:
    """The configured file of the store, otherwise the default one; its folder may not exist yet.

    Source of the default: XDG Base Directory Specification 0.8, "Environment variables"; it says
    that a relative XDG_DATA_HOME must be ignored.
    """
    if memory.path and store_kind(memory.store).place != "address":
        return Path(memory.path).expanduser()
    home = Path(environ.get("XDG_DATA_HOME") or "")
    folder = home if home.is_absolute() else Path.home() / ".local" / "share"
    return folder / "warmprefix" / "ledger.db"


def slots_path(memory: MemoryConfig, environ: Mapping[str, str]) -> Path | None:
    """The index of saved slots, beside the ledger; None if nothing is to be kept on disk."""
    if store_kind(memory.store).place == "nowhere":
        return None
    return ledger_path(memory, environ).with_name("slots.json")


def sums_path(memory: MemoryConfig, environ: Mapping[str, str], port: int) -> Path | None:
    """The sums of the proxy on this port, beside the ledger; None if nothing is to be kept on disk, or the port
    is another one at each start."""
    if not port or store_kind(memory.store).place == "nowhere":
        return None
    return ledger_path(memory, environ).with_name(f"sums-{port}.json")


def log_path(log: LogConfig) -> Path | None:
    """The turn log's file, or None if only standard output gets it."""
    return Path(log.file).expanduser() if log.file else None
