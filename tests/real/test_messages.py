"""Sessions of the Messages API on a real llama-server: only what is new is read, and no slot is asked for."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.llama import StartLlama, template
from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import BUSY_S, Json, RunningProxy, running_proxy, until
from tests.real.saved_slots import saved
from tests.servers.stock import StartEither

pytestmark = pytest.mark.backend

PATH = "/v1/messages"
MARK = {"cache_control": {"type": "ephemeral"}}
LINE = "x-anthropic-billing-header: cc_version=2.1.197.{}; cc_entrypoint=cli;"
TEXT = "You help with files. " * 40
TOOL: Json = {"name": "Edit", "description": "Edit", "input_schema": {"type": "object"}}
STRICT = """\
{%- for m in messages -%}
{%- if m.role == 'system' and not loop.first -%}
{{ raise_exception('System message must be at the beginning.') }}
{%- endif -%}
<|{{ m.role }}|>
{{ m.content }}
{% endfor -%}
{%- if add_generation_prompt -%}<|assistant|>
{% endif -%}"""
EDGES = 32
"""Tokens around a message: its header, the end mark before it, the invitation behind it."""

ENDS = [chr(code) for code in range(ord("A"), ord("Z") + 1)]
"""The tiny model never ends a turn by itself."""


def said(role: str, *blocks: Json) -> Json:
    return {"role": role, "content": list(blocks)}


def text(content: str, **more: Any) -> Json:
    return {"type": "text", "text": content, **more}


def body(messages: list[Json], suffix: str = "e5b", **more: Any) -> Json:
    system = [text(LINE.format(suffix)), text(TEXT, **MARK)]
    options = {"max_tokens": 32, "temperature": 0, "stop_sequences": ENDS}
    return {"system": system, "messages": messages, "tools": [TOOL], **options, **more}


async def ask(proxy: RunningProxy, messages: list[Json], suffix: str = "e5b") -> Json:
    """One turn; the reply as a client keeps it."""
    answer = await exchange(proxy.url, "POST", PATH, body(messages, suffix))
    assert answer.status == 200, answer.body
    reply = answer.json()
    assert reply["stop_reason"] == "end_turn"
    return said("assistant", *reply["content"])


def loop(calls: int = 12) -> list[Json]:
    """A question, and a tool loop with reasoning whose last result is there."""
    messages = [said("user", text("Edit all files."))]
    for number in range(calls):
        thought = {
            "type": "thinking",
            "thinking": f"File {number} comes next. " * 4,
            "signature": "",
        }
        call = {
            "type": "tool_use",
            "id": f"call{number:05}",
            "name": "Edit",
            "input": {"n": number},
        }
        result = {
            "type": "tool_result",
            "tool_use_id": call["id"],
            "content": f"Line {number}. " * 20,
        }
        messages += [said("assistant", thought, call), said("user", result)]
    return messages


async def rested() -> None:
    """Return when nothing is read ahead any more, and it is known what the slots hold."""
    names = ("prewarm", "learn slot")
    await until(lambda: all(t.get_name() not in names for t in asyncio.all_tasks()), BUSY_S)


@pytest.mark.parametrize("slots", [1, 2])
async def test_after_a_long_loop_a_new_user_message_costs_no_more_than_itself(
    start_llama: StartLlama, slots: int
) -> None:
    """What is read ahead is what llama-server makes of the request: the template drops the loop's reasoning."""
    drops = template("chatml_drops_reasoning")
    server = start_llama(chat_template=drops, n_parallel=slots, cache_ram_mib=0)
    async with running_proxy(server.url, prewarm={"idle_s": 0.05}) as proxy:
        await proxy.ready()
        reply = await ask(proxy, loop())
        await rested()
        await ask(proxy, [*loop(), reply, said("user", text("And what is next?"))])
        record = (await proxy.records())[-1]

    assert record["prewarmed_tokens"] > 2500
    assert record["processed_tokens"] <= 64 + EDGES
    assert record["break"] is None
    assert (record["slot"], record["slot_reason"]) == (None, "this endpoint takes no slot")


