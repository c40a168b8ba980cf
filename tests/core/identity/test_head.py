"""What a prompt begins with: the same for all prompts that are rendered alike up to the first question."""

from dataclasses import replace

import pytest

from tests.chat_dialect import chat_message
from warmprefix.core.identity.keys import Identifier, Identity
from warmprefix.core.messages import changed
from warmprefix.core.types import Prompt, RawJson, Tool

S = chat_message("system", "You help.")
U = chat_message("user", "Hello")
TOOL = Tool("f", RawJson(b'{"name":"f"}'))
PROMPT = Prompt((S, U, chat_message("assistant", "Hi")), (TOOL,), {"a": RawJson(b"1")})

OTHERS = [
    pytest.param(replace(PROMPT, messages=(S, U)), True, id="what-comes-behind"),
    pytest.param(replace(PROMPT, messages=(replace(S, role="developer"), U)), True, id="developer"),
    pytest.param(
        replace(PROMPT, messages=(changed(S, content="You help.\n"), U)), True, id="edges"
    ),
    pytest.param(replace(PROMPT, messages=(changed(S, content="Else."), U)), False, id="system"),
    pytest.param(replace(PROMPT, messages=(S, changed(U, content="Bye"))), False, id="question"),
    pytest.param(replace(PROMPT, tools=None), False, id="tools"),
    pytest.param(replace(PROMPT, template_options={"a": RawJson(b"2")}), False, id="options"),
]


@pytest.mark.parametrize(("other", "is_same"), OTHERS)
def test_prompts_that_begin_alike(other: Prompt, is_same: bool) -> None:
    identifier = Identifier()

    assert (identifier.head_of(other) == identifier.head_of(PROMPT)) is is_same


def test_a_prompt_without_a_question_begins_like_no_other() -> None:
    assert Identifier().head_of(replace(PROMPT, messages=(S,))) == b""


def test_who_a_prompt_is() -> None:
    identifier, scope = Identifier(), b"scope"

    assert identifier.identity_of(PROMPT, scope) == Identity(
        identifier.chain_keys(PROMPT.messages, scope),
        identifier.head_of(PROMPT),
        identifier.tool_keys((TOOL,)),
    )
