"""A described client's session: one question a process, directly or through the proxy."""

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from string import Template

from tests.clients.agents import Home
from tests.clients.conversations import due, processed
from tests.clients.described import QUESTIONS, Client, Script
from tests.clients.endpoint_replies import Call, Reply
from tests.clients.installing import package
from tests.clients.processes import ended, of_client
from tests.clients.scripted_endpoints import Asked, Say, said_to_model
from tests.clients.sessions import OTHERWISE, Played, play

PROGRAMS = Path(__file__).parent / "programs"
LIMIT_S = 240  # a process that takes 10 s on an idle machine


def session(folder: Path, client: Client, *, proxy: Mapping[str, str] | None) -> Played:
    """What came out of all questions; `proxy`: its settings, None for a session without it."""

    def act(home: Home, url: str) -> list[str]:
        for file, text in client.files.items():
            path = home.folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(filled(text, home, url), encoding="utf-8")
        try:
            return ask(client, home, url)
        finally:
            end_what_is_left(home)

    said = say({question: placed(replies, folder) for question, replies in client.says().items()})
    return play(folder, act, lambda _: {}, proxy=proxy, say=said)


def ask(client: Client, home: Home, url: str) -> list[str]:
    """What a process of the client prints to each question."""
    printed = []
    for number, question in enumerate(QUESTIONS):
        line = client.again if number else client.first
        if number == len(QUESTIONS) - 1:
            line = client.last or line
        if line:
            variables = next_day() if number and client.knows_date else {}
            printed.append(run(client, home, url, line, question, variables))
    return printed


def next_day() -> dict[str, str]:
    """Lets a process start a day later. Clocks that only measure go on as they are."""
    library = next(package("faketime").folder.rglob("libfaketime.so.1"))
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME": "+1d",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def end_what_is_left(home: Home) -> None:
    """End what a client has left running behind it; it is told by the home, which is of this session alone."""
    mark = f"HOME={home.folder}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is somebody else's
            if mark in (process / "environ").read_bytes().split(b"\0"):
                os.kill(int(process.name), signal.SIGTERM)


def placed(replies: Sequence[Reply], home: Path) -> tuple[Reply, ...]:
    """The replies with the address of the home in what they call."""
    where = {"home": home}
    return tuple(
        Reply(
            reply.text,
            tuple(Call(c.name, Template(c.arguments).safe_substitute(where)) for c in reply.calls),
        )
        for reply in replies
    )


def say(script: Script) -> Say:
    """Says what belongs to the newest question, one reply after the other.

    Clients write what they like around a question, or behind it in a message of its own.
    """

    def reply(asked: Asked) -> Reply:
        history = said_to_model(asked)
        newest, found = -1, None
        for at, (who, text) in enumerate(history):
            known = next((q for q in script if who == "user" and q in text), None)
            newest, found = (newest, found) if known is None else (at, known)
        step = sum(who == "assistant" for who, _ in history[newest + 1 :])
        steps = script[found] if found is not None else ()
        talks = bool(asked.request.get("tools")) or not any(r.calls for r in steps)
        return steps[step] if talks and step < len(steps) else OTHERWISE

    return reply


def run(
    client: Client,
    home: Home,
    url: str,
    line: Sequence[str],
    question: str,
    variables: Mapping[str, str],
) -> str:
    """What one process of the client prints."""
    bin_folder = package(client.name).bin
    words = [w for word in line for w in (QUESTIONS if word == "$questions" else (word,))]
    command = [filled(word, home, url, question, str(bin_folder)) for word in words]
    extra = {name: filled(text, home, url) for name, text in client.environment.items()}
    environment = {
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home.folder),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "OPENAI_API_KEY": "dummy",
        **extra,
        **variables,
    }
    return ended(of_client(bin_folder, command), home.work, LIMIT_S, environment).stdout


def filled(text: str, home: Home, url: str, question: str = "", bin_folder: str = "") -> str:
    """The text with what is known only in a run."""
    known = {
        "url": url,
        "home": home.folder,
        "question": question,
        "programs": PROGRAMS,
        "bin": bin_folder,
        "python": sys.executable,
    }
    return Template(text).safe_substitute(known)


def figures(name: str, played: Played) -> str:
    """What the server counted; pytest shows it if a claim fails."""
    costs = played.alone()
    head = (
        f"{name}: {len(costs)} requests, {processed(costs)} processed, {due(costs)} due, "
        f"{sum(not cost.extends for cost in costs)} breaks"
    )
    lines = [f"{c.processed:6} processed {c.new:6} new {c.due:6} due  {c.leaves}" for c in costs]
    return "\n".join([head, *lines])
