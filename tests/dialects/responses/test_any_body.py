"""Whatever stands in `input`: it goes out as it came, and what is written anew says the same to a template."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.dialects.responses.requests import CALLED, LOOK, RESULT, SAID, THOUGHT, dumped, parse
from tests.strategies import JSON_VALUES
from warmprefix.core.canonical import Canonicalizer
from warmprefix.core.errors import NotUnderstood
from warmprefix.core.rules import RULES
from warmprefix.dialects.base import Request
from warmprefix.dialects.canonical_body import canonicalize_body
from warmprefix.dialects.responses import RESPONSES

TEXTS = st.sampled_from(["", "a", " a\n", "\ud800", "{}"])
KINDS = st.sampled_from(["input_text", "output_text", "refusal", "input_image", None])
PARTS = st.lists(
    st.fixed_dictionaries(
        {"type": KINDS, "text": TEXTS},
        optional={"annotations": st.just([]), "x": JSON_VALUES, "image_url": TEXTS},
    )
    | JSON_VALUES,
    max_size=3,
)
CONTENTS = TEXTS | PARTS | JSON_VALUES
ROLES = st.sampled_from(["user", "system", "developer", "assistant", "tool", None])
SAYS = st.fixed_dictionaries(
    {"role": ROLES, "content": CONTENTS},
    optional={"type": st.just("message"), "id": TEXTS, "name": TEXTS, "x": JSON_VALUES},
)


def varied(item: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """The item, with members that are odd, or gone, or more than it has."""
    names = st.sampled_from([*item, "x"])
    return st.dictionaries(names, CONTENTS, max_size=2).map(lambda odd: {**item, **odd}) | st.sets(
        names, max_size=2
    ).map(lambda gone: {name: value for name, value in item.items() if name not in gone})


ITEMS = st.one_of(SAYS, *map(varied, (SAID, THOUGHT, CALLED, RESULT)), JSON_VALUES)
BODIES = st.fixed_dictionaries(
    {"input": st.lists(ITEMS, max_size=6) | CONTENTS},
    optional={
        "instructions": TEXTS | JSON_VALUES,
        "tools": st.lists(varied(LOOK), max_size=2) | JSON_VALUES,
        "reasoning": st.dictionaries(st.sampled_from(["effort", "summary"]), JSON_VALUES),
        "tool_choice": JSON_VALUES,
    },
).map(dumped)


def understood(body: bytes) -> Request | None:
    with suppress(NotUnderstood):
        return parse(body)
    return None


@given(BODIES)
def test_what_nobody_changed_goes_out_as_it_came(body: bytes) -> None:
    request = understood(body)

    assert request is None or RESPONSES.render(request, request.prompt) is body


@given(BODIES)
def test_what_is_written_anew_says_the_same(body: bytes) -> None:
    request = understood(body)
    if request is None:
        return
    anew = tuple(m if m.opaque else replace(m, raw=None) for m in request.prompt.messages)

    again = parse(RESPONSES.render(request, replace(request.prompt, messages=anew)))

    assert RESPONSES.as_chat(again.prompt) == RESPONSES.as_chat(request.prompt)


@given(BODIES)
def test_the_canonical_form_is_its_own(body: bytes) -> None:
    request = understood(body)
    if request is None:
        return
    canonicalizer = Canonicalizer(RULES)
    once = canonicalizer.run(request.prompt)

    sent = RESPONSES.render(request, once.prompt)

    assert not once.failed
    assert once.rules or sent is body
    assert canonicalizer.run(parse(sent).prompt).rules == ()
    shown = canonicalize_body(body, dialect=RESPONSES).body
    assert canonicalize_body(shown, dialect=RESPONSES).body == shown
