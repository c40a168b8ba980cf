"""A backend that has restarted holds nothing, so what was put back long ago may leave then."""

import pytest

from tests.builders import assistant, system, user
from tests.fakes.raw_client import exchange
from tests.fakes.running_proxy import running_proxy
from tests.fakes.scripted_replies import chat_reply, dump, json_response
from tests.fakes.several import Healthy

CHAT = "/v1/chat/completions"
BLOCK = "\n\n<note>\nBe quick.\n</note>"


@pytest.mark.parametrize("has_restarted", [True, False])
async def test_old_blocks_leave_after_a_restart_of_the_backend(has_restarted: bool) -> None:
    replies = [f"Answer {at}." for at in range(4)]
    scripts = [json_response(dump(chat_reply(text, 50, 0))) for text in replies]
    history = [system("Be brief.")]
    async with (
        Healthy(*scripts) as backend,
        running_proxy(
            backend.url,
            canonicalize={"enable": ("restore-transient-blocks",)},
            memory={"store": "memory", "transient_max_turns": 1},
        ) as proxy,
    ):
        for at, reply in enumerate(replies):
            if at == 3 and has_restarted:
                proxy.app.known.generation += 1
            question = f"Question {at}?"
            body = {"messages": [*history, user(question + BLOCK)]}
            await exchange(proxy.url, "POST", CHAT, body)
            await proxy.records()
            history += [user(question), assistant(reply)]

    sent = backend.requests[-1].json()["messages"]
    users = [BLOCK in message["content"] for message in sent if message["role"] == "user"]
    assert users == ([False, False, True, True] if has_restarted else [True] * 4)
