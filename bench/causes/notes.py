"""What a client puts into its newest turn, or between the turns, and takes out or moves on later."""

import random
from collections.abc import Callable
from dataclasses import replace

from bench.causes.conversation import Damage, Draft
from bench.causes.damage import Make, clock, inserted, users, with_text
from bench.never_worse.texts import text

NOTES = (
    ("<system-reminder>\n", "\n</system-reminder>"),
    ("<hint>\n", "\n</hint>"),
    ("## Current context\n", ""),
    ("[System note: ", "]"),
    ("---\n", "\n---"),
    ("Note: ", ""),
    ("(OOC: ", ")"),
)


def _note(chance: random.Random, *, ticks: bool) -> Callable[[Draft], str]:
    opens, closes = chance.choice(NOTES)
    body = text(chance, chance.choice((40, 120, 300)))
    lines = [f"- {text(chance, 30)}" for _ in range(30)]

    def note(draft: Draft) -> str:
        more = ""
        if ticks:
            n = draft.number
            more = f"\n- time: {clock(n)}\n" + "\n".join(lines[n % 9 : n % 9 + 3])
        return f"{opens}{body}{more}{closes}"

    return note


def reminder(place: str, *, ticks: bool = False, count: int = 1) -> Make:
    """Notes in the newest turn only."""

    def make(chance: random.Random) -> Damage:
        notes = [_note(chance, ticks=ticks) for _ in range(count)]

        def change(draft: Draft) -> Draft:
            for note in notes:
                draft = _at_newest(draft, note(draft), place)
            return draft

        return change

    return make


def _at_newest(draft: Draft, note: str, place: str) -> Draft:
    at = users(draft)[-1]
    old = draft.messages[at]["content"]
    match place:
        case "in front":
            return with_text(draft, at, f"{note}\n\n{old}")
        case "behind":
            return with_text(draft, at, f"{old}\n\n{note}")
        case "list part":
            parts = old if isinstance(old, list) else [{"type": "text", "text": old}]
            return with_text(draft, at, [*parts, {"type": "text", "text": note}])
        case "own system":
            return inserted(draft, at, {"role": "system", "content": note})
        case "own user behind":
            return inserted(draft, len(draft.messages), {"role": "user", "content": note})
        case "own user in front":
            return inserted(draft, at, {"role": "user", "content": note})
        case "system at the end":
            return inserted(draft, len(draft.messages), {"role": "system", "content": note})
        case "in the result":
            last = len(draft.messages) - 1
            if draft.messages[last]["role"] != "tool":
                return draft
            return with_text(draft, last, f"{draft.messages[last]['content']}\n\n{note}")
        case _:
            raise AssertionError(place)


def lorebook(*, changes: bool) -> Make:
    """Whole messages four in front of the end."""

    def make(chance: random.Random) -> Damage:
        entries = [f"[{text(chance, 90)}]" for _ in range(12)]
        role = chance.choice(("system", "user"))

        def change(draft: Draft) -> Draft:
            n = draft.turn if changes else 0
            at = max(len(draft.messages) - 4, 1)
            while draft.messages[at]["role"] == "tool":
                at -= 1
            return inserted(draft, at, {"role": role, "content": entries[n % 12]})

        return change

    return make


def frame(how: str) -> Make:
    """What was found for the newest question, with the question in it: whole, or in another form. `task`: under
    a heading that titles have, too, and without tools."""

    def make(chance: random.Random) -> Damage:
        found = [text(chance, 200) for _ in range(20)]

        def change(draft: Draft) -> Draft:
            at = users(draft)[-1]
            question = draft.messages[at]["content"]
            asked = {
                "whole": question,
                "task": question,
                "cut": question[:48] + "…",
                "one line": " ".join(question.split()),
                "quoted": "> " + question.replace("\n", "\n> "),
            }[how]
            sources = f"[1] {found[draft.turn]}\n[2] {found[draft.turn + 1]}"
            task = "### Task:\n" if how == "task" else ""
            body = f"{task}Use these sources to answer.\n\n{sources}\n\nQuestion: {asked}"
            framed = with_text(draft, at, body)
            return replace(framed, tools=()) if how == "task" else framed

        return change

    return make
