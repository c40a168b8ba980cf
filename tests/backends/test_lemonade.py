"""Which options of a request Lemonade gets otherwise: the thinking controls, and only those."""

import json

import pytest

from tests.chat_dialect import parse, render
from warmprefix.backends import lemonade

USER = '"messages":[{"role":"user","content":"hi"}]'

ROWS = [
    ("off", '"enable_thinking":false',
     '"chat_template_kwargs":{"enable_thinking":false},"reasoning_effort":"none"'),
    ("thinking-off", '"thinking":false',
     '"chat_template_kwargs":{"enable_thinking":false},"reasoning_effort":"none"'),
    ("options-without-it", '"thinking":false,"chat_template_kwargs":{"a" : 1e1}',
     '"chat_template_kwargs":{"enable_thinking":false,"a":1e1},"reasoning_effort":"none"'),
    ("options-empty", '"thinking":false,"chat_template_kwargs":{}',
     '"chat_template_kwargs":{"enable_thinking":false},"reasoning_effort":"none"'),
    ("effort-given", '"thinking":false,"reasoning_effort":"low"',
     '"reasoning_effort":"low","chat_template_kwargs":{"enable_thinking":false}'),
    ("options-no-object", '"enable_thinking":false,"chat_template_kwargs":"x"',
     '"enable_thinking":false,"chat_template_kwargs":"x"'),
    ("options-with-a-name-twice", '"enable_thinking":false,"chat_template_kwargs":{"a":1,"a":2}',
     '"enable_thinking":false,"chat_template_kwargs":{"a":1,"a":2}'),
    ("on", '"enable_thinking":true', '"enable_thinking":true'),
    ("on-and-off", '"enable_thinking":true,"thinking":{"type":"enabled"}',
     '"enable_thinking":true,"thinking":{"type":"enabled"}'),
    ("null", '"enable_thinking":null', '"enable_thinking":null'),
    ("zero", '"enable_thinking":0', '"enable_thinking":0'),
    ("neither", '"model":"m"', '"model":"m"'),
]  # fmt: skip


@pytest.mark.parametrize(("given", "sent"), [row[1:] for row in ROWS], ids=[r[0] for r in ROWS])
def test_the_options_that_lemonade_gets(given: str, sent: str) -> None:
    request = parse(f"{{{USER},{given}}}".encode())
    body = render(request, request.prompt, lemonade.KIND.options(request))

    assert json.loads(body) == json.loads(f"{{{USER},{sent}}}")
    assert (body == request.body) is (given == sent)


def test_a_boolean_outranks_the_other_spelling_as_lemonade_has_it() -> None:
    """`enable_thinking: true` wins over `thinking: false` (thinking_controls.cpp:64-86)."""
    request = parse(f'{{{USER},"enable_thinking":true,"thinking":false}}'.encode())

    assert lemonade.KIND.options(request) == {}


@pytest.mark.parametrize("name", [b"origin", b"Origin", b"ORIGIN"])
def test_an_origin_is_left_out_and_nothing_else_is(name: bytes) -> None:
    headers = [(b"a", b"1"), (name, b"http://x"), (b"x-origin", b"2")]

    assert lemonade.KIND.headers(headers) == [(b"a", b"1"), (b"x-origin", b"2")]
