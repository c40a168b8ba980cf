"""Turns with a plain prompt: where each stands, what is sent, and why a prompt breaks."""

from collections.abc import Sequence
from pathlib import Path

import orjson
import pytest

from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Backend, Json, running_proxy
from tests.fakes.scripted_replies import json_response
from warmprefix.backends.kinds import OTHER as OTHER_KIND
from warmprefix.config import Config
from warmprefix.core.explain.prefix import shared_characters
from warmprefix.core.messages import piece
from warmprefix.core.turn import Times
from warmprefix.core.types import Finish, Kind, Outcome, Reply
from warmprefix.counters import Counters
from warmprefix.pipeline.prepare import Pipeline
from warmprefix.pipeline.recent import Recent
from warmprefix.pipeline.remember import Recorder
from warmprefix.pipeline.stages import Written, as_it_came, ended_of
from warmprefix.stores import STORES
from warmprefix.stores.base import Opening

CARD = "".join(f"Rule {number}: be kind to every guest.\n" for number in range(20))
OLD = "".join(
    f"Ann: Question {number}, and it is a long one.\nYou: Answer {number}.\n"
    for number in range(20)
)
FIRST = CARD + OLD + "Ann: Is a berth free for me tonight?\nYou:"
SAYS = " Berth four is free.\n"
SECOND = FIRST + SAYS + "Ann: And another one?\nYou:"
SLID = CARD + OLD[len(OLD) // 2 :] + SECOND[len(CARD + OLD) :]
OTHER = CARD + "Ben: Hello, is anybody there tonight?\nYou:"


def reply(prompt: str, cached: int = 0) -> Json:
    total = len(prompt)
    counts = {"cache_n": cached, "prompt_n": total - cached, "predicted_n": len(SAYS)}
    return {"content": SAYS, "stop": True, "id_slot": 0, "timings": counts}


async def played(
    prompts: Sequence[object], path: str = "/completion", **more: object
) -> list[Json]:
    """The log of a session with these prompts. The backend has never anything cached."""
    scripts = [json_response(reply(str(prompt))) for prompt in prompts]
    async with Backend(*scripts) as backend, running_proxy(backend.url) as proxy:
        for prompt in prompts:
            body = prompt if isinstance(prompt, dict) else {"prompt": prompt, **more}
            answer = await exchange(proxy.url, "POST", path, body)
            assert answer.status == 200
        records = await proxy.records()
    bodies = [request.json() for request in backend.requests]
    assert bodies == [one if isinstance(one, dict) else {"prompt": one, **more} for one in prompts]
    return records


SESSIONS = [
    pytest.param([FIRST, SECOND], [0, 0], ["cold", "append"], id="goes-on"),
    pytest.param([FIRST, SECOND, FIRST], [0, 0, 0], ["cold", "append", "retry"], id="asked-again"),
    pytest.param([FIRST, OTHER], [0, 1], ["cold", "cold"], id="begins-alike"),
    pytest.param([FIRST, OTHER, SECOND, OTHER + SAYS + "x"], [0, 1, 0, 1],
                 ["cold", "cold", "append", "append"], id="two-in-turn"),
    pytest.param([FIRST, SLID], [0, 0], ["cold", "compaction"], id="the-window-slides"),
    pytest.param([OTHER, FIRST, SLID], [0, 1, 1], ["cold", "cold", "compaction"], id="one-of-two-slides"),
    pytest.param([FIRST, SECOND, SECOND[:-20] + "?\nYou:"], [0, 0, 0],
                 ["cold", "append", "edit"], id="edited"),
    pytest.param([FIRST, FIRST[:-40], SLID], [0, 1, 0], ["cold", "cold", "compaction"], id="a-part-between"),
    pytest.param(["Hi", FIRST, "Hi", SLID], [0, 1, 0, 1],
                 ["cold", "cold", "retry", "compaction"], id="short-between"),
    pytest.param([[1, 2, 3], [1, 2, 3, 4]], [0, 0], ["cold", "append"], id="tokens"),
]  # fmt: skip


@pytest.mark.parametrize(("prompts", "conversations", "kinds"), SESSIONS)
async def test_a_turn_has_its_place(
    prompts: list[object], conversations: list[int], kinds: list[str]
) -> None:
    records = await played(prompts)

    names = [record["conversation"] for record in records]
    assert [names.index(name) for name in names] == [names.index(names[at]) for at in conversations]
    assert len(set(names)) == len(set(conversations))
    assert [record["kind"] for record in records] == kinds
    assert {record["failed_open"] for record in records} == {None}


async def test_of_a_forgotten_turn_the_ledger_still_knows_the_place(tmp_path: Path) -> None:
    kind = next(kind for kind in STORES if kind.name == "sqlite")
    turns: list[Written] = []
    for prompt in (FIRST, SECOND, SECOND + SAYS):
        store = kind.open(Opening(str(tmp_path / "ledger.db"), 2**24, 3600.0))
        recent = Recent()  # a proxy that has started anew
        pipeline = Pipeline(Config(), store, Counters(), recent)
        body = orjson.dumps({"prompt": prompt})
        written = await pipeline.prepare(as_it_came("/v1/completions", {}, body), OTHER_KIND)
        assert isinstance(written, Written)
        turns.append(written)
        times = Times(started_s=0.0, total_ms=1.0, proxy_ms=1.0, first_ms=None)
        said = Reply(piece(SAYS), Finish.ANSWER, complete=True)
        Recorder(store, recent).ended(ended_of(written, said, 200, Outcome.OK, times))
        await store.close()

    assert [turn.place.kind for turn in turns] == [Kind.COLD, Kind.APPEND, Kind.APPEND]
    assert [turn.place.index for turn in turns] == [0, 1, 2]
    assert len({turn.place.conversation for turn in turns}) == 1
    assert [turn.place.parent for turn in turns[1:]] == [turn.came.turn for turn in turns[:-1]]
    assert b"be kind" not in (tmp_path / "ledger.db").read_bytes()


BREAKS = [
    pytest.param(SLID, "compaction", "window", id="dropped"),
    pytest.param(FIRST.replace("guest", "visitor", 1) + SAYS, "edit", "edit", id="another-beginning"),
    pytest.param(FIRST.replace("Rule 0", "Rule 00:07:12", 1) + SAYS, "edit", "edit", id="a-number"),
    pytest.param(SECOND.replace(SAYS, SAYS.strip() + "\n\n"), "append", "whitespace", id="reply-stripped"),
]  # fmt: skip


@pytest.mark.parametrize(("after", "kind", "cause"), BREAKS)
async def test_a_break_has_its_place_in_the_text(after: str, kind: str, cause: str) -> None:
    records = await played([FIRST, after])
    found = records[1]["break"]

    assert records[1]["kind"] == kind
    assert (found["cause"], found["path"]) == (cause, "prompt")
    assert found["offset"] == shared_characters(FIRST + SAYS, after)
    assert found["side"] == "client"
    assert found["hint"]["where"] == ("backend" if cause == "window" else "none")


async def test_a_text_that_only_goes_on_is_not_to_blame() -> None:
    records = await played([FIRST, SECOND])  # nothing was cached

    assert (records[1]["break"]["cause"], records[1]["break"]["path"]) == ("unknown", None)


async def test_another_adapter_reads_the_text_anew() -> None:
    one, other = ({"prompt": FIRST, "lora": [{"id": 0, "scale": scale}]} for scale in (0, 1))
    records = await played([one, {**other, "prompt": SECOND}])

    assert records[1]["kind"] == "template-options-changed"
    assert records[1]["break"]["path"] == "lora"


async def test_infill_is_a_side_request_of_its_file() -> None:
    one: Json = {"input_prefix": CARD, "input_suffix": "}"}
    records = await played([one, {**one, "input_prefix": CARD + "More."}], "/infill")

    assert [record["kind"] for record in records] == ["side", "side"]
    assert len({record["conversation"] for record in records}) == 1
    assert [record["break"] for record in records] == [None, None]


@pytest.mark.parametrize("prompt", [["a", "b"], {"prompt_string": "a"}, ""])
async def test_what_is_not_one_text_is_logged_with_its_counts(prompt: object) -> None:
    records = await played([{"prompt": prompt}])

    assert records[0]["failed_open"] == ["not-understood"]
    assert records[0]["generated_tokens"] == len(SAYS)
    assert records[0]["conversation"] is None
