"""Requests between the turns of a conversation that are not its own, and what they are."""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace

from bench.causes.conversation import Draft
from bench.causes.damage import users, with_text
from bench.causes.kinds import Event
from bench.never_worse.texts import text


def another(seed: str) -> Draft:
    """The first request of another conversation."""
    said = text(random.Random(f"other {seed}"), 3000)
    return Draft(({"role": "user", "content": said},), (), 0, 0)


def _asked_otherwise(before: Draft, seed: str) -> Draft:
    """The newest question in other words, without what was done for it."""
    at = users(before)[-1]
    changed = with_text(before, at, f"No: {text(random.Random(f'words {seed}'), 60)}.")
    return replace(changed, messages=changed.messages[: at + 1])


def _title(before: Draft, seed: str) -> Draft:
    """A title for the first question, as many clients ask for it."""
    del seed
    asked = before.messages[users(before)[0]]["content"]
    instructions = {"role": "system", "content": "You are a title generator."}
    return Draft((instructions, {"role": "user", "content": f"User: {asked}"}), (), 0, 0)


def _summary(before: Draft, seed: str) -> Draft:
    """The history under other instructions and without tools, to be summed up."""
    del seed
    system = {"role": "system", "content": "You read what others have said, and sum it up."}
    question = {"role": "user", "content": "Now sum up what was found."}
    return Draft((system, *before.messages[1:], question), (), 0, 0)


BESIDE: Mapping[Event, tuple[Callable[[Draft, str], Draft], str]] = {
    "another conversation": (lambda _, seed: another(seed), "cold"),
    "asked otherwise": (_asked_otherwise, "edit"),
    "a title": (_title, "side"),
    "a summary": (_summary, "side"),
}
"""By the event: the request, and its kind."""
