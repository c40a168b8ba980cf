"""Our own API keeps what its OpenAPI document says, whatever is sent: schemathesis over a real socket.

Its checks are https://schemathesis.readthedocs.io/en/stable/reference/checks/: no 5xx, only the
statuses and media types that are described, values that are not allowed refused.
"""

import asyncio
from collections import Counter
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from tests.fakes.raw_client import exchange, raw_client, request_bytes
from tests.fakes.running_proxy import Backend, running_proxy
from tests.security.hostile import BODY, CHAT, HANG_S, OK

DOCUMENT = "/warmprefix/openapi.json"
ENDLESS = "/warmprefix/api/events"  # who reads it to its end never returns
examples = settings(max_examples=20, suppress_health_check=list(HealthCheck))


def call_all(url: str) -> Counter[int]:
    """Call every operation with values that are allowed and with values that are not; the answers."""
    statuses: Counter[int] = Counter()
    for found in schemathesis.openapi.from_url(url + DOCUMENT).get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if operation.path == ENDLESS:
            continue
        can_be_wrong = operation.path_parameters or operation.query
        for mode in GenerationMode if can_be_wrong else (GenerationMode.POSITIVE,):

            @examples
            @given(case=operation.as_strategy(generation_mode=mode))
            def call(case: Any) -> None:
                statuses[case.call_and_validate().status_code] += 1

            call()
    return statuses


async def test_the_api_keeps_what_its_document_says(caplog: pytest.LogCaptureFixture) -> None:
    async with (
        asyncio.timeout(HANG_S),
        Backend(otherwise=OK) as backend,
        running_proxy(backend.url) as proxy,
    ):
        await exchange(proxy.url, "POST", CHAT, BODY)
        await proxy.record()
        statuses = await asyncio.to_thread(call_all, proxy.url)

    assert {200, 404, 422} <= set(statuses)
    assert len(backend.requests) == 1
    assert caplog.text == ""


async def test_every_page_is_of_a_media_type_that_the_document_names() -> None:
    """The one that does not end included: its head is all that is read."""
    async with (
        asyncio.timeout(HANG_S),
        Backend(otherwise=OK) as backend,
        running_proxy(backend.url) as proxy,
    ):
        paths = (await exchange(proxy.url, "GET", DOCUMENT)).json()["paths"]
        for path in [path for path, methods in paths.items() if "get" in methods]:
            async with raw_client(proxy.url) as client:
                await client.send(request_bytes("GET", path.format(turn="x")))
                answer = await client.head()
            described = paths[path]["get"]["responses"][str(answer.status)]["content"]

            assert (answer.header("content-type") or "").partition(";")[0] in described
