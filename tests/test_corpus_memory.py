"""The corpus with memory: `a` went through first and its replies were the model's; then comes `b`."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.ledger_driver import Driver, replay, same

FILES = sorted((Path(__file__).parent / "corpus").glob("*.jsonl"))
ROWS: list[dict[str, Any]] = [
    json.loads(line) for file in FILES for line in file.read_text("utf-8").splitlines() if line
]


def rows(*expect: str) -> list[Any]:
    return [pytest.param(row, id=row["id"]) for row in ROWS if row["expect"] in expect]


async def is_restored(row: dict[str, Any], *enable: str) -> bool:
    """Whether what is forwarded for the shared head of `b` equals what was forwarded for `a`."""
    driver = Driver(enable)
    sent_a = await replay(driver, row["a"], row.get("a_tools"))
    sent_b = await driver.send(row["b"], row.get("b_tools"))
    assert not driver.counters.fail_open
    shared = row.get("shared", len(row["b"]))
    tools = row.get("expected_tools", sent_a.get("tools"))
    return same(sent_a["messages"][:shared], sent_b["messages"][:shared]) and same(
        tools, sent_b.get("tools")
    )


@pytest.mark.parametrize("row", rows("restore", "equal"))
async def test_what_the_backend_holds_is_put_back(row: dict[str, Any]) -> None:
    assert await is_restored(row)


@pytest.mark.parametrize("row", rows("distinct"))
async def test_what_the_client_changed_stays_changed(row: dict[str, Any]) -> None:
    assert not await is_restored(row)


@pytest.mark.parametrize("row", rows("opt_in"))
async def test_what_could_change_meaning_is_put_back_only_when_asked(row: dict[str, Any]) -> None:
    assert not await is_restored(row)
    assert await is_restored(row, row["rule"])


@pytest.mark.parametrize("row", rows("opt_in"))
async def test_an_opt_in_rule_can_be_asked_for_one_client_only(row: dict[str, Any]) -> None:
    """The profile of a request is `hermes` only where its system text says so."""
    is_hermes = row["a"][0]["content"].startswith("You are Hermes")

    assert await is_restored(row, f"hermes:{row['rule']}") is is_hermes


@pytest.mark.parametrize("row", rows("distinct"))
async def test_a_distinct_request_goes_out_with_its_own_meaning(row: dict[str, Any]) -> None:
    """It is forwarded exactly as it is when nothing was remembered, wherever it leaves the other."""
    driver = Driver()
    await replay(driver, row["a"], row.get("a_tools"))
    after = await driver.send(row["b"], row.get("b_tools"))
    alone = await Driver().send(row["b"], row.get("b_tools"))

    changed = [
        at
        for at, (one, other) in enumerate(zip(row["a"], row["b"], strict=False))
        if not same(one, other)
    ]

    for at in changed[:1]:
        assert same(after["messages"][at], alone["messages"][at])
