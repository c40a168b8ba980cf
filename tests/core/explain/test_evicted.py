"""What of a loss stands in front of a client's change, and so is the backend's."""

from dataclasses import replace

import pytest

from tests.chat_dialect import chat_message
from warmprefix.core.explain.evicted import evicted_tokens
from warmprefix.core.explain.evidence import Evidence
from warmprefix.core.explain.saving import Reaches
from warmprefix.core.types import CacheStats, Prompt, RawJson

LONG = "You help with files and answer in one line. " * 20


def stats(cached: int | None, prompt: int | None = 1000) -> CacheStats:
    return CacheStats(prompt_tokens=prompt, cached_tokens=cached)


BEFORE = Prompt((chat_message("system", LONG), chat_message("user", "Hi " * 300)))
AFTER = Prompt((chat_message("system", LONG), chat_message("user", "Ho " * 300)))
OTHERS = Evidence(others=1)


@pytest.mark.parametrize(
    ("evidence", "cached", "least", "most"),
    [
        (OTHERS, 0, 450, 560),
        (OTHERS, 300, 150, 260),
        (OTHERS, 450, 0, 0),
        (Evidence(), 0, 0, 0),
        (Evidence(restarted=True), 0, 450, 560),
        (Evidence(has_moved=True), 0, 450, 560),
        (Evidence(cache_prompt=False), 0, 450, 560),
        (Evidence(model_before="a", model_after="b"), 0, 450, 560),
        (Evidence(is_read_back=True), 0, 450, 560),
        (OTHERS, None, 0, 0),
    ],
    ids=str,
)
def test_what_stands_in_front_of_the_change(
    evidence: Evidence, cached: int | None, least: int, most: int
) -> None:
    assert least <= evicted_tokens(BEFORE, AFTER, stats(cached), evidence, None, Reaches()) <= most


def test_without_a_size_nothing_is_said() -> None:
    assert evicted_tokens(BEFORE, AFTER, stats(0, None), OTHERS, True, Reaches()) == 0


def test_a_model_that_falls_back_to_checkpoints_shows_nothing() -> None:
    assert evicted_tokens(BEFORE, AFTER, stats(300), OTHERS, False, Reaches()) == 0
    assert evicted_tokens(BEFORE, AFTER, stats(0), OTHERS, False, Reaches()) > 0


def test_of_other_tools_nothing_stands_in_front() -> None:
    after = replace(AFTER, template_options={"thinking": RawJson(b"1")})

    assert evicted_tokens(BEFORE, after, stats(0), OTHERS, None, Reaches()) == 0
