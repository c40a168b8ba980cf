"""Which settings differ, and which of them are used at once. On a process: tests/server/test_signals.py."""

from dataclasses import replace

from warmprefix.config import Config, NamedBackend
from warmprefix.config.schema import KEYS, is_reloadable
from warmprefix.server.reload import changes


def test_what_differs_is_named() -> None:
    before = Config()
    other = replace(
        before, server=replace(before.server, port=9), backends=(NamedBackend(url="http://b"),)
    )

    assert [*changes(before, before)] == []
    assert [*changes(before, other)] == ["server.port", "backends"]


def test_rules_and_the_log_can_change_while_it_runs() -> None:
    assert {path.partition(".")[0] for path in KEYS if is_reloadable(path)} == {
        "canonicalize",
        "log",
    }
