"""The findings about a llama-server."""

from dataclasses import replace

import pytest

from warmprefix.core.doctor.facts import Probe, ServerFacts
from warmprefix.core.doctor.server import server_findings

SERVER = ServerFacts(
    "http://127.0.0.1:8080",
    slots=2,
    context_tokens=32768,
    slots_page="on",
    metrics_page="on",
    slot_saving="on",
    arguments=("llama-server", "-np", "2"),
    probe=Probe(300, 300),
)


def found(server: ServerFacts) -> list[tuple[str, str]]:
    """Level and text of each finding."""
    return [(finding.level, finding.what) for finding in server_findings(server)]


def test_a_server_that_does_everything_right_is_good() -> None:
    assert found(SERVER) == [
        ("good", "2 slots of 32,768 tokens each"),
        ("good", "Slots can be saved to files"),
        ("good", "A cache of prompts in RAM of 8192 MiB"),
        ("good", "The model can go back to any token: 300 of 300 were reused"),
    ]


ROWS = [
    ("one-slot", {"slots": 1}, "bad", "One slot of 32,768 tokens"),
    ("context-unknown", {"context_tokens": None}, "good", "2 slots each"),
    ("slots-unknown", {"slots": None}, "note", "The number of slots is unknown"),
    ("small-context", {"context_tokens": 4096}, "note", "A slot holds only 4,096 tokens"),
    ("slots-without-a-number", {"arguments": ("s",)}, "note", "The slots share one cache"),
    ("four-slots", {"slots": 4, "arguments": None}, "note", "The slots may share one cache"),
    ("no-slots-page", {"slots_page": "off"}, "note", "/slots is switched off"),
    ("no-metrics-page", {"metrics_page": "off"}, "note", "/metrics is switched off"),
    ("no-saving", {"slot_saving": "off"}, "note", "Slots cannot be saved to files"),
    (
        "saving-unknown",
        {"slot_saving": "unknown"},
        "note",
        "It is unknown whether slots can be saved to files",
    ),
    (
        "ram-unknown",
        {"arguments": None},
        "note",
        "HTTP does not show the cache of prompts in RAM",
    ),
    (
        "ram-off",
        {"arguments": ("s", "--cache-ram", "0")},
        "bad",
        "The cache of prompts in RAM is switched off",
    ),
    (
        "ram-short-flag",
        {"arguments": ("s", "-cram", "512", "-v")},
        "good",
        "A cache of prompts in RAM of 512 MiB",
    ),
    (
        "ram-last-flag-counts",
        {"arguments": ("s", "-cram", "0", "--cache-ram", "9")},
        "good",
        "A cache of prompts in RAM of 9 MiB",
    ),
    (
        "ram-without-limit",
        {"arguments": ("s", "--cache-ram", "-1")},
        "good",
        "A cache of prompts in RAM without a limit",
    ),
    (
        "ram-flag-without-value",
        {"arguments": ("s", "--cache-ram")},
        "good",
        "A cache of prompts in RAM of 8192 MiB",
    ),
    (
        "not-measured",
        {"probe": None},
        "note",
        "HTTP does not show whether the model can go back to any token",
    ),
    ("no-result", {"probe": Probe(problem="No slot is idle.")}, "note", "Nothing was measured"),
    (
        "one-token-is-read-anew",
        {"probe": Probe(300, 299)},
        "good",
        "The model can go back to any token: 299 of 300 were reused",
    ),
    (
        "window",
        {"probe": Probe(300, 83)},
        "bad",
        "The model cannot go back to any token: 83 of 300 were reused",
    ),
    (
        "nothing-reused",
        {"probe": Probe(300, 0)},
        "bad",
        "The model cannot go back to any token: 0 of 300 were reused",
    ),
    ("rate", {"probe": Probe(300, 300, 450.4)}, "note", "It reads 450 tokens a second"),
    ("loading", {"state": "loading"}, "bad", "llama-server is still loading its model"),
    (
        "asleep",
        {"state": "asleep"},
        "bad",
        "llama-server is asleep: it has dropped its model and all caches",
    ),
    ("router", {"state": "router"}, "bad", "llama-server routes between several models"),
]


@pytest.mark.parametrize(
    ("change", "level", "what"), [r[1:] for r in ROWS], ids=[r[0] for r in ROWS]
)
def test_what_is_found(change: dict[str, object], level: str, what: str) -> None:
    server = replace(SERVER, **change)  # type: ignore[arg-type]  # a row names the field it changes

    assert (level, what) in found(server)


@pytest.mark.parametrize("arguments", [None, ("s", "--parallel", "3")])
def test_slots_of_another_number_have_caches_of_their_own(
    arguments: tuple[str, ...] | None,
) -> None:
    whats = [what for _, what in found(replace(SERVER, slots=3, arguments=arguments))]

    assert not any("share one cache" in what for what in whats)


@pytest.mark.parametrize("state", ["locked", "loading"])
def test_of_a_server_that_does_not_answer_nothing_more_is_said(state: str) -> None:
    server = replace(SERVER, state=state)  # type: ignore[arg-type]  # parametrized over its values

    assert len(found(server)) == (state == "loading")


def test_pages_that_nobody_answered_for_are_not_called_off() -> None:
    unknown = replace(SERVER, slots_page="unknown", metrics_page="unknown")

    assert found(unknown) == found(SERVER)


@pytest.mark.parametrize(("rate", "says"), [(450.0, "take 67 s"), (30000.0, "take 1.0 s")])
def test_a_rate_is_said_in_seconds_of_a_long_prompt(rate: float, says: str) -> None:
    *_, last = server_findings(replace(SERVER, probe=Probe(300, 300, rate)))

    assert says in last.why


@pytest.mark.parametrize("arguments", [None, ("s",)])
def test_the_default_slots_are_not_to_be_changed(arguments: tuple[str, ...] | None) -> None:
    server = replace(SERVER, slots=4, arguments=arguments)

    advice = [finding.advice for finding in server_findings(server)]

    assert not any("--parallel" in line or "unified" in line for line in advice)
