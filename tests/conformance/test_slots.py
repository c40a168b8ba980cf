"""Slots: what they say, and saving, restoring and erasing them. Each request of a sequence is compared."""

import pytest

from tests.conformance.cases import CHAT, Ask, Case, check, get, name_of
from tests.conformance.conftest import KEY, Servers
from tests.fakes.llama import LlamaServer
from tests.fakes.running_proxy import Json

pytestmark = pytest.mark.backend

PROMPT = {"prompt": "The longest river is", "n_predict": 6, "temperature": 0}
COMPLETE = Ask("/completion", PROMPT)
HELD = 20 + 5
SAVE = Ask("/slots/0?action=save", {"filename": "kept.bin"})
ERASE = Ask("/slots/0?action=erase", {})
RESTORE = Ask("/slots/0?action=restore", {"filename": "kept.bin"})
WRONG = {"error.code": 400, "error.type": "invalid_request_error"}


def wrong(id: str, path: str, body: object, expect: Json = WRONG, status: int = 400) -> Case:
    """A request that is refused."""
    return Case(id, path, body, status, expect)


CASES = [
    Case("slots", "/slots", None, 200, {"#": 1, "0.id": 0, "0.n_ctx": 2048, "0.is_processing": False},
        "GET"),
    Case("a-slot-is-free", "/slots?fail_on_no_slot=1", None, 200, {"#": 1}, "GET"),
    Case("after-a-request", "/slots", None, 200, {"0.is_processing": False, "0.params": dict}, "GET",
        before=[COMPLETE]),
    Case("after-a-chat", "/slots", None, 200, {"0.n_prompt_tokens": int}, "GET",
        before=[Ask(CHAT, {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 2})]),
    Case("save", SAVE.path, SAVE.body, 200, {
        "id_slot": 0, "filename": "kept.bin", "n_saved": HELD, "n_written": int,
        "timings.save_ms": float}, before=[COMPLETE]),
    Case("save-nothing", SAVE.path, SAVE.body, 200, {"n_saved": 0}),
    Case("erase", ERASE.path, {}, 200, {"id_slot": 0, "n_erased": HELD}, before=[COMPLETE]),
    Case("erase-without-a-body", ERASE.path, None, 200, {"n_erased": 0}),
    Case("erase-twice", ERASE.path, {}, 200, {"n_erased": 0}, before=[COMPLETE, ERASE]),
    Case("erased", "/completion", PROMPT, 200, {"timings.cache_n": 0}, before=[COMPLETE, ERASE]),
    Case("restore", RESTORE.path, RESTORE.body, 200, {"n_restored": HELD, "n_read": int},
        before=[COMPLETE, SAVE, ERASE]),
    Case("restored", "/completion", PROMPT, 200, {"timings.cache_n": 19},
        before=[COMPLETE, SAVE, ERASE, RESTORE]),
    wrong("unknown-action", "/slots/0?action=copy", {}),
    wrong("no-action", "/slots/0", {}),
    wrong("no-slot-number", "/slots/first?action=erase", {}),
    wrong("outside", "/slots/0?action=save", {"filename": "../kept.bin"}),
    wrong("no-file-name", "/slots/0?action=save", {}),
    wrong("restore-no-name", "/slots/0?action=restore", {}),
    wrong("restore-nothing", "/slots/0?action=restore", {"filename": "none.bin"}),
    wrong("name-is-a-number", "/slots/0?action=save", {"filename": 7}),
    Case("beyond", "/slots/9?action=erase", {}, 200, {"id_slot": 9}),
    get("one-slot", "/slots/0", 404),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=name_of)
async def test_slots(case: Case, one: LlamaServer) -> None:
    await check(case, one)


TWO = [
    Case("slots", "/slots", None, 200, {"#": 2, "1.id": 1, "1.n_ctx": 2048}, "GET"),
    Case("second", "/slots/1?action=erase", {}, 200, {"id_slot": 1, "n_erased": HELD},
        before=[Ask("/completion", {**PROMPT, "id_slot": 1})]),
    Case("moved", "/completion", {**PROMPT, "id_slot": 1}, 200, {
        "id_slot": 1, "timings.cache_n": 19}, before=[
            Ask("/completion", {**PROMPT, "id_slot": 0}), SAVE,
            Ask("/slots/1?action=restore", {"filename": "kept.bin"})]),
    Case("apart", "/completion", {**PROMPT, "id_slot": 1}, 200, {"timings.cache_n": 0},
        before=[Ask("/completion", {**PROMPT, "id_slot": 0})]),
]  # fmt: skip


@pytest.mark.parametrize("case", TWO, ids=name_of)
async def test_two_slots(case: Case, servers: Servers) -> None:
    await check(case, servers("two"))


AUTHORIZED = (("Authorization", f"Bearer {KEY}"),)
OFF: Json = {"error.code": 501, "error.type": "not_supported_error"}
SWITCHED_OFF = [
    Case("slots", "/slots", None, 501, OFF, "GET", AUTHORIZED),
    Case("no-slot", "/slots?fail_on_no_slot=1", None, 501, OFF, "GET", AUTHORIZED),
    Case("metrics", "/metrics", None, 501, OFF, "GET", AUTHORIZED),
    Case("save", SAVE.path, SAVE.body, 501, OFF, headers=AUTHORIZED),
    Case("props", "/props", {}, 501, OFF, headers=AUTHORIZED),
]


@pytest.mark.parametrize("case", SWITCHED_OFF, ids=name_of)
async def test_what_is_switched_off(case: Case, servers: Servers) -> None:
    await check(case, servers("guarded"))
