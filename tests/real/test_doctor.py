"""`warmprefix doctor` on a real llama-server."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.doctoring import examined, levels
from tests.fakes.llama import LlamaServer, StartLlama, template
from warmprefix.embedded.process import Option

pytestmark = pytest.mark.backend


def features(body: Any) -> Any:
    """What was found of the template."""
    return body["facts"]["server"]["template"]


TEMPLATES: list[tuple[str, str, dict[str, object]]] = [
    ("keeps", template("chatml_keeps_reasoning"), {
        "reasoning_in_loop": True, "reasoning_in_history": True, "rewrites": "none", "tools": True,
        "calls": True, "call_ids": False, "nine_character_ids": False, "key_order": True, "clock": "none"}),
    ("drops", template("chatml_drops_reasoning"), {
        "reasoning_in_loop": True, "reasoning_in_history": False, "rewrites": "reasoning"}),
    ("never-shows", template("chatml_tools"), {
        "reasoning_in_loop": False, "reasoning_in_history": False, "rewrites": "none"}),
    ("ids", template("chatml_ids"), {"call_ids": True, "rewrites": "none"}),
    ("nine", "{%- for m in messages %}{% for c in m.tool_calls or [] %}{% if c.id|length != 9 %}"
             "{{ raise_exception('nine') }}{% endif %}{% endfor %}{% endfor -%}" + template("chatml_ids"),
     {"call_ids": True, "nine_character_ids": True}),
    ("date", '{{ strftime_now("%d %b %Y") }}' + template("chatml_tools"), {"clock": "date"}),
    ("time", '{{ strftime_now("%Y-%m-%d %H:%M") }}' + template("chatml_tools"), {"clock": "time"}),
    ("moves", "{%- set last = messages[-1] %}<|im_start|>{{ messages|length if last.role == 'user' }}"
              + template("chatml_tools"), {"rewrites": "more"}),
    ("no-tools", "{%- for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}",
     {"rewrites": "none"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"), [r[1:] for r in TEMPLATES], ids=[r[0] for r in TEMPLATES]
)
def test_a_template_is_known_by_what_it_renders(
    start_llama: StartLlama, text: str, expected: dict[str, object]
) -> None:
    found = features(examined(start_llama(chat_template=text).url))

    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize("slots", [1, 2])
def test_the_slots_of_a_real_llama_server(start_llama: StartLlama, slots: int) -> None:
    body = examined(start_llama(n_parallel=slots).url)
    what = "One slot of 32,768 tokens" if slots == 1 else "2 slots of 32,768 tokens each"

    assert levels(body)[what] == ("bad" if slots == 1 else "good")
    assert body["status"] == (slots == 1)


@pytest.mark.parametrize("is_on", [True, False])
def test_whether_slots_can_be_saved_is_asked_without_saving(
    start_llama: StartLlama, tmp_path: Path, is_on: bool
) -> None:
    """Nothing is written, and the slot keeps what it holds."""
    server = start_llama(slot_save_path=tmp_path if is_on else None)
    prompt = {"prompt": [65] * 500, "n_predict": 1, "id_slot": 0}
    server.post("/completion", prompt)
    body = examined(server.url)
    again = json.loads(server.post("/completion", prompt))

    assert body["facts"]["server"]["slot_saving"] == ("on" if is_on else "off")
    assert list(tmp_path.iterdir()) == []
    assert again["timings"]["cache_n"] == 499


def test_endpoints_that_are_off_are_named(start_llama: StartLlama) -> None:
    off: dict[str, Option] = {"endpoint_slots": False, "endpoint_metrics": False}
    found = levels(examined(start_llama(options=off).url, "--probe"))

    assert found["/slots is switched off"] == "note"
    assert found["/metrics is switched off"] == "note"
    assert found["Nothing was measured"] == "note"


def test_a_key_of_a_real_llama_server(start_llama: StartLlama) -> None:
    url = start_llama(options={"api_keys": ["secret"]}).url
    without, given = examined(url), examined(url, "--api-key", "secret")

    assert without["facts"]["server"]["state"] == "locked"
    assert levels(given)["2 slots of 32,768 tokens each"] == "good"


def test_a_model_with_full_attention_is_measured_on_the_slot_that_holds_least(
    tiny_llama: LlamaServer,
) -> None:
    body = examined(tiny_llama.url, "--probe")

    assert levels(body)["The model can go back to any token: 300 of 300 were reused"] == "good"
    assert body["facts"]["server"]["probe"]["rate"] > 0


@pytest.mark.parametrize("swa_full", [True, False], ids=["full", "window"])
def test_a_sliding_window_is_measured(start_llama: StartLlama, swa_full: bool) -> None:
    probe = examined(start_llama("gemma", swa_full=swa_full).url, "--probe")["facts"]["server"][
        "probe"
    ]

    assert probe["shared"] == 300
    assert (probe["cached"] == 300) is swa_full
