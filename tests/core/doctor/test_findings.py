"""The findings about a backend as a whole, their order, and the exit status."""

import pytest

from warmprefix.core.doctor.facts import (
    Facts,
    LemonadeFacts,
    LoadedModel,
    ServerFacts,
    TemplateFeatures,
)
from warmprefix.core.doctor.finding import Finding, bad, good, note
from warmprefix.core.doctor.findings import Settings, exit_status, judge

URL = "http://127.0.0.1:8080"
SERVER = ServerFacts(
    URL,
    build="b11434",
    model="gemma",
    slots=2,
    context_tokens=32768,
    slots_page="on",
    metrics_page="on",
    slot_saving="on",
    arguments=("llama-server", "-np", "2"),
    template=TemplateFeatures(rewrites="none"),
)
LEMONADE = LemonadeFacts(
    "11.7.0", (LoadedModel("m", "llamacpp", "http://127.0.0.1:8001"),), 1, 1, auto_evict=False
)

KINDS = [
    (
        "llama-server",
        Facts(URL, "llamacpp", server=SERVER),
        "good",
        "llama-server b11434 with gemma",
    ),
    (
        "nameless",
        Facts(URL, "llamacpp", server=ServerFacts(URL)),
        "good",
        "llama-server of an unknown build",
    ),
    ("lemonade", Facts(URL, "lemonade", lemonade=LEMONADE), "good", "Lemonade Server 11.7.0"),
    (
        "lemonade-nameless",
        Facts(URL, "lemonade", lemonade=LemonadeFacts()),
        "good",
        "Lemonade Server of an unknown version",
    ),
    (
        "another",
        Facts(URL, "openai-compatible", models=("a", "b")),
        "note",
        "Another OpenAI-compatible server: a, b",
    ),
    (
        "another-without-models",
        Facts(URL, "openai-compatible"),
        "note",
        "Another OpenAI-compatible server",
    ),
]


@pytest.mark.parametrize(
    ("facts", "level", "what"), [r[1:] for r in KINDS], ids=[r[0] for r in KINDS]
)
def test_the_first_finding_is_what_answers(facts: Facts, level: str, what: str) -> None:
    first = judge(facts, Settings())[0]

    assert (first.level, first.what) == (level, what)


@pytest.mark.parametrize(
    ("kind", "is_told"), [("auto", False), ("llamacpp", False), ("lemonade", True)]
)
def test_a_kind_that_is_configured_wrongly_is_told(kind: str, is_told: bool) -> None:
    findings = judge(Facts(URL, "llamacpp", server=SERVER), Settings(kind))

    assert any(f.advice == "warmprefix config set backend.kind auto" for f in findings) is is_told


SHUT = Facts(URL, "lemonade", locked=True, lemonade=LemonadeFacts())
LOCKS = [
    ("open", Facts(URL, "llamacpp", server=SERVER), None),
    ("no-key-given", Facts(URL, "llamacpp", locked=True, server=ServerFacts(URL, "locked")), "bad"),
    ("nothing-known", Facts(URL, "openai-compatible", locked=True), "bad"),
    ("key-given", Facts(URL, "llamacpp", locked=True, server=SERVER), "note"),
    ("lemonade-no-key-given", SHUT, "bad"),
    ("lemonade-key-given", Facts(URL, "lemonade", locked=True, lemonade=LEMONADE), "note"),
]


@pytest.mark.parametrize(("facts", "level"), [r[1:] for r in LOCKS], ids=[r[0] for r in LOCKS])
def test_a_key_is_named_with_what_it_costs(facts: Facts, level: str | None) -> None:
    """The proxy has no key of its own, so even where doctor gets in, the proxy does not."""
    found = [f for f in judge(facts, Settings()) if "API key" in f.what]

    assert [f.level for f in found] == ([level] if level else [])


def test_a_lemonade_that_shows_nothing_without_its_key_is_not_judged() -> None:
    assert [f.what for f in judge(SHUT, Settings())] == [
        "Lemonade Server of an unknown version",
        "It wants an API key, so nothing below could be asked",
    ]


def test_a_server_that_is_not_ready_is_not_judged_by_its_template() -> None:
    facts = Facts(URL, "llamacpp", server=ServerFacts(URL, "loading"))

    assert not any("template" in f.what for f in judge(facts, Settings()))


def test_flags_are_named_as_lemonade_takes_them() -> None:
    """Lemonade starts llama-server itself; --ctx-size is a setting of its own there."""
    behind = ServerFacts(URL, slots=1, context_tokens=4096, slot_saving="off")
    found = judge(Facts(URL, "lemonade", lemonade=LEMONADE, server=behind), Settings())
    advice = [f.advice for f in found]

    assert "in llamacpp.args of Lemonade: --parallel 2, with twice the ctx_size" in advice
    assert "in llamacpp.args of Lemonade: --slot-save-path FOLDER" in advice
    assert "lemonade config set ctx_size: the sum over all slots" in advice
    assert not any("llama-server --" in text for text in advice)


def test_the_llama_server_behind_lemonade_is_judged_too() -> None:
    facts = Facts(URL, "lemonade", lemonade=LEMONADE, server=SERVER)
    whats = [f.what for f in judge(facts, Settings())]

    assert "2 slots of 32,768 tokens each" in whats
    assert "The template only appends" in whats
    assert not any("did not answer" in what for what in whats)


def test_the_settings_are_held_against_the_template() -> None:
    keeps = TemplateFeatures(reasoning_in_history=True)
    facts = Facts(URL, "llamacpp", server=ServerFacts(URL, slots=2, template=keeps))
    levels = {
        restore: [f.level for f in judge(facts, Settings("auto", restore)) if "keeps" in f.what]
        for restore in ("auto", "never")
    }

    assert levels == {"auto": ["good"], "never": ["bad"]}


@pytest.mark.parametrize(
    ("findings", "status"),
    [
        ((), 0),
        ((good("a", "b"), note("a", "b")), 0),
        ((good("a", "b"), bad("a", "b")), 1),
    ],
    ids=["none", "nothing-bad", "something-bad"],
)
def test_the_exit_status_is_whether_something_hurts(
    findings: tuple[Finding, ...], status: int
) -> None:
    assert exit_status(findings) == status
