"""Pages about the server: health, models, properties, metrics, adapters, and who may see them."""

import re

import pytest

from tests.conformance.cases import CHAT, Ask, Case, check, get, name_of
from tests.conformance.conftest import KEY, Servers
from tests.conformance.prompts import MESSAGES
from tests.fakes.llama import LlamaServer
from tests.fakes.running_proxy import Json

pytestmark = pytest.mark.backend

SHORT: Json = {"messages": MESSAGES, "max_tokens": 2, "temperature": 0}
MODEL: Json = {
    "object": "list", "data.#": 1, "data.0.id": "tiny", "data.0.owned_by": "llamacpp",
    "data.0.meta.n_ctx_train": 131_072, "data.0.meta.n_vocab": 266, "models.0.name": "tiny",
}  # fmt: skip
CASES = [
    get("health", "/health", status="ok"),
    get("health-v1", "/v1/health", status="ok"),
    get("models", "/v1/models", **MODEL),
    get("models-short", "/models", **MODEL),
    get("models-query", "/v1/models?limit=1", **MODEL),
    get("one-model", "/v1/models/tiny", 404),
    get("props", "/props", **{
        "total_slots": 1, "default_generation_settings.n_ctx": 2048, "model_alias": "tiny",
        "model_path": re.compile("gguf$"), "chat_template": re.compile("im_start"),
        "modalities.vision": False, "is_sleeping": False, "media_marker": str}),
    get("props-model", "/props?model=tiny", total_slots=1),
    Case("props-changed", "/props", {"a": 1}, 501, {"error.type": "not_supported_error"}),
    get("metrics", "/metrics", text=re.compile("llamacpp:prompt_tokens_total")),
    get("adapters", "/lora-adapters", **{"#": 0}),
    Case("adapters-set", "/lora-adapters", [], 200, {"success": True}),
    Case("adapters-object", "/lora-adapters", {"id": 0}, 400, {"error.code": 400}),
    Case("adapters-unknown", "/lora-adapters", [{"id": 3, "scale": 1}], 200, {"success": True}),
    get("tags", "/api/tags", 404),
    Case("show", "/api/show", {}, 404, {"error.code": 404}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=name_of)
async def test_a_page(case: Case, one: LlamaServer) -> None:
    await check(case, one)


COUNTED = Case(
    "metrics",
    "/metrics",
    None,
    200,
    {"text": re.compile(r"\nllamacpp:prompt_tokens_total 54\n")},
    "GET",
    before=[Ask(CHAT, SHORT)],
)


async def test_what_is_counted_of_a_chat(servers: Servers) -> None:
    """By a server that starts anew for each side: the proxy's own questions are not counted."""
    await check(COUNTED, servers("two"))


RIGHT = (("Authorization", f"Bearer {KEY}"),)
ALSO_RIGHT = (("X-Api-Key", KEY),)
WRONG = (("Authorization", "Bearer another"),)
NONE = ()
REFUSED: Json = {
    "error.code": 401, "error.type": "authentication_error", "error.message": "Invalid API Key",
}  # fmt: skip
GUARDED = [
    Case("health", "/health", None, 200, {"status": "ok"}, "GET", NONE),
    Case("models", "/v1/models", None, 401, REFUSED, "GET", NONE),
    Case("models-key", "/v1/models", None, 200, MODEL, "GET", RIGHT),
    Case("props", "/props", None, 401, REFUSED, "GET", NONE),
    Case("props-key", "/props", None, 200, {"total_slots": 1}, "GET", RIGHT),
    Case("chat-none", CHAT, SHORT, 401, REFUSED, headers=NONE),
    Case("chat-wrong", CHAT, SHORT, 401, REFUSED, headers=WRONG),
    Case("chat-wrong-stream", CHAT, {**SHORT, "stream": True}, 401, REFUSED, headers=WRONG),
    Case("chat-basic", CHAT, SHORT, 401, REFUSED, headers=(("Authorization", f"Basic {KEY}"),)),
    Case("chat-key", CHAT, {**SHORT, "cache_prompt": False}, 200, {"choices.#": 1}, headers=RIGHT),
    Case("chat-other-header", CHAT, {**SHORT, "cache_prompt": False}, 200, {"choices.#": 1},
        headers=ALSO_RIGHT),
    Case("completion-none", "/completion", {"prompt": "a"}, 401, REFUSED),
    Case("completion-key", "/completion", {"prompt": "a", "n_predict": 2, "cache_prompt": False}, 200, {
        "content": str}, headers=RIGHT),
    Case("tokenize-none", "/tokenize", {"content": "a"}, 401, REFUSED),
    Case("nothing-none", "/nothing", None, 401, REFUSED, "GET"),
    Case("nothing-key", "/nothing", None, 404, {"error.code": 404}, "GET", RIGHT),
    Case("preflight", CHAT, None, 200, {"text": ""}, "OPTIONS", (("Origin", "http://a.test"),)),
]  # fmt: skip


@pytest.mark.parametrize("case", GUARDED, ids=name_of)
async def test_a_server_with_a_key(case: Case, servers: Servers) -> None:
    await check(case, servers("guarded"))
