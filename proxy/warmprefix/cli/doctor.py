"""`warmprefix doctor`: what about a backend helps cache reuse, and what hurts it."""

import asyncio
import json
import os
from dataclasses import asdict, replace
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated

import typer

from warmprefix.cli.nearby import answering_here, with_backend_at
from warmprefix.cli.settings import (
    DEFAULT_FILE,
    USAGE_STATUS,
    ConfigOption,
    effective,
    one_line_errors,
    say,
    usable_key,
)
from warmprefix.cli.tail import plain_console
from warmprefix.cli.which import running_here

if TYPE_CHECKING:
    from rich.text import Text

    from warmprefix.config import Config
    from warmprefix.core.doctor.facts import Facts
    from warmprefix.core.doctor.finding import Finding

BACKEND_VARIABLE = "WARMPREFIX_BACKEND__URL"
COLOURS = {"good": "green", "note": "yellow", "bad": "bold red"}
INDENT = 6
MOST_COLUMNS = 100  # longer lines are hard to read, however wide the terminal


def command(
    config: ConfigOption = None,
    backend: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="The backend [default: from the settings, else what answers on this machine].",
        ),
    ] = None,
    api_key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            envvar="OPENAI_API_KEY",
            show_envvar=True,
            help="The backend's API key, used only if it asks for one [default: backend.api_key].",
            callback=usable_key,
        ),
    ] = None,
    probe: Annotated[
        bool,
        typer.Option(
            "--probe",
            help="Also measure, with two prompts of 600 and 340 tokens on an idle slot; what that slot "
            "holds is lost.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON, for programs.")] = False,
) -> None:
    """Ask the backend what it can do, and say what helps cache reuse and what hurts it.

    It only asks, unless `--probe` is given. Exit status: 0 if nothing hurts, 1 if something does,
    2 if the backend does not answer.

    Examples: `warmprefix doctor`, `warmprefix doctor --backend http://127.0.0.1:13305 --probe`
    """
    with one_line_errors():
        every = asked(config, backend)
    statuses = [examine(settings, api_key, probe=probe, as_json=as_json) for settings in every]
    if not as_json and min(statuses) != USAGE_STATUS:
        show_clients()
    raise typer.Exit(max(statuses))


def asked(file: Path | None, backend: str | None) -> "list[Config]":
    """The settings for each backend to ask: all of them, unless one is named."""
    from warmprefix.config import load

    if backend is None and file is None:
        backend = backend_of_what_runs()
    flags = {"backend.url": backend}
    loaded = effective(file, {})
    if backend is None and not loaded.names_backend:
        found = answering_here()
        if found is None:
            from warmprefix.backends.usual import none_answers

            say(none_answers())
            return [loaded.config]
        return [with_backend_at(loaded, found).config]
    settings = loaded.config
    if not settings.backends:
        named = effective(file, flags).config
        if named.backend.url == settings.backend.url:
            return [named]
        return [
            replace(named, backend=replace(named.backend, api_key=None))
        ]  # the file's key is for another backend
    only = () if backend is None else (load(None, {}, flags).config.backend,)
    return [replace(settings, backend=each) for each in only or settings.backends]


def backend_of_what_runs() -> str | None:
    """The only backend of the proxies that run here; if they have several, the settings say it. Ends the
    command if several proxies have several, and no settings are at hand."""
    found = running_here()
    every = {backend for one in found for backend in one.backends}
    if len(every) == 1:
        return every.pop()
    if len(found) > 1 and not (DEFAULT_FILE.exists() or BACKEND_VARIABLE in os.environ):
        listed = ", ".join(f"{one.url} ({' and '.join(one.backends)})" for one in found)
        say(f"several proxies run here: {listed}; name a backend with --backend")
        raise typer.Exit(USAGE_STATUS)
    return None


def examine(settings: "Config", api_key: str | None, *, probe: bool, as_json: bool) -> int:
    """Asks, judges and shows; returns the exit status."""
    from warmprefix.backends.ask import ask
    from warmprefix.backends.trust import trust
    from warmprefix.core.doctor.findings import Settings, exit_status, judge
    from warmprefix.core.errors import Unreachable

    url = settings.backend.url
    try:
        trusted = trust(url, settings.backend.ca_file, verify=settings.backend.verify)
        key = api_key or settings.backend.api_key
        facts = asyncio.run(ask(url, key, probe=probe, trusted=trusted))
    except Unreachable as error:
        show_unreachable(url, str(error), as_json=as_json)
        return USAGE_STATUS
    backend, memory = settings.backend, settings.memory
    findings = judge(facts, Settings(backend.kind, memory.restore_reasoning, backend.ask_usage))
    status = exit_status(findings)
    if as_json:
        show_json(facts, findings, status)
    else:
        show(url, findings)
    return status


def show_unreachable(url: str, error: str, *, as_json: bool) -> None:
    """Says that nothing answers."""
    if as_json:
        typer.echo(
            json.dumps({"backend": url, "status": USAGE_STATUS, "error": error, "findings": []})
        )
    typer.echo(
        f"warmprefix: no answer from {error}; is it running? --backend names another", err=True
    )


def show_json(facts: "Facts", findings: "tuple[Finding, ...]", status: int) -> None:
    """The findings, the facts they come from and the settings of clients, as one JSON object."""
    from warmprefix.profiles.client_settings import client_settings

    body = {
        "backend": facts.url,
        "status": status,
        "findings": [asdict(finding) for finding in findings],
        "clients": [
            {name: value for name, value in asdict(row).items() if name != "pattern"}
            for row in client_settings()
        ],
        "facts": asdict(facts),
    }
    typer.echo(json.dumps(body, indent=2))


def show(url: str, findings: "tuple[Finding, ...]") -> None:
    """The findings in readable form; colours only on a terminal and without NO_COLOR."""
    from rich.text import Text

    console = plain_console()
    console.print(Text(url, "bold"))
    for finding in findings:
        console.print(block(finding, min(console.width, MOST_COLUMNS)))
    counts = {level: sum(f.level == level for f in findings) for level in COLOURS}
    console.print(f"\n{counts['good']} good, {counts['note']} to know, {counts['bad']} bad")


def show_clients() -> None:
    """The settings of known clients that help, whatever the backend is."""
    from itertools import groupby

    from rich.text import Text

    from warmprefix.profiles.client_settings import client_settings

    console = plain_console()
    columns = min(console.width, MOST_COLUMNS) - INDENT
    console.print(Text("\nSettings of clients that help, if you use them", "bold"))
    for label, rows in groupby(client_settings(), key=lambda row: row.label):
        console.print(f"\n{label}")
        for row in rows:
            console.print(Text(f"{' ' * INDENT}→ {row.paste}   ({row.place})", "cyan"))
            for line in wrap(f"{row.why}. Source: {row.source}", columns):
                console.print(Text(" " * INDENT + line))


def block(finding: "Finding", columns: int) -> "Text":
    """A finding: its level in a column of its own, the text wrapped beside it."""
    from rich.text import Text

    from warmprefix.cli.tail_line import plain

    advice = f"→ {finding.advice}" if finding.advice else ""
    styles = {finding.what: "bold", finding.why: "", advice: "cyan"}
    shown = Text()
    for text, style in styles.items():
        for line in wrap(plain(text), max(columns - INDENT, INDENT)):
            shown.append("\n" + " " * INDENT if shown else "\n")
            shown.append(line, style)
    level = Text(f"\n{finding.level:<{INDENT}}", COLOURS[finding.level])
    return level + shown[1:]
