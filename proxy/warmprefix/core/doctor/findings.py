"""What helps cache reuse and what hurts it, in words: from facts to findings.

Pure. A finding says what was observed, why it matters, and what to do if something can be done.
Nothing is guessed: a note says what a backend does not show.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from warmprefix.core.doctor.engine import engine_findings
from warmprefix.core.doctor.facts import Facts, ServerFacts
from warmprefix.core.doctor.finding import Finding, bad, good, note
from warmprefix.core.doctor.lemonade import lemonade_findings
from warmprefix.core.doctor.server import server_findings
from warmprefix.core.doctor.template import template_findings

REACHED, HURTS = 0, 1
"""Exit statuses of the command; 2 means that the backend cannot be reached."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The part of the configuration that matters here."""

    kind: str = "auto"
    restore_reasoning: Literal["auto", "always", "never"] = "auto"
    ask_usage: bool = False


def judge(facts: Facts, settings: Settings) -> tuple[Finding, ...]:
    """All findings, in reading order: the backend, its slots, its template."""
    return tuple(_findings(facts, settings))


def exit_status(findings: tuple[Finding, ...]) -> int:
    """1 if anything hurts, otherwise 0."""
    return HURTS if any(finding.level == "bad" for finding in findings) else REACHED


def _findings(facts: Facts, settings: Settings) -> Iterator[Finding]:
    yield _backend(facts)
    if settings.kind not in ("auto", facts.kind):
        yield bad(
            f"Configured as {settings.kind}, but it answers as {facts.kind}",
            "Each kind gets different requests: Lemonade, for one, needs other thinking controls.",
            "warmprefix config set backend.kind auto",
        )
    if facts.locked:
        yield _lock(facts)
    if facts.lemonade is not None and not _is_shut(facts):
        has_server = facts.server is not None
        yield from lemonade_findings(facts.lemonade, has_server=has_server)
    if facts.engine is not None and not facts.locked:
        yield from engine_findings(facts.engine, facts.models, asks_usage=settings.ask_usage)
    if facts.server is not None:
        yield from _server(facts.server, settings, is_lemonade=facts.lemonade is not None)


def _server(server: ServerFacts, settings: Settings, *, is_lemonade: bool) -> Iterator[Finding]:
    findings = list(server_findings(server))
    if server.state == "ready":
        findings += template_findings(server.template, settings.restore_reasoning)
    for finding in findings:
        yield replace(finding, advice=_for_lemonade(finding.advice)) if is_lemonade else finding


def _for_lemonade(advice: str) -> str:
    """Flags of llama-server as Lemonade takes them; it has a setting of its own for the context size."""
    advice = advice.replace("llama-server --ctx-size", "lemonade config set ctx_size")
    advice = advice.replace("the --ctx-size", "the ctx_size")
    return advice.replace("llama-server --", "in llamacpp.args of Lemonade: --")


def _backend(facts: Facts) -> Finding:
    if facts.lemonade is not None:
        version = facts.lemonade.version or "of an unknown version"
        return good(
            f"Lemonade Server {version}",
            "It reports cached tokens with every chat reply of a llama-server behind it.",
        )
    if facts.server is not None:
        build = facts.server.build or "of an unknown build"
        model = f" with {facts.server.model}" if facts.server.model else ""
        return good(
            f"llama-server {build}{model}", "It reports cached tokens with every chat reply."
        )
    if facts.engine is not None:
        return good(
            " ".join(filter(None, (facts.engine.engine.label, facts.engine.version)))
            + (f": {', '.join(facts.models)}" if facts.models else ""),
            "It keeps its cache itself: there are no slots to choose, save or read ahead. Prompts are made "
            "canonical and remembered all the same.",
        )
    return note(
        "Another OpenAI-compatible server"
        + (f": {', '.join(facts.models)}" if facts.models else ""),
        "Prompts are made canonical all the same, but nothing is known about its slots and its template"
        + (
            ". It reports cached tokens with every chat reply."
            if facts.counts
            else ", and cached tokens show only if it reports them."
        ),
    )


def _is_shut(facts: Facts) -> bool:
    """Whether nothing can be asked without a key: llama-server hides its properties, Lemonade its version."""
    if facts.lemonade is not None:
        return facts.locked and facts.lemonade.version is None
    return facts.server is None or facts.server.state == "locked"


def _lock(facts: Facts) -> Finding:
    """The proxy passes the client's key on, but may have none for its own questions."""
    if _is_shut(facts):
        return bad(
            "It wants an API key, so nothing below could be asked",
            "Requests work: the client's key goes on to the backend.",
            "warmprefix doctor --api-key KEY",
        )
    return note(
        "It wants an API key, and the proxy asks its own questions without one",
        "Requests work: the client's key goes on to the backend. But the proxy learns neither what the "
        "template keeps nor when the backend is restarted, so it puts no dropped reasoning back.",
        "if the template keeps reasoning: warmprefix config set memory.restore_reasoning always",
    )
