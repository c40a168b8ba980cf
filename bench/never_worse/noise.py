"""What clients do to the history they send, by name: changes of bench/sessions on one request."""

from collections.abc import Mapping, Sequence
from functools import partial

from bench.never_worse.plan import Json
from bench.sessions import changes
from bench.sessions.changes import Change, Draft, each

NOISES: Mapping[str, Change] = {
    "arguments sorted": each(changes.sorted_arguments),
    "stripped": each(changes.stripped_text),
    "reasoning dropped": each(changes.without_reasoning),
    "reasoning misnamed": each(changes.misnamed_reasoning),
    "ids renamed": changes.renamed_ids,
    "tools shuffled": changes.shuffled_tools,
    "schemas shuffled": changes.shuffled_schemas,
    "stored": each(changes.stored),
    "reminder": partial(changes.with_reminders, newest_only=True),
    "clock": partial(changes.with_clock, at_the_top=False, runs=True),
}


def noisy(
    messages: Sequence[Json], tools: Sequence[Json], names: Sequence[str], request: int
) -> Draft:
    """What the client sends for its stored history."""
    draft = Draft(tuple(messages), tuple(tools), request)
    for name in names:
        draft = NOISES[name](draft)
    return draft
