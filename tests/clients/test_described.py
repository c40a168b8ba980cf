"""Every described client, the real one: three questions, each in a new process, on a real KV cache.

Each session is played directly, through the proxy as it is by default, and with the rules that are recommended
for the client, if there are any. docs/clients.md has the figures.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.browser.conftest import CHROMIUM
from tests.clients.conversations import Cost, due, processed
from tests.clients.described import CLIENTS, Client
from tests.clients.installing import missing
from tests.clients.playing import figures, session
from tests.clients.sessions import Played
from tests.servers.stock import stock_binary
from warmprefix.profiles import PROFILES

pytestmark = [
    pytest.mark.client,
    pytest.mark.backend,
    pytest.mark.skipif(stock_binary() is None, reason="no llama-server: make servers"),
    pytest.mark.timeout(900),  # nine processes of a client, and three servers
]


def row(client: Client) -> object:
    """The client, skipped with the reason if it cannot be run."""
    needs = (client.name, *(["faketime"] if client.knows_date else []))
    reason = next((why for name in needs if (why := missing(name))), None)
    if client.is_page and not CHROMIUM.exists():
        reason = f"{CHROMIUM} is missing (Debian package chromium)"
    marks = [pytest.mark.skipif(reason is not None, reason=str(reason))]
    return pytest.param(client, id=client.title, marks=marks)


def recommended(client: Client) -> tuple[str, ...]:
    """The rules that its profile recommends."""
    found = (p.recommended for p in PROFILES if p.name == client.profile)
    return next(found, ())


def played(folder: Path, name: str, client: Client, enable: Sequence[str] | None) -> Played:
    """A session; None is one without the proxy. All have the same home, because clients say where it is."""
    proxy = None if enable is None else {"WARMPREFIX_CANONICALIZE__ENABLE": json.dumps(enable)}
    result = session(folder / "home", client, proxy=proxy)
    (folder / "home").rename(folder / name)
    print(figures(f"{client.title} {name}", result), sep="\n")
    return result


@pytest.mark.parametrize("client", [row(client) for client in CLIENTS])
def test_only_what_is_new_is_read(client: Client, tmp_path: Path) -> None:
    rules = recommended(client)
    direct = played(tmp_path, "direct", client, None)
    default = played(tmp_path, "default", client, ())
    best = played(tmp_path, "recommended", client, rules) if rules else default

    for run in (direct, default, best):
        assert_whole(run, client)
    for run in (default, best):
        assert_logged(run, client)
        assert_never_above(direct, run, 1 + client.ids_differ)
    costs = best.alone()
    goal = 1.05 * due(costs) + len(costs)
    assert sum(not cost.extends for cost in costs) == client.breaks_left
    assert (processed(costs) > goal) == bool(client.why)


def assert_whole(run: Played, client: Client) -> None:
    """Every question has got its answer, and no request was refused."""
    printed = "\n".join(run.printed)
    assert [answer for answer in client.answers if answer not in printed] == [], printed
    assert run.refused == []


def assert_logged(run: Played, client: Client) -> None:
    """Every request has its line, with the name of the client and the counts of the server."""
    assert {record["client"] for record in run.records} == {client.profile}
    assert all(record["failed_open"] is None for record in run.records)
    logged = sorted(record["processed_tokens"] for record in run.records)
    assert logged == sorted(turn.processed_tokens for turn in run.turns)


def assert_never_above(direct: Played, through: Played, most: int) -> None:
    """No request reads more than without the proxy, but for that many tokens; nor do all of them together."""
    pairs = list(zip(in_order(direct), in_order(through), strict=True))
    assert all(b.again <= a.again + most for a, b in pairs)
    assert processed(through.alone()) <= processed(direct.alone()) + len(pairs)


def in_order(run: Played) -> list[Cost]:
    """The costs, housekeeping first: it may come before or after the turn beside it."""
    pairs = zip(run.turns, run.alone(), strict=True)
    ordered = sorted(pairs, key=lambda pair: bool(pair[0].asked.request.get("tools")))
    return [cost for _, cost in ordered]
