"""Hermes Agent, the real one: three processes that continue one session, on a real KV cache.

The session runs twice: directly, and through the proxy, which is a new process for each of the three as
well. Folder names are equally long, so that both runs have prompts of the same length. The last test says
what Hermes does to history: a version that does otherwise is to be noticed.
"""

import json
from collections.abc import Sequence
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path

import pytest

from tests.builders import call
from tests.clients.installing import missing
from tests.clients.scripted_model import Json, ScriptedModel, Turn
from tests.clients.serving import (
    changed_history,
    changed_replies,
    figures,
    run,
    sent,
    warmprefix,
)
from tests.fakes.llama import LlamaServer, template

pytestmark = [
    pytest.mark.client,
    pytest.mark.backend,
    pytest.mark.skipif(missing("hermes") is not None, reason=str(missing("hermes"))),
    pytest.mark.timeout(600),  # six processes of a client, and 17,000 tokens at the first request
]

CONFIG = """\
model:
  default: scripted
  provider: custom
  base_url: {url}/v1
  api_key: none
  context_length: 131072
"""
QUESTIONS = ("Which stations are in the list?", "And how many are closed?", "Once more, please.")
STATIONS = "".join(f"{number}: station {number}, open\n" for number in range(1, 31))
THOUGHTS = (
    "The list is in stations.txt.\nI read its head first; the rest follows if that does not do.",
    "Only the head, as asked. The folder may hold a second list – look there and count the lines.",
    "Thirty lines in one file, none of them closed.\n\nThat answers it.",
)


def say(request: Json) -> Json:
    """Two rounds of tool calls and an answer for every question; a title where there are no tools."""
    if not request.get("tools"):
        return {"role": "assistant", "content": "Stations and their state"}
    questions = [at for at, m in enumerate(request["messages"]) if m["role"] == "user"]
    step = sum(m["role"] == "assistant" for m in request["messages"][questions[-1] :])
    number = len(questions)
    if step == 0:
        text = "\n\nI read the list.\n"
        read = '{"path": "stations.txt", "offset": 1, "limit": 5}'
        calls = [call(read, "read_file", f"call_{number}a")]
    elif step == 1:
        text = ""
        calls = [
            call('{"timeout": 30, "command": "ls -1"}', "terminal", f"call_{number}b"),
            call(
                '{"timeout":30,"command":"wc -l *.txt  # Gebäude"}', "terminal", f"call_{number}c"
            ),
        ]
    else:
        text, calls = f"\n\nThirty stations, all open. (Answer {number}.)\n", []
    reply = {"role": "assistant", "content": text, "reasoning_content": THOUGHTS[step]}
    return {**reply, "tool_calls": calls} if calls else reply


def session(folder: Path, models: Path, *, through: bool) -> list[Turn]:
    """The requests that reached the backend while three processes asked one question each."""
    (folder / "work").mkdir(parents=True)
    (folder / "work" / "stations.txt").write_text(STATIONS, encoding="utf-8")
    llama = LlamaServer(models, chat_template=template("chatml_keeps_reasoning")).start()
    try:
        with ScriptedModel(llama, say) as model:
            for number, question in enumerate(QUESTIONS, start=1):
                ledger = folder / "ledger.db"
                with warmprefix(model.url, ledger) if through else nullcontext(model.url) as url:
                    assert f"(Answer {number}.)" in ask(folder, url, question, again=number > 1)
            return model.turns
    finally:
        llama.stop()


def ask(folder: Path, url: str, question: str, *, again: bool) -> str:
    """What a new process of Hermes prints that asks `question`, `again` in the session there is."""
    (folder / "config.yaml").write_text(CONFIG.format(url=url), encoding="utf-8")
    arguments = ["chat", "-t", "file,terminal", *(["-c"] if again else []), "-q", question]
    return run("hermes", arguments, folder, HERMES_HOME=str(folder), TERM="dumb")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where both sessions live."""
    return tmp_path_factory.mktemp("hermes")


@pytest.fixture(scope="module")
def direct(folder: Path, model_folder: Path) -> list[Turn]:
    """The session without the proxy."""
    turns = session(folder / "plain", model_folder, through=False)
    print("direct", *figures(turns), sep="\n")
    return turns


@pytest.fixture(scope="module")
def through(folder: Path, model_folder: Path) -> list[Turn]:
    """The session through the proxy."""
    turns = session(folder / "proxy", model_folder, through=True)
    print("through", *figures(turns), sep="\n")
    return turns


def main(turns: Sequence[Turn]) -> list[Turn]:
    """The conversation itself: three requests for each question."""
    chosen = [turn for turn in turns if turn.offers_tools]
    assert len(chosen) == 3 * len(QUESTIONS)
    return chosen


def test_history_reaches_the_backend_with_the_same_bytes_every_time(through: list[Turn]) -> None:
    assert changed_history(main(through)) == []
    assert len({sent(turn).tools for turn in main(through)}) == 1


def test_replies_come_back_as_they_were_generated(through: list[Turn]) -> None:
    assert changed_replies(main(through)) == []


def test_every_request_finds_the_last_prompt_and_its_reply_in_the_cache(
    through: list[Turn],
) -> None:
    """Exactly: a token is a byte here. Title requests between them take another slot."""
    turns = main(through)
    found = [turn.cached_tokens for turn in turns[1:]]

    assert found == [turn.prompt_tokens + turn.generated_tokens for turn in turns[:-1]]
    assert any(not turn.offers_tools for turn in through)


def test_no_request_costs_more_than_without_the_proxy(
    direct: list[Turn], through: list[Turn]
) -> None:
    """Measured after the first request: 2,356 tokens processed directly, 1,461 through the proxy."""
    pairs = list(zip(main(direct), main(through), strict=True))
    costs = [(without.processed_tokens, with_.processed_tokens) for without, with_ in pairs]

    assert all(with_ <= without + 1 for without, with_ in costs)
    assert sum(with_ for _, with_ in costs[1:]) < 0.7 * sum(without for without, _ in costs[1:])


def test_hermes_still_changes_history_as_the_corpus_says(direct: list[Turn]) -> None:
    """In one process: content stripped, reasoning dropped, arguments written anew. From one process to the
    next only this: a tool result loses its name."""
    turns = main(direct)
    reloads = {3, 6}
    renamed = [
        (number, json.loads(old), json.loads(new)) for number, old, new in changed_history(turns)
    ]
    first, second = (turn.request["messages"] for turn in turns[1:3])

    assert {number for number, *_ in renamed} == reloads
    assert all(old.pop("name") and old == new for _, old, new in renamed)
    assert first[2]["content"] == "I read the list."
    assert "reasoning_content" not in first[2]
    assert first[2]["tool_calls"][0]["function"]["arguments"] == (
        '{"limit":5,"offset":1,"path":"stations.txt"}'
    )
    assert "Geb\\u00e4ude" in second[4]["tool_calls"][1]["function"]["arguments"]
    assert all(a.prompt_tokens >= b.cached_tokens for a, b in pairwise(turns))
