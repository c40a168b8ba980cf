"""What the real llama-server does with prompts, as far as every other backend test relies on it."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from tests.builders import Json, assistant, call, result, system, user
from tests.fakes.llama import LlamaServer, StartLlama, template

pytestmark = pytest.mark.backend

READ_FILE: Json = {
    "type": "function",
    "function": {
        "name": "read_file",
        "description": "Read a file",
        "parameters": {"type": "object", "properties": {"path": {"type": "string"}}},
    },
}

SYSTEM = system("Be brief.")
READS = call('{"path": "a.txt"}', "read_file", "call_1")
LOOP = [
    SYSTEM,
    user("Read a."),
    assistant("", reasoning_content="need a.txt", tool_calls=[READS]),
    result("call_1", "alpha"),
]
NEXT_TURN = [*LOOP, assistant("It says alpha."), user("?")]


def chat(server: LlamaServer, messages: list[Json], **options: object) -> Json:
    """The reply to a chat completion of eight tokens."""
    body = {"messages": messages, "max_tokens": 8, "temperature": 0, **options}
    reply: Json = json.loads(server.post("/v1/chat/completions", body))
    return reply


def rendered(server: LlamaServer, messages: list[Json], tools: bool = True) -> str:
    """The text that the server's chat template makes of `messages`."""
    body = {"messages": messages, "tools": [READ_FILE]} if tools else {"messages": messages}
    return str(json.loads(server.post("/apply-template", body))["prompt"])


def cached(reply: Json) -> int:
    """The backend's report of reused tokens."""
    return int(reply["usage"]["prompt_tokens_details"]["cached_tokens"])


@pytest.mark.parametrize("model", ["tiny", "gemma"])
class TestCache:
    """Both models, each on a server that nobody else talks to."""

    @pytest.fixture
    def server(self, model: Any, start_llama: StartLlama) -> LlamaServer:
        return start_llama(model)

    def test_an_identical_prompt_is_cached_but_for_one_token(self, server: LlamaServer) -> None:
        first = chat(server, LOOP, tools=[READ_FILE])
        again = chat(server, LOOP, tools=[READ_FILE])

        assert cached(first) == 0
        assert cached(again) == again["usage"]["prompt_tokens"] - 1

    def test_an_appended_turn_reuses_the_prompt_and_the_reply(self, server: LlamaServer) -> None:
        """All but the last generated token, which was sampled and never evaluated."""
        first = chat(server, [SYSTEM, {"role": "user", "content": "Count."}])
        reply = {"role": "assistant", "content": first["choices"][0]["message"]["content"]}
        history = [SYSTEM, {"role": "user", "content": "Count."}, reply]
        second = chat(server, [*history, {"role": "user", "content": "On."}])

        total = first["usage"]["prompt_tokens"] + first["usage"]["completion_tokens"]
        assert cached(second) == total - 1

    def test_a_changed_beginning_costs_everything_after_it(self, server: LlamaServer) -> None:
        words = "one two three four five six seven eight nine ten " * 5
        chat(server, [{"role": "system", "content": f"10:00 {words}"}, LOOP[1]])
        moved = chat(server, [{"role": "system", "content": f"10:01 {words}"}, LOOP[1]])

        assert cached(moved) < 32 < 60 < moved["usage"]["prompt_tokens"]


def test_slots_props_and_metrics_are_readable(tiny_llama: LlamaServer) -> None:
    slots = json.loads(tiny_llama.get("/slots"))
    props = json.loads(tiny_llama.get("/props"))

    assert [slot["id"] for slot in slots] == [0, 1]
    assert {slot["n_ctx"] for slot in slots} == {32768}
    assert props["total_slots"] == 2
    assert props["model_alias"] == "tiny"
    assert props["chat_template"] == template("chatml_tools").rstrip("\n")
    assert b"llamacpp:prompt_tokens_cached_total" in tiny_llama.get("/metrics")


