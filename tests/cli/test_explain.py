"""`warmprefix explain` and `tail --explain`: a break as a person reads it, and every status."""

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_commands import empty_folder, invoke
from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Backend, RunningProxy, running_proxy
from tests.fakes.scripted_replies import json_response
from tests.noisy_session import CHAT, clock, lemonade, play
from warmprefix.cli.change_marks import marked
from warmprefix.cli.explain_text import CAUSES, SIDES, advice, below, explained
from warmprefix.core.explain.cache_break import _HINTS as HINTS

__all__ = ["empty_folder"]

Record = Mapping[str, Any]

BREAK: Record = {
    "kind": "edit",
    "path": "messages[0].content",
    "offset": 1204,
    "cause": "clock",
    "before": "…It is 12:01:33. Be brief…",
    "after": "…It is 12:04:31. Be brief…",
    "tokens_lost": 11900,
    "seconds_lost": 23.84,
    "side": "client",
    "hint": 'canonicalize.enable = ["freeze-volatile"]   # or "move-volatile"',
}
TURN: Record = {
    "time": "2026-03-01T12:04:31.250Z",
    "turn": "5b1c88f0a2d4",
    "conversation": "3f9c2a81d07e",
    "index": 4,
    "client": "hermes",
    "status": 200,
    "outcome": "ok",
    "kind": "edit",
    "prompt_tokens": 12034,
    "cached_tokens": 120,
    "processed_tokens": 11914,
    "cache_ratio": 0.00997,
    "break": BREAK,
}


def text_of(**changed: object) -> list[str]:
    lines = explained({**TURN, **changed}, coloured=False, zone=UTC)
    return [line.plain for line in lines]


def test_a_break_answers_every_question() -> None:
    assert text_of() == [
        "turn 5b1c88f0a2d4  12:04:31  hermes, conversation 3f9c2a81d07e, turn 5 of it (edit)",
        "where    messages[0].content, character 1,204",
        "before   …It is [-12:01:33-]. Be brief…",
        "after    …It is {+12:04:31+}. Be brief…",
        "why      a clock in the prompt shows another time (clock)",
        "cost     11,900 tokens evaluated again, 23.8 s",
        "who      the client, which sent a different prompt",
        "to do    in warmprefix.toml, above its first [section]:",
        '         canonicalize.enable = ["freeze-volatile"]   # or "move-volatile"',
    ]


CHANGED = [
    pytest.param({"before": None, "after": None}, "log.excerpts = true shows it", id="no-excerpts"),
    pytest.param({"before": None}, "before   (nothing)", id="nothing-before"),
    pytest.param({"after": None}, "after    (nothing)", id="nothing-after"),
    pytest.param({"tokens_lost": None}, "not reported by the backend", id="no-counts"),
    pytest.param({"seconds_lost": None}, "11,900 tokens evaluated again", id="no-rate"),
    pytest.param({"tokens_lost": 0}, "cost nothing", id="no-cost"),
    pytest.param({"path": None}, "nowhere in the prompt", id="backend"),
    pytest.param({"offset": None}, "where    messages[0].content", id="no-offset"),
    pytest.param({"hint": "client: stop that"}, "to do    client: stop that", id="no-setting"),
    pytest.param({"side": "template"}, "the model's chat template", id="template"),
    pytest.param({"side": "moon", "cause": "new"}, "why      new (new)", id="unheard-of"),
    pytest.param({"path": "a\x1b[2J"}, "where    a�[2J, character", id="cannot-steer-a-terminal"),
]


@pytest.mark.parametrize(("changed", "part"), CHANGED)
def test_a_line_of_a_break_shows(changed: Record, part: str) -> None:
    assert part in "\n".join(text_of(**{"break": {**BREAK, **changed}}))


def test_a_backend_break_has_no_text_and_no_word_about_it() -> None:
    gone = {**BREAK, "path": None, "offset": None, "before": None, "after": None}

    assert "log.excerpts" not in "\n".join(text_of(**{"break": gone}))


def test_a_proxy_that_observes_is_to_be_served() -> None:
    saving = {"tokens": 11800, "estimated": True, "rules": [], "restored": ["content"]}

    assert text_of(would_save=saving)[-1] == (
        "to do    serve without --observe, which would have saved about 11,800 tokens"
    )
    assert text_of(would_save={**saving, "tokens": 0}) == text_of()


