"""A running proxy reads its settings again: what can change while it runs is used at once."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

from warmprefix.config import Config, log_path
from warmprefix.config.load import Effective
from warmprefix.config.running import Announced
from warmprefix.config.schema import KEYS, is_reloadable
from warmprefix.config.show import effective_lines
from warmprefix.core.errors import ConfigError
from warmprefix.log.operator import set_level
from warmprefix.log.writer import TurnLog
from warmprefix.server.app import App

logger = logging.getLogger(__name__)


class Reload:
    """Called when the settings are to be read again. A wrong file changes nothing."""

    def __init__(
        self, app: App, log: TurnLog, note: Announced, load: Callable[[], Effective], now: Config
    ) -> None:
        self._app = app
        self._log = log
        self._note = note
        self._load = load
        self._now = now

    def __call__(self) -> None:
        """Reads them, uses what can be used, reopens the log's file, and says all of it."""
        try:
            effective = self._load()
            self._reopen(effective.config)
        except ConfigError as error:
            for line in str(error).splitlines():
                logger.warning("the settings stay as they are: %s", line)
            self._reopen(self._now)
            return
        changed = tuple(changes(self._now, effective.config))
        self._now = effective.config
        self._app.use(effective.config)
        set_level(effective.config.log.level)
        self._note.change(effective_lines(effective))
        used = [path for path in changed if is_reloadable(path)]
        later = [path for path in changed if not is_reloadable(path)]
        logger.info(
            "the settings are read again, and the log's file is opened anew; %s",
            f"in force now: {', '.join(used)}" if used else "nothing changes for the next request",
        )
        if later:
            logger.warning("needs a new start of warmprefix serve: %s", ", ".join(later))

    def _reopen(self, config: Config) -> None:
        """Opens the file of the turn log; raises ConfigError if it cannot be used."""
        path: Path | None = log_path(config.log)
        self._log.reopen(path, max_bytes=config.log.max_bytes, backups=config.log.backups)


def changes(before: Config, after: Config) -> Iterator[str]:
    """The settings that differ."""
    for key in KEYS.values():
        old, new = (getattr(getattr(one, key.section), key.name) for one in (before, after))
        if old != new:
            yield key.path
    if before.backends != after.backends:
        yield "backends"