def test_the_same_address_after_kill_and_restart(start_llama: StartLlama) -> None:
    server = start_llama(alias="mine")
    url = server.url
    chat(server, LOOP)
    server.kill()
    server.restart()

    assert server.url == url
    assert cached(chat(server, LOOP)) == 0
    assert json.loads(server.get("/v1/models"))["data"][0]["id"] == "mine"


def test_a_saved_slot_survives_a_restart(start_llama: StartLlama, tmp_path: Any) -> None:
    server = start_llama(n_parallel=1, slot_save_path=tmp_path)
    chat(server, LOOP)
    server.post("/slots/0?action=save", {"filename": "slot.bin"})
    server.restart()
    server.post("/slots/0?action=restore", {"filename": "slot.bin"})
    again = chat(server, LOOP)

    assert cached(again) == again["usage"]["prompt_tokens"] - 1


def test_the_tiny_model_writes_text_that_becomes_the_same_tokens(tiny_llama: LlamaServer) -> None:
    text = chat(tiny_llama, LOOP, max_tokens=32)["choices"][0]["message"]["content"]

    assert len(text) == 32
    assert text.isascii()
    assert text.isprintable()


def test_gemma_calls_a_tool(gemma_llama: LlamaServer) -> None:
    """Deterministic: greedy, and the model copies the call that its context shows."""
    history = [*LOOP, {"role": "user", "content": "Read b.txt with read_file."}]
    reply = chat(gemma_llama, history, tools=[READ_FILE], tool_choice="required", max_tokens=40)
    message = reply["choices"][0]["message"]

    assert message["tool_calls"][0]["function"]["name"] == "read_file"


@dataclass(frozen=True)
class Template:
    """What one template must and must not show of a tool loop, and of the turn after it."""

    name: str
    in_loop: tuple[str, ...] = ()
    not_in_loop: tuple[str, ...] = ()
    keeps_prefix: bool = True


CALL = '<tool_call>\n{"name": "read_file", "arguments": {"path": "a.txt"}'
TEMPLATES = [
    Template("chatml_tools", (f"{CALL}}}\n</tool_call><|im_end|>",), ("need a.txt", "call_1")),
    Template("chatml_keeps_reasoning", (f"<think>\nneed a.txt\n</think>\n\n{CALL}",), ("call_1",)),
    Template(
        "chatml_drops_reasoning",
        (f"<think>\nneed a.txt\n</think>\n\n{CALL}",),
        ("call_1",),
        keeps_prefix=False,  # as Qwen3: a new user message takes the reasoning out of the history
    ),
    Template("chatml_ids", (f'{CALL}, "id": "call_1"}}', "tool\n[call_1] alpha"), ("need a.txt",)),
]


@pytest.mark.parametrize("case", TEMPLATES, ids=lambda case: case.name)
def test_templates_show_what_their_name_says(case: Template, start_llama: StartLlama) -> None:
    server = start_llama(chat_template=template(case.name))
    loop = rendered(server, LOOP)
    after = rendered(server, NEXT_TURN)
    reply = chat(server, LOOP, tools=[READ_FILE])  # 400 if no parser can be made for the template

    assert all(text in loop for text in case.in_loop)
    assert not any(text in loop for text in case.not_in_loop)
    assert after.startswith(loop) is case.keeps_prefix
    assert reply["usage"]["completion_tokens"] == 8


def test_gemma_template_puts_system_and_tools_into_the_first_user_turn(
    gemma_llama: LlamaServer,
) -> None:
    loop = rendered(gemma_llama, LOOP)
    plain = rendered(gemma_llama, LOOP[:2], tools=False)

    assert plain == "<start_of_turn>user\nBe brief.\n\nRead a.<end_of_turn>\n<start_of_turn>model\n"
    assert loop.startswith("<start_of_turn>user\nBe brief.\n\nTools")
    assert f"<start_of_turn>model\n{CALL}}}\n</tool_call><end_of_turn>\n" in loop
    assert "<start_of_turn>user\n<tool_response>\nalpha\n</tool_response><end_of_turn>\n" in loop
    assert rendered(gemma_llama, NEXT_TURN).startswith(loop)