async def test_on_either_server_a_new_user_message_costs_no_more_than_itself(
    start_either: StartEither,
) -> None:
    server = start_either(chat_template=template("chatml_drops_reasoning"))
    async with running_proxy(server.url, prewarm={"idle_s": 0.05}) as proxy:
        await proxy.ready()
        reply = await ask(proxy, loop())
        await rested()
        await ask(proxy, [*loop(), reply, said("user", text("And what is next?"))])
        record = (await proxy.records())[-1]

    assert record["prewarmed_tokens"] > 2500
    assert record["processed_tokens"] <= 64 + EDGES


async def test_what_claude_code_changes_from_request_to_request_costs_nothing(
    start_llama: StartLlama,
) -> None:
    """The billing line's suffix, the mark, a text as a string, a default added in front of the arguments: they
    were generated in other words."""
    server = start_llama(n_parallel=1)
    first = [said("user", text("Edit it.", **MARK))]
    call = {"type": "tool_use", "id": "c1", "name": "Edit", "input": {"old": "a" * 300, "n": 5}}
    result = {"type": "tool_result", "tool_use_id": "c1", "content": "ok"}
    plain: Json = {"role": "user", "content": "Edit it."}
    async with running_proxy(server.url) as proxy:
        await proxy.ready()
        await ask(proxy, [*first, said("assistant", call), said("user", {**result, **MARK})])
        mixed = said("user", result, text("Stop.", **MARK))
        reply = await ask(proxy, [plain, said("assistant", call), mixed], "0af")
        later = [plain, said("assistant", call), said("user", result, text("Stop."))]
        await ask(proxy, [*later, reply, said("user", text("And?", **MARK))], "777")
        second, third = (await proxy.records())[1:]

    assert second["processed_tokens"] <= len("Stop.") + EDGES + 8
    assert third["processed_tokens"] <= len("And?") + EDGES + 64
    assert third["kind"] == "append"
    assert "results-first" in second["rules"]
    assert "billing-line" in second["rules"]


async def test_a_template_that_wants_instructions_in_front_gets_them_there(
    start_llama: StartLlama,
) -> None:
    """Reminders of the system stand among the messages: llama-server refuses every such request."""
    server = start_llama(chat_template=STRICT, n_parallel=1)
    reminder: Json = {"role": "system", "content": "The tests are in tests/."}
    messages = [said("user", text("Edit it.")), reminder]
    assert (await exchange(server.url, "POST", PATH, body(messages))).status == 400
    async with running_proxy(server.url) as proxy:
        await proxy.ready()
        reply = await ask(proxy, messages)
        result = {"type": "tool_result", "tool_use_id": "c1", "content": "ok"}
        call = {"type": "tool_use", "id": "c1", "name": "Edit", "input": {}}
        messages += [reply, said("user", text("And?")), said("assistant", call)]
        await ask(proxy, [*messages, said("user", result), reminder])
        first, second = await proxy.records()

    assert "fold-system" in first["rules"]
    assert first["prompt_tokens"] > len(TEXT)
    assert second["cached_tokens"] >= first["prompt_tokens"] - 1
    assert second["kind"] == "append"


async def test_a_prompt_that_is_too_long_is_said_to_be_so(start_llama: StartLlama) -> None:
    server = start_llama(n_parallel=1, ctx_size=512)
    async with running_proxy(server.url) as proxy:
        answer = await exchange(proxy.url, "POST", PATH, body(loop()))
        counted = await exchange(
            proxy.url, "POST", f"{PATH}/count_tokens", {"messages": loop(), "tools": [TOOL]}
        )

    error = json.loads(answer.body)["error"]
    assert answer.status == 400
    assert error["type"] == "invalid_request_error"
    assert error["message"].startswith("prompt is too long: ")
    assert error["message"].endswith(" tokens > 512 maximum")
    assert counted.json()["input_tokens"] > 512


