"""`warmprefix replay`: captured sessions without a backend, and what the rules do to them."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_commands import empty_folder, invoke
from tests.fakes.running_proxy import running_proxy
from tests.noisy_session import Noise, clock, lemonade, play, quiet, respelled
from warmprefix.capture.line import Captured, line_of, turn_of
from warmprefix.capture.writer import Capture
from warmprefix.core.types import CacheStats

__all__ = ["empty_folder"]

Json = dict[str, Any]


async def captured(folder: Path, noise: Noise, *, observe: bool = True) -> Path:
    """The file of a session of four requests."""
    capture = Capture(folder)
    async with (
        lemonade() as double,
        running_proxy(double.url, observe=observe, capture=capture) as proxy,
    ):
        await play(proxy.url, noise)
        await proxy.records()
    capture.close()
    return capture.path


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """A captured session for each noise."""
    folder = tmp_path_factory.mktemp("captures")
    noises = {"quiet": quiet, "clock": clock, "respelled": respelled}
    return {
        name: str(asyncio.run(captured(folder / name, noise))) for name, noise in noises.items()
    }


def replayed(*arguments: str) -> tuple[list[Json], Json]:
    """Turns and total of `replay --json`."""
    result = invoke("replay", "--json", *arguments)
    assert result.exit_code == 0, result.stderr
    *turns, last = map(json.loads, result.stdout.splitlines())
    return turns, last["total"]


def test_a_quiet_session_breaks_nowhere_and_saves_nothing(captures: Mapping[str, str]) -> None:
    turns, total = replayed(captures["quiet"])

    assert [turn["kind"] for turn in turns] == ["cold", "append", "append", "append"]
    assert [turn["break"] for turn in turns] == [None] * 4
    assert (total["turns"], total["saved_tokens"]) == (4, 0)
    assert total["processed_tokens"] == sum(turn["processed_tokens"] for turn in turns)


def test_turns_keep_the_ids_times_and_counts_they_were_captured_with(
    captures: Mapping[str, str],
) -> None:
    lines = [turn_of(line) for line in Path(captures["quiet"]).read_bytes().splitlines()]
    turns, _ = replayed(captures["quiet"])

    assert [turn["turn"] for turn in turns] == [line.turn for line in lines]
    assert {turn["conversation"] for turn in turns} == {lines[0].turn}
    assert [turn["parent"] for turn in turns] == [None, *(line.turn for line in lines[:-1])]
    assert [turn["time"] for turn in turns] == [line.time for line in lines]
    assert [turn["client"] for turn in turns] == ["opencode"] * 4
    for turn, line in zip(turns, lines, strict=True):
        assert turn["prompt_tokens"] == line.stats.prompt_tokens
        assert turn["cached_tokens"] == line.stats.cached_tokens


def test_a_break_is_explained_and_what_the_ledger_saves_is_told(
    captures: Mapping[str, str],
) -> None:
    turns, total = replayed(captures["respelled"], "--rules")
    second = turns[1]

    assert second["break"]["cause"] == "arguments"
    assert second["break"]["path"] == "messages[2].tool_calls[0].function.arguments"
    assert second["break"]["before"] is not None
    assert second["through"]["characters"] > second["direct"]["characters"]
    assert second["would_save"]["restored"] == ["arguments"]
    assert 0 < total["saved_tokens"] < total["processed_tokens"]
    assert total["without"][0]["name"] == "the ledger"
    assert total["without"][0]["characters"] > 0
    assert total["without"][0]["tokens"] > 0


def test_an_opt_in_can_be_tried_before_it_is_set(captures: Mapping[str, str]) -> None:
    turns, without = replayed(captures["clock"])
    _, with_rule = replayed(captures["clock"], "--enable", "freeze-volatile", "--rules")
    rows = {row["name"]: row for row in with_rule["without"]}

    assert [turn["break"]["cause"] for turn in turns[1:]] == ["clock"] * 3
    assert without["saved_tokens"] == 0
    assert with_rule["saved_tokens"] > 0.5 * with_rule["processed_tokens"]
    assert rows["freeze-volatile"]["turns"] == 3
    assert rows["freeze-volatile"]["tokens"] >= with_rule["saved_tokens"]


def test_a_rule_that_is_left_out_does_nothing(captures: Mapping[str, str]) -> None:
    turns, _ = replayed(captures["quiet"], "--disable", "key-order")

    assert all("key-order" not in turn["would_save"]["rules"] for turn in turns)


def test_settings_of_the_configuration_count(captures: Mapping[str, str]) -> None:
    Path("warmprefix.toml").write_text('[canonicalize]\nenable = ["opencode:freeze-volatile"]\n')
    _, total = replayed(captures["clock"], "--rules")

    assert total["saved_tokens"] > 0
    assert "freeze-volatile" in [row["name"] for row in total["without"]]


def test_a_person_reads_it(captures: Mapping[str, str]) -> None:
    result = invoke("replay", captures["respelled"], "--rules")
    text = result.stdout

    assert result.exit_code == 0
    assert text.count(" ▸ ") == 4
    assert '    - {"path": "gauge.conf", "limit": 20}' in text
    assert '    + {"{+limit": 20, "+}path": "gauge.conf"}' in text
    assert "the same tool arguments, written differently as JSON" in text
    assert "    as sent  2 messages the same, " in text
    assert "    through  3 messages the same, " in text
    assert "restored arguments" in text
    assert "estimated) would be saved" in text
    assert "more tokens (estimated)" in text
    assert "\nthe ledger " in text


def test_a_session_comes_from_standard_input(captures: Mapping[str, str]) -> None:
    result = invoke("replay", "-", text=Path(captures["quiet"]).read_text())

    assert result.exit_code == 0
    assert "\n4 turns: " in result.stdout


def line(number: int, request: bytes, response: bytes = b"", **changed: Any) -> bytes:
    turn = Captured(f"2026-03-01T12:00:0{number}Z", f"t{number}", "/v1/chat/completions", {}, 200,
                    "ok", True, CacheStats(), request, response)  # fmt: skip
    return line_of(replace(turn, **changed))


ASK = b'{"messages":[{"role":"user","content":"x"}],"model":"m"}'
STREAM = b'data: {"choices":[{"delta":{"role":"assistant","content":"hi "}}]}\n\ndata: [DONE]\n\n'
NEXT = (
    b'{"messages":[{"role":"user","content":"x"},{"role":"assistant","content":"hi"},'
    b'{"role":"user","content":"y"}],"model":"m"}'
)


def test_a_session_without_counts_is_told_in_characters() -> None:
    Path("c.jsonl").write_bytes(line(1, ASK, STREAM) + line(2, NEXT, STREAM))
    turns, total = replayed("c.jsonl", "--rules")
    text = invoke("replay", "c.jsonl", "--rules").stdout

    assert turns[1]["restored"] == []
    assert turns[1]["would_save"]["tokens"] is None
    assert turns[1]["through"]["messages"] == 2
    assert {row["tokens"] for row in total["without"]} == {None}
    assert "processed tokens" not in text
    assert "characters to evaluate as sent" in text


def test_counts_beside_a_reply_that_was_cut_are_used() -> None:
    stats = CacheStats(40, 30, 10, 2, 5.0, 20.0)
    Path("c.jsonl").write_bytes(line(1, ASK, STREAM, stats=stats))
    (turn,), _ = replayed("c.jsonl")

    assert (turn["prompt_tokens"], turn["cached_tokens"], turn["processed_tokens"]) == (40, 30, 10)
    assert (turn["generated_tokens"], turn["prompt_ms"]) == (2, 5.0)


def test_a_body_that_is_not_understood_and_a_failed_turn_stay_in_their_place() -> None:
    lines = (
        line(1, b"odd"),
        line(2, ASK, STREAM, status=500, outcome="backend_error"),
        line(3, ASK),
    )
    Path("c.jsonl").write_bytes(b"".join(lines))
    turns, total = replayed("c.jsonl", "--rules")
    text = invoke("replay", "c.jsonl", "--rules").stdout

    assert [turn["kind"] for turn in turns] == [None, "cold", "cold"]
    assert [turn["outcome"] for turn in turns] == ["ok", "backend_error", "ok"]
    assert (total["turns"], total["without"]) == (3, [])
    assert "    not understood: it goes to the backend unchanged" in text
    assert "no rule acted, nothing was restored" in text


def test_bad_lines_are_named_and_the_others_are_replayed() -> None:
    data = b"\n".join((line(1, ASK).strip(), b"{", b"", b"[]", line(2, ASK)[:-20]))
    Path("c.jsonl").write_bytes(data)
    result = invoke("replay", "c.jsonl")

    assert result.exit_code == 1
    assert "\n1 turn: " in result.stdout
    assert result.stderr.splitlines() == [
        "warmprefix: c.jsonl line 2: not JSON; was the end cut off?",
        "warmprefix: c.jsonl line 4: not a JSON object",
        "warmprefix: c.jsonl line 5: not JSON; was the end cut off?",
    ]


def test_of_many_bad_lines_some_are_named() -> None:
    Path("c.jsonl").write_bytes(line(1, ASK) + b"{\n" * 500)
    result = invoke("replay", "c.jsonl")

    assert result.exit_code == 1
    assert result.stderr.count("\n") == 11
    assert result.stderr.endswith("c.jsonl: 490 more lines are no captured turns\n")


WRONG = [
    pytest.param(["no.jsonl"], 2, "no.jsonl: cannot be read: No such", id="no-file"),
    pytest.param(["empty.jsonl"], 1, "empty.jsonl: no captured turn\n", id="empty"),
    pytest.param(["folder"], 2, "folder: no capture in this folder\n", id="empty-folder"),
    pytest.param(["page.md"], 1, "page.md: no captured turn; line 1: not JSON", id="no-capture"),
    pytest.param(
        ["turns.log"],
        1,
        'turns.log: no captured turn; line 1: no text "time"; is this a '
        "capture of warmprefix serve --capture?",
        id="turn-log",
    ),
    pytest.param(["empty.jsonl", "--disable", "no"], 2, "flag --disable: no rule", id="rule"),
    pytest.param(["empty.jsonl", "-c", "no.toml"], 2, "no.toml: cannot be read", id="config"),
]


@pytest.mark.parametrize(("arguments", "status", "says"), WRONG)
def test_a_problem_is_one_line(arguments: list[str], status: int, says: str) -> None:
    Path("empty.jsonl").write_text("\n")
    Path("folder").mkdir()
    Path("page.md").write_text("# A page\n" * 500)
    Path("turns.log").write_text('{"turn": "t"}\n' * 500)
    result = invoke("replay", *arguments)

    assert (result.exit_code, result.stdout) == (status, "")
    assert says in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_session_that_the_proxy_mended_tells_what_it_saved(
    tmp_path: Path, captures: Mapping[str, str]
) -> None:
    """Its counts are those of the mended prompts, so the texts alone tell."""
    path = str(asyncio.run(captured(tmp_path, respelled, observe=False)))
    _, mended = replayed(path)
    _, observed = replayed(captures["respelled"])

    assert mended["processed_tokens"] < observed["processed_tokens"]
    assert 0 < mended["saved_tokens"] <= 2 * observed["saved_tokens"]
    assert "tokens processed with the proxy at work, about" in invoke("replay", path).stdout


def test_of_a_folder_the_newest_is_taken(captures: Mapping[str, str]) -> None:
    whole = Path(captures["quiet"]).read_bytes()
    Path("capture-20260301T120431-7.jsonl").write_bytes(whole.splitlines(keepends=True)[0])
    Path("capture-20260302T120431-7.jsonl").write_bytes(whole)
    result = invoke("replay", ".")

    assert (
        result.stderr == "warmprefix: the newest of 2 captures: capture-20260302T120431-7.jsonl\n"
    )
    assert result.stdout == invoke("replay", captures["quiet"]).stdout


def test_times_are_those_of_the_capture(captures: Mapping[str, str]) -> None:
    lines = [turn_of(line) for line in Path(captures["quiet"]).read_bytes().splitlines()]
    turns, _ = replayed(captures["quiet"])

    assert [turn["total_ms"] for turn in turns] == [line.total_ms for line in lines]
    assert all(turn["total_ms"] > 0 for turn in turns)
    assert [turn["ttft_ms"] for turn in turns] == [line.first_ms for line in lines]
    assert [turn["proxy_ms"] for turn in turns] == [None] * len(lines)


def test_a_file_without_times_has_those_of_the_backend() -> None:
    stats = CacheStats(100, 0, 100, 5, 1234.0, 500.0)
    data = line(0, b'{"messages":[{"role":"user","content":"hi"}]}', stats=stats)
    result = invoke("replay", "--json", "-", text=data.decode())

    assert json.loads(result.stdout.splitlines()[0])["total_ms"] == 1734.0


def test_the_total_has_sums_by_cause(captures: Mapping[str, str]) -> None:
    _, as_it_is = replayed(captures["clock"])
    _, cured = replayed(captures["clock"], "--enable", "freeze-volatile")

    assert (as_it_is["breaks"], cured["breaks"]) == (3, 0)
    assert as_it_is["reuse"] < 0.8 < cured["reuse"]
    assert as_it_is["causes"]["clock"]["turns"] == 3
    assert as_it_is["causes"]["clock"]["kept_tokens"] == 0
    assert cured["lost_tokens"] < 0.05 * as_it_is["lost_tokens"]


@pytest.mark.parametrize(
    ("demand", "says"),
    [
        pytest.param(("--min-reuse", "90"), "% of the prompts reused, fewer than the 90%", id="reuse"),
        pytest.param(("--max-breaks", "2"), "3 breaks, more than the 2 allowed: clock 3", id="breaks"),
        pytest.param(("--max-lost", "0"), "tokens lost to breaks, more than the 0 allowed", id="lost"),
    ],
)  # fmt: skip
def test_a_demand_that_is_not_met_is_status_3(
    demand: tuple[str, ...], says: str, captures: Mapping[str, str]
) -> None:
    missed = invoke("replay", captures["clock"], *demand)
    met = invoke("replay", captures["quiet"], *demand)

    assert missed.exit_code == 3
    assert says in missed.stderr
    assert (met.exit_code, met.stderr) == (0, "")


def test_a_workflow_gets_annotations_and_a_summary(captures: Mapping[str, str]) -> None:
    env = {"GITHUB_STEP_SUMMARY": "summary.md"}
    arguments = ("replay", captures["clock"], "--format", "github", "--max-breaks", "0")
    result = invoke(*arguments, env=env)
    lines = result.stdout.splitlines()

    assert result.exit_code == 3
    assert lines[0].startswith("::error title=warmprefix%3A demand not met::3 breaks, more than")
    assert [one.startswith("::warning title=warmprefix%3A clock::turn ") for one in lines[1:4]] == [
        True
    ] * 3
    assert lines[-1].startswith("::notice title=warmprefix::4 turns: ")
    assert "| clock | 3 | 3 |" in Path("summary.md").read_text()
