"""How much longer a prompt is than its client has sent it."""

import json

import pytest

from tests.builders import Json, assistant, system, user
from warmprefix.core.explain.put_back import added_characters, put_back_tokens
from warmprefix.core.types import Message
from warmprefix.dialects.chat_completions.messages import parse_message


def messages(*values: Json) -> tuple[Message, ...]:
    return tuple(parse_message(json.dumps(value).encode()) for value in values)


S, U, BLOCK = system("It is 10:00."), user("Hi."), "\n<note>Be quick.</note>"
PICTURE = user([{"type": "image_url", "image_url": {"url": "data:,xxxxxxxxxxxxxxx"}}])


@pytest.mark.parametrize(
    ("sent", "client", "added"),
    [
        pytest.param([S, U], [S, U], 0, id="the-same"),
        pytest.param([S, U], [system("It is 10:01."), U], 0, id="another-time"),
        pytest.param([S, user("Hi." + BLOCK)], [S, U], len(BLOCK), id="a-block"),
        pytest.param([S, system("Lore."), U], [S, U], 5, id="a-message"),
        pytest.param([S], [S, U], 0, id="less"),
        pytest.param([S, PICTURE], [S], 0, id="a-picture-has-no-characters"),
        pytest.param(
            [S, assistant("Yes.", reasoning_content="why")], [S, assistant("Yes.")], 0, id="a-thought"
        ),
    ],
)  # fmt: skip
def test_text_that_the_client_did_not_send(
    sent: list[Json], client: list[Json], added: int
) -> None:
    assert added_characters(messages(*sent), messages(*client)) == added


@pytest.mark.parametrize(
    ("added", "total", "prompt", "tokens"),
    [(0, 100, 50, 0), (10, 100, 50, 5), (200, 100, 50, 50), (0, 0, 50, 0)],
)
def test_tokens_at_the_turns_own_ratio(added: int, total: int, prompt: int, tokens: int) -> None:
    assert put_back_tokens(added, total, prompt) == tokens
