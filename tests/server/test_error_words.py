"""An error of the backend for a prompt that is too long, as clients of the Messages API get it."""

from typing import NamedTuple

import pytest

from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import Backend, Json, running_proxy
from tests.fakes.scripted_replies import dump, json_response
from warmprefix.dialects.messages.errors import prompt_too_long

MESSAGES, CHAT = "/v1/messages", "/v1/chat/completions"
BODY: Json = {"messages": [{"role": "user", "content": "x"}]}
NOT_UNDERSTOOD: Json = {"messages": "x"}
TOO_LONG = dump(
    {
        "error": {
            "code": 400,
            "message": "request (9 tokens) exceeds the available context size (8 tokens)",
            "type": "exceed_context_size_error",
            "n_prompt_tokens": 9,
            "n_ctx": 8,
        }
    }
)
OTHER = dump({"error": {"code": 400, "message": "no", "type": "invalid_request_error"}})
REWORDED = prompt_too_long(TOO_LONG)


class Row(NamedTuple):
    id: str
    expected: bytes
    error: bytes = TOO_LONG
    status: int = 400
    path: str = MESSAGES
    body: Json = BODY
    observe: bool = False


ROWS = [
    Row("too-long", REWORDED),
    Row("streamed", REWORDED, body={**BODY, "stream": True}),
    Row("not-understood", REWORDED, body=NOT_UNDERSTOOD),
    Row("observed", TOO_LONG, observe=True),
    Row("chat", TOO_LONG, path=CHAT),
    Row("another-status", TOO_LONG, status=500),
    Row("another-error", OTHER, error=OTHER),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
async def test_a_prompt_that_is_too_long(row: Row) -> None:
    async with (
        Backend(json_response(row.error, status=row.status)) as backend,
        running_proxy(backend.url, observe=row.observe) as proxy,
    ):
        answer = await exchange(proxy.url, "POST", row.path, row.body)
        record = await proxy.record()

    assert (answer.status, answer.body, answer.complete) == (row.status, row.expected, True)
    assert answer.header("content-length") == str(len(row.expected))
    assert (record["status"], record["outcome"]) == (row.status, "backend_error")
