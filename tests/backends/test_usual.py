"""Which backend of this machine is taken if no setting names one."""

import pytest

from tests.fakes.pages import serving
from tests.fakes.scripted_replies import json_response
from warmprefix.backends.usual import answering

NOBODY = "http://127.0.0.1:1"
LLAMA = {"/props": json_response({}, 401, [("Server", "llama.cpp")])}
LEMONADE = {"/api/v1/health": {"status": "ok", "all_models_loaded": []}}
OTHER = {"/": json_response({"a": "web page"})}


@pytest.mark.parametrize(
    ("first", "second", "is_taken"),
    [
        pytest.param(LLAMA, LEMONADE, "first", id="two-of-them"),
        pytest.param(OTHER, LLAMA, "second", id="a-web-page-in-front"),
        pytest.param(OTHER, LEMONADE, "second", id="lemonade"),
        pytest.param(OTHER, OTHER, None, id="none"),
    ],
)
async def test_the_first_that_is_a_backend_is_taken(
    first: dict[str, object], second: dict[str, object], is_taken: str | None
) -> None:
    async with serving(first) as one, serving(second) as other:
        found = await answering([NOBODY, one.url, other.url])

    assert found == {"first": one.url, "second": other.url, None: None}[is_taken]


async def test_nobody_is_nobody() -> None:
    assert await answering([NOBODY]) is None
