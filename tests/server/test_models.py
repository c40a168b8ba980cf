"""`GET /v1/models` of several backends: one list."""

from tests.fakes.raw_client import exchange
from tests.fakes.scripted_replies import json_response
from tests.fakes.several import Healthy, site


def model_list(*ids: str) -> dict[str, object]:
    """The answer to `/v1/models`."""
    models = [{"id": name, "object": "model", "owned_by": "llamacpp"} for name in ids]
    return {"object": "list", "data": models}


async def test_models_are_one_list() -> None:
    served = {"a": ["one", "both"], "b": ["both", "two"], "c": ["three"]}
    backends = {name: Healthy(json_response(model_list(*ids))) for name, ids in served.items()}
    async with site(backends, c={"models": ("alias", "three")}) as where:
        answer = await exchange(where.proxy.url, "GET", "/v1/models")

    told = answer.json()
    assert [model["id"] for model in told["data"]] == ["one", "both", "two", "alias", "three"]
    assert told["object"] == "list"
    assert told["data"][1]["owned_by"] == "llamacpp"


async def test_models_come_from_those_that_answer_with_a_list() -> None:
    backends = {
        "a": Healthy(json_response({"error": "no"}, 500)),
        "b": Healthy(json_response(model_list("two"))),
        "c": Healthy(json_response(b"no JSON")),
    }
    async with site(backends) as where:
        answer = await exchange(where.proxy.url, "GET", "/v1/models")

    assert [model["id"] for model in answer.json()["data"]] == ["two"]


async def test_where_nobody_has_a_list_the_first_one_answers_itself() -> None:
    backends = {name: Healthy(otherwise=json_response({"error": name}, 401)) for name in "ab"}
    async with site(backends) as where:
        answer = await exchange(where.proxy.url, "GET", "/v1/models")

    assert (answer.status, answer.json()) == (401, {"error": "a"})


async def test_a_list_that_cannot_be_merged_is_no_failure() -> None:
    """An id that is no text; the first backend then answers itself."""
    odd = {"object": "list", "data": [{"id": ["x"], "object": "model"}]}
    backends = {name: Healthy(otherwise=json_response(odd)) for name in "ab"}
    async with site(backends) as where:
        answer = await exchange(where.proxy.url, "GET", "/v1/models")
        counted = dict(where.proxy.app.turns._counters.fail_open)

    assert (answer.status, answer.json()) == (200, odd)
    assert counted == {"models": 1}
