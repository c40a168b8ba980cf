"""Findings about an engine without slots."""

from dataclasses import replace

import pytest

from warmprefix.core.doctor.engine import engine_findings
from warmprefix.core.doctor.facts import Engine, EngineFacts, Facts
from warmprefix.core.doctor.finding import Finding
from warmprefix.core.doctor.findings import Settings, exit_status, judge

SOURCE = "https://docs.invalid"
ENGINE = Engine(
    "Motor", "with-option", SOURCE, option="motor serve --count", off="motor serve --cache"
)
ALWAYS = replace(ENGINE, counts="always", option="", since="2.10.3")


def found(facts: EngineFacts, *models: str, asks_usage: bool = True) -> list[Finding]:
    return list(engine_findings(facts, models, asks_usage=asks_usage))


COUNTING: list[tuple[str, EngineFacts, str, str, str]] = [
    ("unknown", EngineFacts(ENGINE), "note", "Motor reports cached tokens only if it was started so",
     "motor serve --count"),
    ("off", EngineFacts(ENGINE, counts="off"), "note", "Motor was started without --count",
     "motor serve --count"),
    ("on", EngineFacts(ENGINE, counts="on"), "good", "Motor reports cached tokens", ""),
    ("always", EngineFacts(ALWAYS), "good", "Motor reports cached tokens", ""),
    ("new", EngineFacts(ALWAYS, "2.10.3"), "good", "Motor reports cached tokens", ""),
    ("old", EngineFacts(ALWAYS, "2.9.12-rc1"), "note", "Motor 2.9.12-rc1 reports no cached tokens",
     "update it: 2.10.3 does"),
    ("odd-version", EngineFacts(ALWAYS, "dev"), "good", "Motor reports cached tokens", ""),
    ("never", EngineFacts(replace(ENGINE, counts="never")), "note", "Motor reports no cached tokens", ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "level", "what", "advice"),
    [row[1:] for row in COUNTING],
    ids=[r[0] for r in COUNTING],
)
def test_whether_it_counts(facts: EngineFacts, level: str, what: str, advice: str) -> None:
    (finding,) = found(facts)

    assert (finding.level, finding.what, finding.advice) == (level, what, advice)
    assert SOURCE in finding.why or level == "good"


def test_a_cache_that_is_off_hurts() -> None:
    first, _ = found(EngineFacts(ENGINE, caches="off"))

    assert (first.level, first.advice) == ("bad", "motor serve --cache")
    assert len(found(EngineFacts(ENGINE, caches="on"))) == 1


@pytest.mark.parametrize(
    ("engine", "is_said"), [(ENGINE, True), (replace(ENGINE, counts="never"), False)]
)
def test_asking_is_advised_if_it_is_off_and_would_be_answered(
    engine: Engine, is_said: bool
) -> None:
    advice = [finding.advice for finding in found(EngineFacts(engine), asks_usage=False)]

    assert ("warmprefix config set backend.ask_usage true" in advice) is is_said


MODELS = [
    ("Qwen/Qwen3.6-27B", True),
    ("qwen3.10-4b", True),
    ("Qwen_3.8", True),
    ("Qwen3-8B", False),
    ("Qwen3.5-8B", False),
    ("gpt-oss-20b", False),
]


@pytest.mark.parametrize(("model", "helps"), MODELS, ids=[row[0] for row in MODELS])
def test_reasoning_can_be_kept_by_models_that_know_how(model: str, helps: bool) -> None:
    thinking = replace(ENGINE, thinking="motor serve --keep")
    advice = [finding.advice for finding in found(EngineFacts(thinking), "other", model)]

    assert ("motor serve --keep" in advice) is helps
    assert len(found(EngineFacts(ENGINE), model)) == 1


def test_the_backend_is_named_with_its_version_and_models() -> None:
    facts = Facts("http://b", "motor", models=("a", "b"), engine=EngineFacts(ENGINE, "2.1"))
    first, second, third = judge(facts, Settings())

    assert (first.level, first.what) == ("good", "Motor 2.1: a, b")
    assert (second.level, third.level) == ("note", "note")
    assert exit_status((first, second, third)) == 0
    (nameless,) = judge(
        replace(facts, engine=EngineFacts(ENGINE), models=(), locked=True), Settings()
    )[:1]
    assert nameless.what == "Motor"


def test_of_one_that_is_locked_nothing_more_is_said() -> None:
    facts = Facts("http://b", "motor", engine=EngineFacts(ENGINE), locked=True)

    assert [finding.level for finding in judge(facts, Settings())] == ["good", "bad"]
