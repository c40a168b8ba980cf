"""llm, the real one: processes that continue one conversation, on a real KV cache.

It keeps text as it came, drops reasoning, and writes arguments anew. A reply with both text and calls
comes back as two messages: that is another history, and not covered here.
"""

from contextlib import nullcontext
from pathlib import Path

import pytest

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
from tests.fakes.llama import StartLlama, template

pytestmark = [
    pytest.mark.client,
    pytest.mark.backend,
    pytest.mark.skipif(missing("llm") is not None, reason=str(missing("llm"))),
    pytest.mark.timeout(300),  # six processes of a client
]

CONFIG = """\
- model_id: scripted
  model_name: scripted
  api_base: {url}/v1
  api_key_name: none
  supports_tools: true
"""
FUNCTIONS = """\
def count(word: str, times: int = 1) -> str:
    "Count a word."
    return f"  {word}: {times}\\n"
"""
QUESTIONS = (
    ["-m", "scripted", "Count the word größer.  "],
    ["-c", "Once more."],
    ["-c", "Thanks."],
)


def say(request: Json) -> Json:
    """A call without words, then an answer."""
    messages = request["messages"]
    number = sum(message["role"] == "user" for message in messages)
    thoughts = f"Question {number}: the tool counts; I only pass on what it says."
    reply = {"role": "assistant", "reasoning_content": thoughts}
    if messages[-1]["role"] == "tool":
        return {**reply, "content": f"\n\nAnswer {number}: größer, twice.\n"}
    function = {"name": "count", "arguments": '{"times":2, "word": "größer"}'}
    calls = [{"id": f"call_{number}", "type": "function", "function": function}]
    return {**reply, "content": "", "tool_calls": calls}


def conversation(folder: Path, start_llama: StartLlama, *, through: bool) -> list[Turn]:
    """The requests that reached the backend while three processes asked one question each."""
    (folder / "work").mkdir(parents=True)
    (folder / "work" / "functions.py").write_text(FUNCTIONS, encoding="utf-8")
    llama = start_llama(chat_template=template("chatml_keeps_reasoning"))
    with ScriptedModel(llama, say) as model:
        for number, question in enumerate(QUESTIONS, start=1):
            ledger = folder / "ledger.db"
            with warmprefix(model.url, ledger) if through else nullcontext(model.url) as url:
                assert f"Answer {number}:" in ask(folder, url, question)
        return model.turns


def ask(folder: Path, url: str, question: list[str]) -> str:
    """What a new process of llm prints."""
    (folder / "extra-openai-models.yaml").write_text(CONFIG.format(url=url), encoding="utf-8")
    arguments = ["--key", "none", "--functions", "functions.py", *question]
    return run("llm", arguments, folder, LLM_USER_PATH=str(folder))


def test_llm_finds_every_prompt_and_reply_in_the_cache(
    tmp_path: Path, start_llama: StartLlama
) -> None:
    """Measured after the first request: 426 tokens processed directly, 164 through the proxy."""
    direct = conversation(tmp_path / "plain", start_llama, through=False)
    through = conversation(tmp_path / "proxy", start_llama, through=True)
    print("direct", *figures(direct), "through", *figures(through), sep="\n")
    costs = [(a.processed_tokens, b.processed_tokens) for a, b in zip(direct, through, strict=True)]
    kept = [turn.prompt_tokens + turn.generated_tokens for turn in through[:-1]]

    assert changed_replies(direct) != []
    assert changed_history(through) == []
    assert changed_replies(through) == []
    assert len({sent(turn).tools for turn in through}) == 1
    assert [turn.cached_tokens for turn in through[1:]] == kept
    assert all(with_ <= without + 1 for without, with_ in costs)
    assert sum(with_ for _, with_ in costs[1:]) < 0.5 * sum(without for without, _ in costs[1:])
