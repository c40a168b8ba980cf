"""Settings of clients that help the cache, from client_settings.json. To add one: a row there, with its source.

`cures`: causes of breaks that it takes away, if `pattern` is found near the change; empty if it helps without
curing a break that can be seen. A pattern is bounded: it runs over text that somebody else wrote.
"""

import json
import re
from functools import cache
from importlib.resources import files

from warmprefix.core.explain.hint import ClientSetting


@cache
def client_settings() -> tuple[ClientSetting, ...]:
    """All of them, in the order of the file: those of one client stand together."""
    text = files("warmprefix.profiles").joinpath("client_settings.json").read_text("utf-8")
    return tuple(_setting(row) for row in json.loads(text))


def settings_of(client: str) -> tuple[ClientSetting, ...]:
    """Those of one client, by the name of its profile."""
    return tuple(setting for setting in client_settings() if setting.client == client)


def _setting(row: dict[str, object]) -> ClientSetting:
    pattern, cures = str(row.pop("pattern")), row.pop("cures")
    texts = {name: str(value) for name, value in row.items()}
    return ClientSetting(
        **texts,
        cures=tuple(cures) if isinstance(cures, list) else (),
        pattern=re.compile(pattern) if pattern else None,
    )