UNBROKEN = [
    pytest.param({}, "Nothing broke. 120 of 12,034 prompt tokens were reused (0.9%), 11,914", id="ok"),
    pytest.param({"kind": "cold"}, "The first turn of its conversation", id="first"),
    pytest.param({"kind": "side"}, "A side request, not part of the conversation.", id="side"),
    pytest.param({"kind": None}, "was not understood and went to the backend", id="odd"),
    pytest.param({"cached_tokens": None}, "did not report what it reused", id="no-counts"),
    pytest.param({"cache_ratio": None}, "tokens were reused, 11,914", id="no-ratio"),
    pytest.param({"outcome": "backend_error", "status": 503}, "It failed (backend_error 503)",
                 id="failed"),
    pytest.param({"status": 400}, "It failed (ok 400)", id="refused"),
    pytest.param({"prewarmed_tokens": 2611}, "ahead    2,611 tokens were evaluated before it came",
                 id="read-ahead"),
    pytest.param({"error": "too\nlong"}, "error    too�long", id="error"),
    pytest.param({"index": None}, "conversation 3f9c2a81d07e (edit)", id="no-index"),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "part"), UNBROKEN)
def test_a_turn_without_a_break_says_what_was_reused(changed: Record, part: str) -> None:
    assert part in "\n".join(text_of(**{"break": None, **changed}))


def test_every_cause_and_side_has_words() -> None:
    assert set(CAUSES) >= set(HINTS)
    assert set(SIDES) == {"client", "backend", "template", "unknown"}


def under(record: Record, *, coloured: bool = False) -> list[str]:
    to_do = advice(record, with_id=True)
    return [line.plain for line in below(record, coloured=coloured, advice=to_do)]


def test_under_a_line_stand_place_cause_cost_change_and_what_to_do() -> None:
    assert under(TURN) == [
        "    messages[0].content, character 1,204: a clock in the prompt shows another time"
        " (11,900 tokens evaluated again, 23.8 s; client)",
        "    - …It is [-12:01:33-]. Be brief…",
        "    + …It is {+12:04:31+}. Be brief…",
        '    → canonicalize.enable = ["freeze-volatile"]   # or "move-volatile"'
        "   (warmprefix explain 5b1c88f0a2d4)",
    ]


def test_under_a_line_without_excerpts_stand_two_and_without_a_break_none() -> None:
    gone = {**TURN, "break": {**BREAK, "before": None, "after": None}}

    assert len(under(gone)) == 2
    assert under({**TURN, "break": None}) == []
    assert advice({**TURN, "break": None}) is None


@dataclass(frozen=True)
class Marks:
    """Two excerpts, and how they are shown."""

    id: str
    before: str | None
    after: str | None
    shown: tuple[str | None, str | None]


MARKS = [
    Marks("word", "It is Monday.", "It is Tuesday.", ("It is [-Monday-].", "It is {+Tuesday+}.")),
    Marks("part-of-a-number", "at 1022 of", "at 1029 of", ("at [-1022-] of", "at {+1029+} of")),
    Marks("blank", "a  b", "a b", ("a [- -]b", "a b")),
    Marks("line-feed", "x", "x\n", ("x", "x{+⏎+}")),
    Marks("tab", "x\ty", "x y", ("x[-⇥-]y", "x{+ +}y")),
    Marks("appended", "hello", "hello <b>do</b>", ("hello", "hello{+ <b>do</b>+}")),
    Marks("all", "old", "new and longer", ("[-old-]", "{+new and longer+}")),
    Marks("cut-elsewhere", "…n 12 of the many wor…", "…n 3 of the many words…",
          ("…n [-12-] of the many wor…", "…n {+3+} of the many words…")),
    Marks("same", "abc", "abc", ("abc", "abc")),
    Marks("only-after", None, "x", (None, "{+x+}")),
    Marks("only-before", "x", None, ("[-x-]", None)),
    Marks("control", "a\x1b", "a", ("a[-�-]", "a")),
]  # fmt: skip


@pytest.mark.parametrize("case", MARKS, ids=lambda case: case.id)
def test_the_change_is_marked(case: Marks) -> None:
    found = marked(case.before, case.after, coloured=False)

    assert tuple(text and text.plain for text in found) == case.shown


def test_with_colour_the_change_is_marked_by_colour_alone() -> None:
    before, after = marked("It is Monday.", "It is Tuesday.", coloured=True)

    assert before is not None
    assert after is not None
    assert (before.plain, after.plain) == ("It is Monday.", "It is Tuesday.")
    styles = {after.plain[span.start : span.end]: str(span.style) for span in after.spans}
    assert styles["Tuesday"] == "bold reverse green"


def log_of(*records: Record) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


OLDER = {**TURN, "turn": "older"}
FINE = {**TURN, "turn": "fine", "break": None}


@pytest.mark.parametrize(
    "arguments", [[], ["--last"], ["5b1c88f0a2d4"]], ids=["none", "last", "id"]
)
def test_a_log_is_read(arguments: list[str]) -> None:
    Path("t.log").write_text("INFO: started\n" + log_of(OLDER, TURN, FINE))
    result = invoke("explain", *arguments, "--log", "t.log")

    assert result.exit_code == 0
    assert result.stdout.startswith("turn 5b1c88f0a2d4 ")
    assert "[-12:01:33-]" in result.stdout


