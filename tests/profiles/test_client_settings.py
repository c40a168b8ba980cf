"""Settings of clients: each has a source, cures only causes that there are, and finds what it is for."""

import pytest

from warmprefix.core.explain.cures import CAUSES, Broken, hint_of
from warmprefix.core.explain.hint import ClientSetting, InForce
from warmprefix.profiles.client_settings import client_settings, settings_of


@pytest.mark.parametrize("row", client_settings(), ids=lambda row: row.paste)
def test_a_setting_has_what_a_reader_needs(row: ClientSetting) -> None:
    assert row.label
    assert row.place
    assert row.why
    assert "http" in row.source or "measured" in row.source
    assert set(row.cures) <= CAUSES


SEEN = [
    ("claude-code", "x-anthropic-billing-header: cc_version=1", "CLAUDE_CODE_ATTRIBUTION_HEADER=0"),
    ("claude-code", "gitStatus: This is the git", "CLAUDE_CODE_DISABLE_GIT_INSTRUCTIONS=1"),
    ("opencode", "[Old tool result content cleared]", '{"compaction": {"prune": false}}'),
]


@pytest.mark.parametrize(("client", "near", "paste"), SEEN)
def test_the_setting_that_cures_a_break_is_named(client: str, near: str, paste: str) -> None:
    force = InForce(client, client_settings=settings_of(client))
    hint = hint_of(Broken("edit", "client", near=near), force)

    assert (hint.where, hint.paste) == ("client", paste)


@pytest.mark.parametrize("client", ["claude-code", "opencode", "unknown"])
def test_any_other_change_is_not_blamed_on_a_setting(client: str) -> None:
    force = InForce(client, client_settings=settings_of(client))

    assert hint_of(Broken("edit", "client", near="another text"), force).where == "none"
