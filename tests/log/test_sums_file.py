"""The sums as a file: what goes on after a new start, and what of a damaged file is believed."""

import asyncio
import stat
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from tests.builders import user
from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Backend, Json, RunningProxy, until
from tests.fakes.scripted_replies import chat_reply, json_response
from tests.log.test_sums import READ, broken
from warmprefix.config import Config
from warmprefix.core.explain.hint import flag
from warmprefix.counters import Counters
from warmprefix.log.rates import read_directly
from warmprefix.log.sums_file import SumsFile

CHAT = "/v1/chat/completions"


def test_they_go_on_and_say_since_when(tmp_path: Path) -> None:
    """Breaks begin anew: what was to be set against them may be set by now."""
    path = tmp_path / "new" / "sums-8484.json"
    file = SumsFile(path)
    first = file.read()
    for turn in (READ, broken("clock", 7, flag("--freeze", "keeps"))):
        first.add(turn, read_directly(turn))
    file.write(first)
    second = SumsFile(path).read()
    second.add(READ, read_directly(READ))
    before: Json = first.record()
    after: Json = second.record()

    assert (after["turns"], after["processed_tokens"], after["prompt_ms"]) == (3, 400, 800.0)
    assert after["since"] == before["since"] == before["started"]
    assert after["started"] >= before["started"]
    assert (len(before["breaks"]), after["breaks"]) == (1, [])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_without_a_new_turn_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "sums.json"
    file = SumsFile(path)
    sums = file.read()
    file.write(sums)
    assert not path.exists()
    sums.add(READ, read_directly(READ))
    file.write(sums)
    path.unlink()
    again = SumsFile(path)
    file.write(sums)

    assert not path.exists()
    assert again.read().record()["turns"] == 0


def damaged(**members: object) -> bytes:
    whole = {"version": 1, "since_s": 1.0, "turns": 1, "reported": 1, "sums": {"prompt_ms": 1.0}}
    return orjson.dumps(whole | members)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        damaged(version=2),
        damaged(turns=-1),
        damaged(turns=True),
        damaged(reported="1"),
        damaged(since_s=None),
        damaged(since_s=1e300),
        damaged(since_s=-1e300),
        damaged(sums=[1]),
        damaged(sums={"prompt_ms": "1"}),
    ],
)
def test_a_damaged_file_begins_anew(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "sums.json"
    path.write_bytes(content)

    assert SumsFile(path).read().record()["turns"] == 0


async def test_a_file_that_cannot_be_written_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("warmprefix.log.sums_file._EVERY_S", 0.0)
    (tmp_path / "file").write_bytes(b"")
    counters, file = Counters(), SumsFile(tmp_path / "file" / "sums.json")
    sums = file.read()
    sums.add(READ, read_directly(READ))
    keeping = asyncio.ensure_future(file.keep(sums, counters))
    await until(lambda: counters.fail_open["metrics"] > 0)
    keeping.cancel()

    assert sums.record()["turns"] == 1


async def test_a_proxy_that_was_started_again_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "sums.json"
    found = []
    async with Backend(otherwise=json_response(chat_reply("hi", 40, 0))) as backend:
        for _ in range(2):
            proxy = RunningProxy(
                replace(Config(), backend=replace(Config().backend, url=backend.url)),
                sums_file=path,
            )
            await exchange(proxy.url, "POST", CHAT, {"messages": [user("a")]})
            await proxy.records()
            found.append((await exchange(proxy.url, "GET", "/warmprefix/api/sums")).json())
            await proxy.stop()

    assert [sums["turns"] for sums in found] == [1, 2]
    assert [sums["prompt_tokens"] for sums in found] == [40, 80]
    assert found[0]["since"] == found[1]["since"] < found[1]["started"]