def test_a_log_comes_from_standard_input() -> None:
    result = invoke("explain", "fine", "--log", "-", text=log_of(TURN, FINE))

    assert result.exit_code == 0
    assert "Nothing broke." in result.stdout


WRONG = [
    pytest.param(["nope", "--log", "t.log"], 1, "no turn nope: ids are in the log", id="id"),
    pytest.param(["--log", "fine.log"], 1, "no turn with a cache break", id="no-break"),
    pytest.param(["--log", "no.log"], 2, "no.log: cannot be read: No such", id="no-log"),
    pytest.param(["x", "--last"], 2, "leave out TURN", id="both"),
    pytest.param(
        ["--url", "http://127.0.0.1:1"], 2, "no answer from http://127.0.0.1:1", id="away"
    ),
    pytest.param(["--url", "127.0.0.1:1"], 2, "protocol", id="no-scheme"),
]


@pytest.mark.parametrize(("arguments", "status", "says"), WRONG)
def test_a_problem_is_one_line(arguments: list[str], status: int, says: str) -> None:
    Path("t.log").write_text(log_of(TURN))
    Path("fine.log").write_text(log_of(FINE))
    result = invoke("explain", *arguments)

    assert (result.exit_code, result.stdout) == (status, "")
    assert says in result.stderr
    assert result.stderr.count("\n") == 1


def test_tail_explains_under_each_break() -> None:
    lines = invoke("tail", "--explain", "--log", "-", text=log_of(TURN, FINE)).stdout.splitlines()

    assert [line.startswith("    ") for line in lines] == [False, True, True, True, True, False]


async def command(*arguments: str) -> tuple[int, str, str]:
    """Status, output and errors of a command that asks a proxy in this event loop."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "warmprefix", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": "", "PYTHONPATH": str(Path(__file__).parents[2] / "proxy"), "PYTHONUTF8": "1"},
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def session(proxy: RunningProxy) -> list[dict[str, Any]]:
    await play(proxy.url, clock, requests=2)
    return await proxy.records()


async def test_a_running_proxy_is_asked() -> None:
    """From the client's noise to the setting that ends it, over real sockets."""
    async with lemonade() as double, running_proxy(double.url, log={"excerpts": True}) as proxy:
        first, second = await session(proxy)
        last = await command("explain", "--last", "--url", proxy.url)
        by_id = await command("explain", second["turn"], "--url", proxy.url)
        cold = await command("explain", first["turn"], "--url", proxy.url)
        none = await command("explain", "nope", "--url", proxy.url)

    assert last == by_id
    assert last[0] == 0
    assert "before   …" in last[1]
    assert "[-12:00:00-]" in last[1]
    assert 'canonicalize.enable = ["freeze-volatile"]' in last[1]
    assert (cold[0], "The first turn of its conversation" in cold[1]) == (0, True)
    assert (none[0], none[1]) == (1, "")
    assert none[2].startswith("warmprefix: no turn nope: ")


async def test_without_excerpts_the_setting_that_shows_them_is_named() -> None:
    async with lemonade() as double, running_proxy(double.url) as proxy:
        await session(proxy)
        status, out, _ = await command("explain", "--url", proxy.url)

    assert status == 0
    assert "log.excerpts = true" in out
    assert "12:00:00" not in out


async def test_a_failed_turn_tells_the_error_that_the_log_leaves_out() -> None:
    refused = json_response({"error": {"message": "context is full"}}, 400)
    async with Backend(refused) as backend, running_proxy(backend.url) as proxy:
        body = {"messages": [{"role": "user", "content": "x"}]}
        await exchange(proxy.url, "POST", CHAT, body)
        record = await proxy.record()
        status, out, _ = await command("explain", record["turn"], "--url", proxy.url)

    assert status == 0
    assert "It failed (backend_error 400)" in out
    assert "error    context is full" in out


async def test_another_server_and_a_missing_key_are_told() -> None:
    async with (
        Backend() as backend,
        running_proxy(backend.url, server={"api_key": "k"}) as proxy,
    ):
        other = await command("explain", "x", "--url", backend.url)
        no_key = await command("explain", "--url", proxy.url)
        with_key = await command("explain", "--url", proxy.url, "--api-key", "k")

    assert (other[0], "is it warmprefix?" in other[2]) == (2, True)
    assert (no_key[0], "pass the key with --api-key" in no_key[2]) == (2, True)
    assert (with_key[0], "nothing to explain" in with_key[2]) == (1, True)