async def answered(url: str, messages: list[Json]) -> tuple[int, Json]:
    """How many tokens a turn had to read, and the reply as a client keeps it."""
    answer = await exchange(url, "POST", PATH, body(messages))
    assert answer.status == 200, answer.body
    reply = answer.json()
    return reply["usage"]["input_tokens"], said("assistant", *reply["content"])


def opening(name: str) -> list[Json]:
    """The beginning of a conversation of some thousand tokens."""
    return [said("user", text(f"Here are the files of {name}. " * 90))]


async def test_on_the_only_slot_what_another_has_cut_is_restored(
    start_llama: StartLlama, tmp_path: Path
) -> None:
    """A sub-agent takes the slot; the server has no other, so the conversation is put back into it."""
    server = start_llama(n_parallel=1, cache_ram_mib=0, slot_save_path=tmp_path)
    slots = {"save_path": str(tmp_path), "save_idle_s": 0.05}
    async with running_proxy(server.url, slots=slots) as proxy:
        await proxy.ready()
        history = opening("an archive")
        history += [(await answered(proxy.url, history))[1], said("user", text("Look again."))]
        await saved(proxy)
        await answered(proxy.url, opening("a library"))
        processed, _ = await answered(proxy.url, history)
        back = (await proxy.records())[-1]

    assert back["slot_reason"].startswith("restored ")
    assert back["slot"] is None or back["slot"] == 0
    assert processed <= len("Look again.") + EDGES


@pytest.mark.parametrize("slots", [1, 2])
async def test_a_conversation_outlives_a_crash_of_the_server(
    start_llama: StartLlama, tmp_path: Path, slots: int
) -> None:
    """All slots are empty then, so the server finds it by itself where it was put."""
    server = start_llama(n_parallel=slots, cache_ram_mib=0, slot_save_path=tmp_path)
    saves = {"save_path": str(tmp_path), "save_idle_s": 0.05}
    never = {"restart_check_s": 0.0}
    async with running_proxy(server.url, slots=saves, prewarm=never) as proxy:
        await proxy.ready()
        history = opening("an archive")
        history += [(await answered(proxy.url, history))[1], said("user", text("Look again."))]
        await saved(proxy)
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        await proxy.app.known.has_restarted()  # a request does not wait for that for long
        processed, _ = await answered(proxy.url, history)
        back = (await proxy.records())[-1]

    assert back["slot_reason"].startswith("restored ")
    assert processed <= len("Look again.") + EDGES


async def beside(url: str, crash: Callable[[], Awaitable[None]]) -> list[int]:
    """Two sessions in turn, one of them in a tool loop, at a client's speed; what each request has read."""
    read = []
    one, other = loop(), opening("a library")
    for number in range(3):
        for history in (one, other):
            tokens, reply = await answered(url, history)
            read.append(tokens)
            history += [reply, said("user", text(f"And number {number}?"))]
            await asyncio.sleep(0.02 * number)
        if number == 1:
            await crash()
    return read


async def test_beside_reading_ahead_and_again_a_session_costs_no_more_than_directly(
    start_either: StartEither,
) -> None:
    """What is read ahead, and read again after a crash, gives way to whoever asks, and cuts nobody."""
    server = start_either(chat_template=template("chatml_drops_reasoning"))

    async def crash() -> None:
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)

    direct = await beside(server.url, crash)
    await crash()
    eager = {"idle_s": 0.01, "restart_check_s": 0.02}
    async with running_proxy(server.url, prewarm=eager) as proxy:
        await proxy.ready()
        through = await beside(proxy.url, crash)
        records = await proxy.records()

    pairs = zip(through, direct, strict=True)
    assert all(ours <= theirs + 1 for ours, theirs in pairs), (through, direct)
    assert sum(through) < sum(direct)
    assert {record["outcome"] for record in records} == {"ok"}
    assert {record["failed_open"] for record in records} == {None}
