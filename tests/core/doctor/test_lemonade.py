"""The findings about a Lemonade Server."""

from dataclasses import replace

import pytest

from warmprefix.core.doctor.facts import LemonadeFacts, LoadedModel
from warmprefix.core.doctor.lemonade import lemonade_findings

MODEL = LoadedModel("Qwen3-0.6B-GGUF", "llamacpp", "http://127.0.0.1:8001")
LEMONADE = LemonadeFacts("11.7.0", (MODEL,), 2, 3, auto_evict=False)


def found(lemonade: LemonadeFacts, *, has_server: bool = True) -> list[tuple[str, str]]:
    """Level and text of each finding."""
    findings = lemonade_findings(lemonade, has_server=has_server)
    return [(finding.level, finding.what) for finding in findings]


def test_a_lemonade_that_does_everything_right_is_good() -> None:
    assert found(LEMONADE) == [
        ("good", "Loaded: Qwen3-0.6B-GGUF"),
        ("good", "Room for 2 language models at a time"),
        ("good", "Idle models keep their cache (auto_evict is off)"),
    ]


FLM = LoadedModel("gemma3-4b-FLM", "flm")
ROWS = [
    ("nothing-loaded", {"loaded": ()}, "note", "No language model is loaded"),
    ("two-loaded", {"loaded": (MODEL, FLM)}, "good", "Loaded: Qwen3-0.6B-GGUF, gemma3-4b-FLM"),
    ("other-recipe", {"loaded": (FLM,)}, "note", "gemma3-4b-FLM runs on flm, not on llama-server"),
    ("one-at-a-time", {"limit": 1}, "note", "One language model at a time, out of 3"),
    ("no-limit", {"limit": -1}, "good", "Room for any number of language models at a time"),
    ("evicts", {"auto_evict": True}, "bad", "Idle models lose their cache (auto_evict is on)"),
    ("eviction-unknown", {"auto_evict": None}, "note",
     "It is unknown whether idle models lose their cache (auto_evict)"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "level", "what"), [r[1:] for r in ROWS], ids=[r[0] for r in ROWS]
)
def test_what_is_found(change: dict[str, object], level: str, what: str) -> None:
    lemonade = replace(LEMONADE, **change)  # type: ignore[arg-type]  # a row names the field it changes

    assert (level, what) in found(lemonade)


@pytest.mark.parametrize("change", [{"limit": None}, {"available": 1, "limit": 1}])
def test_a_limit_is_no_matter_with_one_model_or_where_it_is_not_told(
    change: dict[str, int | None],
) -> None:
    lemonade = replace(LEMONADE, **change)  # type: ignore[arg-type]  # a row names the field it changes

    assert len(found(lemonade)) == 2


@pytest.mark.parametrize(
    ("is_local", "what"),
    [
        (True, "The llama-server behind it did not answer"),
        (False, "The llama-server behind it cannot be asked from here"),
    ],
)
def test_a_llama_server_that_was_not_asked_is_named(is_local: bool, what: str) -> None:
    assert ("note", what) in found(replace(LEMONADE, is_local=is_local), has_server=False)


def test_without_a_llama_server_there_is_none_to_ask() -> None:
    for loaded in ((), (FLM,)):
        whats = [what for _, what in found(replace(LEMONADE, loaded=loaded), has_server=False)]

        assert not any("llama-server behind" in what for what in whats)
