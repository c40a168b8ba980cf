"""A fault in anything that only helps a plain prompt: as in test_faults.py."""

import pytest

from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import running_proxy
from tests.fakes.scripted_replies import dump, json_response
from tests.fakes.several import Healthy


class Injected(Exception):
    """The fault."""


def boom(*_: object, **__: object) -> None:
    """What takes the place of a helper."""
    raise Injected


PLAIN_FAULTS = {
    "dialect.parse": ("warmprefix.dialects.text.dialect.Text.parse", "prepare"),
    "place_plain": ("warmprefix.pipeline.placing.place_plain", "prepare"),
    "kind_of": ("warmprefix.pipeline.prepare.kind_of", "prepare"),
    "reader.feed": ("warmprefix.dialects.text.reply.TextReader.feed", "reader"),
    "reader.finish": ("warmprefix.dialects.text.reply.TextReader.finish", "reader"),
    "new_nodes": ("warmprefix.pipeline.entries.new_nodes", "record"),
    "line_keys": ("warmprefix.pipeline.remember.line_keys", "record"),
}
"""What is called only for a plain prompt: what is replaced, and under which reason it is counted."""


@pytest.mark.parametrize(("place", "reason"), PLAIN_FAULTS.values(), ids=PLAIN_FAULTS)
async def test_a_fault_in_a_helper_of_plain_prompts_reaches_nobody(
    place: str, reason: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    said = dump({"content": " Hi.", "stop": True, "tokens_evaluated": 9, "tokens_predicted": 2})
    script = json_response(said)
    async with Healthy(script, script) as backend, running_proxy(backend.url) as proxy:
        with monkeypatch.context() as patch:
            patch.setattr(place, boom)
            answer = await exchange(proxy.url, "POST", "/completion", {"prompt": "Ann:"})
        again = await exchange(proxy.url, "POST", "/completion", {"prompt": "Ann: Hi."})
        records = await proxy.records()

    assert (answer.status, answer.body, answer.complete) == (200, said, True)
    assert again.body == said
    assert [record["failed_open"] for record in records] == [[reason], None]
    assert [request.json()["prompt"] for request in backend.requests] == ["Ann:", "Ann: Hi."]
    assert "tests/server/test_plain_faults.py" in caplog.text
