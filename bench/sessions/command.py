"""`python -m bench sessions`: chooses the rows to measure, and shows them."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.sessions.agent_noises import AGENT_NOISES
from bench.sessions.families import FAMILIES, GEMMA, Family
from bench.sessions.hints import report
from bench.sessions.measure import Measurement, Row
from bench.sessions.noises import ENDPOINTS, NOISES, Noise
from bench.sessions.report import HEADINGS, Table, as_json, cells, partings
from bench.sessions.script import Script, load_script, script_names

_GEMMA_NOISES = ("clean", "arguments sorted", "history reloaded", "clock at end, frozen")
_GEMMA_TURNS = 3  # user turns of a script: enough for the reload, and minutes instead of an hour

Job = tuple[Script, Family, Noise]


def main(arguments: Sequence[str]) -> int:
    """0 if every row met its goal (those marked `slots` do not count) and none was worse, otherwise 1."""
    chosen = _parser().parse_args(arguments)
    jobs = list(_gemma_jobs(chosen) if chosen.gemma else _jobs(chosen))
    if not jobs:
        print("nothing matches; see --help", file=sys.stderr)
        return 2
    if chosen.hints:
        return report(jobs)
    rows = _measure(jobs, explain=chosen.explain)
    if chosen.json:
        text = json.dumps([as_json(row) for row in rows], indent=1)
        Path(chosen.json).write_text(text + "\n", "utf-8")
    missed = [row for row in rows if not row.meets_goal and row.noise.risk != "slots"]
    worse = [row for row in rows if not row.is_never_worse]
    print(
        f"\n{len(rows)} rows, {len(missed)} goals missed, {len(worse)} worse than without the proxy"
    )
    return 1 if missed or worse else 0


def _measure(jobs: Sequence[Job], *, explain: bool) -> list[Row]:
    measurement = Measurement()
    table = Table(_widest(job) for job in jobs)
    print(table.line(HEADINGS), flush=True)
    rows: list[Row] = []
    for job in jobs:
        row = measurement.row(*job)
        rows.append(row)
        print(table.line(cells(row)), flush=True)
        if explain and not row.meets_goal:
            _explain(partings(row.through))
        elif explain and not row.is_never_worse:
            _explain(partings(row.default))
    return rows


def _explain(lines: Sequence[str]) -> None:
    for line in lines or (
        "  every prompt continues the one before it: the slot went to another request",
    ):
        print(line, flush=True)


def _widest(job: Job) -> tuple[str, ...]:
    script, family, noise = job
    names = (script.name, family.name, noise.endpoint, noise.name, noise.risk)
    return (
        *names,
        "9,999",
        "99,999",
        "99.99",
        "99,999",
        "99.999",
        "9.99",
        "MISSED",
        "holds",
        "9,999",
    )


def _jobs(chosen: argparse.Namespace) -> Iterator[Job]:
    """Every template with every noise; each script in turn, or all named ones."""
    scripts = [load_script(name) for name in chosen.script or script_names()]
    families = [family for family in FAMILIES if _named(family.name, chosen.family)]
    noises = [
        noise
        for noise in (*NOISES, *AGENT_NOISES)
        if _named(noise.name, chosen.noise) and noise.endpoint in (chosen.endpoint or ENDPOINTS)
    ]
    for at, family in enumerate(families):
        for noise in noises:
            few = scripts if chosen.script or chosen.all else [scripts[at % len(scripts)]]
            yield from ((script, family, noise) for script in few)


def _gemma_jobs(chosen: argparse.Namespace) -> Iterator[Job]:
    names = chosen.script or ("household",)
    for family in (family for family in GEMMA if _named(family.name, chosen.family)):
        for noise in NOISES:
            wanted = (
                noise.name in _GEMMA_NOISES
                if not chosen.noise
                else _named(noise.name, chosen.noise)
            )
            if wanted:
                yield from (
                    (load_script(name).first(_GEMMA_TURNS), family, noise) for name in names
                )


def _named(name: str, parts: Sequence[str] | None) -> bool:
    return not parts or any(part in name for part in parts)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench sessions",
        description=(
            "Agent sessions of five user turns with tool calls against a real llama-server: tokens "
            "processed by a client without noise (clean), by one with it (noisy), and by that one "
            "through the proxy."
        ),
        epilog=(
            f"scripts: {', '.join(script_names())}. templates: "
            f"{', '.join(family.name for family in (*FAMILIES, *GEMMA))}. noises: "
            f"{', '.join(dict.fromkeys(noise.name for noise in (*NOISES, *AGENT_NOISES)))}."
        ),
    )
    several: dict[str, Any] = {"action": "append", "metavar": "NAME"}
    parser.add_argument(
        "--script", choices=script_names(), help="a script; may be repeated", **several
    )
    parser.add_argument("--family", help="part of a template's name; may be repeated", **several)
    parser.add_argument(
        "--endpoint", choices=ENDPOINTS, help="clients of this one; may be repeated", **several
    )
    parser.add_argument("--noise", help="part of a noise's name; may be repeated", **several)
    parser.add_argument("--all", action="store_true", help="every script with every template")
    parser.add_argument(
        "--gemma", action="store_true", help="a few rows with a real model, in minutes"
    )
    parser.add_argument(
        "--explain", action="store_true", help="show where prompts differ if a row fails"
    )
    parser.add_argument(
        "--hints",
        action="store_true",
        help="apply the hints given for each noise, and measure again",
    )
    parser.add_argument("--json", metavar="FILE", help="write all counts to this file")
    return parser
