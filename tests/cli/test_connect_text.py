"""A recipe in words."""

import pytest

from warmprefix.cli.connect_text import blocks, how, listed, masked, opt_ins, text_of, tried_or_why
from warmprefix.connect.recipes import Given, Recipe, recipes

GIVEN = Given("http://127.0.0.1:8484", "qwen3")


def named(name: str) -> Recipe:
    return next(one for one in recipes() if one.name == name)


def test_each_has_a_line_in_the_list() -> None:
    first, second = listed((named("zed"), named("llm")))

    assert first.split() == ["zed", "Zed", "settings", "file", "not", "tried", "here"]
    assert second.endswith("tried with 0.36")


def test_why_nobody_has_tried_it_is_said() -> None:
    assert tried_or_why(named("zed")) == f"not tried here: {named('zed').untried}"
    assert tried_or_why(named("llm")) == "tried with 0.36"


@pytest.mark.parametrize(
    ("name", "means"),
    [
        pytest.param("zed", "settings file", id="file"),
        pytest.param("gptme", "environment", id="environment"),
        pytest.param("strands", "code", id="code"),
        pytest.param("n8n", "by hand", id="steps"),
    ],
)
def test_it_is_told_in_what_the_client_is_told(name: str, means: str) -> None:
    assert how(named(name)) == means


def test_variables_are_lines_for_a_shell() -> None:
    assert text_of(blocks(named("gptme"), GIVEN, "")) == (
        "    export OPENAI_BASE_URL=http://127.0.0.1:8484/v1\n"
        "    export OPENAI_API_KEY=x\n\nThen:\n\n    gptme -m local/qwen3"
    )


def test_code_and_steps_are_filled() -> None:
    code = text_of(blocks(named("openai-sdk"), GIVEN, ""))
    steps = text_of(blocks(named("n8n"), GIVEN, ""))

    assert 'client = OpenAI(base_url="http://127.0.0.1:8484/v1", api_key="x")' in code
    assert "Or in the environment:" in code
    assert "Base URL: http://127.0.0.1:8484/v1" in steps


def test_what_is_recommended_comes_from_the_profile() -> None:
    assert opt_ins(named("claude-code")) == ("claude-code:freeze-volatile",)
    assert opt_ins(named("n8n")) == ()


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        pytest.param('"apiKey": "sk-1234"', '"apiKey": "********"', id="json"),
        pytest.param("api_key: sk-1234", "api_key: ********", id="yaml"),
        pytest.param('"ANTHROPIC_AUTH_TOKEN": "abc"', '"ANTHROPIC_AUTH_TOKEN": "********"', id="variable"),
        pytest.param('"apiKey": "x"', '"apiKey": "x"', id="no-key"),
        pytest.param('"max_tokens": 8192', '"max_tokens": 8192', id="tokens-are-no-token"),
        pytest.param("anything hidden here", "anything ******** here", id="the-key-that-was-given"),
    ],
)  # fmt: skip
def test_keys_are_masked(line: str, shown: str) -> None:
    assert masked(line, "hidden") == shown
