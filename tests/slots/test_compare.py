"""Which turns are compared with the same ones without the proxy, and what is kept account of."""

from dataclasses import replace

import pytest

from tests.ledger_driver import NO_TIMES, PATH, Driver
from warmprefix.backends import llamacpp
from warmprefix.core.explain.direct import Direct
from warmprefix.core.types import Outcome, Reply, Timings
from warmprefix.pipeline.stages import Ended, Outgoing, Passed, Written, as_it_came, ended_of
from warmprefix.slots.compare import Comparing
from warmprefix.slots.seating import Seating

BODY = b'{"messages":[{"role":"user","content":"Hello, you."}]}'
REPLY = Reply(timings=Timings(cache_n=0, prompt_n=20, predicted_n=3))


async def sent(body: bytes = BODY) -> Outgoing:
    return await Driver().pipeline.prepare(as_it_came(PATH, {}, body), llamacpp.KIND)


def ended(outgoing: Outgoing, status: int = 200) -> Ended:
    return ended_of(outgoing, REPLY, status, Outcome.OK, NO_TIMES)


class Account(Seating):
    """Keeps what is said of remembered bytes."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, int]] = []

    def judge(self, behaviour: str, kept_tokens: int) -> None:
        self.kept.append((behaviour, kept_tokens))


async def test_a_turn_that_went_out_as_it_came_has_kept_nothing() -> None:
    kept = Comparing(Direct()).ended(ended(await sent()))["kept"]

    assert kept is not None
    assert (kept.direct_tokens, kept.tokens, kept.is_estimated) == (20, 0, False)


async def test_a_request_that_was_read_is_compared_though_nothing_came_of_it() -> None:
    written = await sent()
    assert isinstance(written, Written)
    kept = Comparing(Direct()).ended(ended(written.came))["kept"]

    assert kept is not None
    assert kept.tokens == 0


@pytest.mark.parametrize("status", [400, 503])
async def test_a_turn_that_failed_is_not_compared(status: int) -> None:
    assert Comparing(Direct()).ended(ended(await sent(), status)) == {}


async def test_what_was_not_read_or_is_only_observed_is_not_compared() -> None:
    written = await sent()
    assert isinstance(written, Written)

    assert Comparing(Direct()).ended(ended(replace(written, is_observed=True))) == {}
    unread = await sent(b"no JSON")
    assert isinstance(unread, Passed)
    assert Comparing(Direct()).ended(ended(unread)) == {}


async def test_only_turns_with_remembered_bytes_are_kept_account_of() -> None:
    account, written = Account(), await sent()
    assert isinstance(written, Written)
    Comparing(Direct(), account).ended(ended(written))
    before = list(account.kept)
    Comparing(Direct(), account).ended(ended(replace(written, restored=("reasoning",))))

    assert (before, account.kept) == ([], [("restoring", 0)])
