"""Findings about an engine that keeps its cache by itself: what its replies report, and what would help."""

import re
from collections.abc import Iterator

from warmprefix.core.doctor.facts import EngineFacts
from warmprefix.core.doctor.finding import Finding, bad, good, note

_NUMBER = re.compile(r"\d+")
_PRESERVES = re.compile(r"qwen-?_?3\.([6-9]|\d\d)", re.IGNORECASE)
_THINKING = "https://huggingface.co/Qwen/Qwen3.6-27B"


def engine_findings(
    facts: EngineFacts, models: tuple[str, ...], *, asks_usage: bool
) -> Iterator[Finding]:
    """Findings about an engine. `asks_usage`: the setting backend.ask_usage."""
    engine = facts.engine
    if facts.caches == "off":
        yield bad(
            f"{engine.label} runs without its prefix cache",
            "Every prompt is evaluated from its beginning.",
            engine.off,
        )
    yield _counting(facts)
    if engine.counts != "never" and not asks_usage:
        yield note(
            "In a stream it counts only if it is asked to",
            "Clients that do not ask leave no counts in the log. The proxy can ask, and leaves the answer out "
            "of what they get.",
            "warmprefix config set backend.ask_usage true",
        )
    if engine.thinking and any(_PRESERVES.search(model) for model in models):
        yield note(
            "The template of this model drops the reasoning of earlier turns unless preserve_thinking is set",
            "Each reply that had some is then read again once. It helps if clients send reasoning back. "
            f"Source: {_THINKING}.",
            engine.thinking,
        )


def _counting(facts: EngineFacts) -> Finding:
    engine = facts.engine
    why = f"Without these counts nobody sees what was reused. Source: {engine.source}."
    if engine.counts == "never":
        return note(f"{engine.label} reports no cached tokens", why)
    if facts.version is not None and _is_before(facts.version, engine.since):
        return note(
            f"{engine.label} {facts.version} reports no cached tokens",
            why,
            f"update it: {engine.since} does",
        )
    if engine.counts == "always" or facts.counts == "on":
        return good(
            f"{engine.label} reports cached tokens", "The log shows what was reused of each prompt."
        )
    if facts.counts == "off":
        what = f"{engine.label} was started without {engine.option.split()[-1]}"
    else:
        what = f"{engine.label} reports cached tokens only if it was started so"
    return note(what, why, engine.option)


def _is_before(version: str, other: str) -> bool:
    """Whether a version is older than another, by its numbers; False if either has none."""
    one, two = (tuple(map(int, _NUMBER.findall(text)[:3])) for text in (version, other))
    return bool(one) and bool(two) and one < two
