"""What recognises an opening, and where it is cut."""

import pytest

from tests.fakes.scripted_replies import dump
from warmprefix.core.slots.openings import (
    TRIM_CHARACTERS,
    Mark,
    Shown,
    beginning,
    fits,
    mark_of,
    shown_of,
    trimmed,
)
from warmprefix.core.types import Prompt, RawJson
from warmprefix.dialects import DIALECTS

SCOPE, HEAD = b"scope", b"head"
RULES = '{"role":"system","content":"Rules.'
LONG = "Rule upon rule. " * 40
ALPHA = [f'{RULES}{LONG}\\nStatus: alpha"}}', '{"role":"user","content":"Go."}']
BETA = [f'{RULES}{LONG}\\nStatus: all new"}}', '{"role":"user","content":"Go on."}']


def shown(texts: list[str], tools: int = 100, scope: bytes = SCOPE, head: bytes = HEAD) -> Shown:
    return Shown(texts, tools, scope, head)


def found(one: list[str], other: list[str]) -> Mark:
    begun = beginning(shown(one), shown(other))
    assert begun is not None
    return begun.mark


def test_it_ends_where_the_last_shared_line_ends() -> None:
    begun = beginning(shown(ALPHA), shown(BETA))
    assert begun is not None
    text = f"{RULES}{LONG}\\n"

    assert begun.cut == len("Status: al")
    assert begun.mark == mark_of(shown(ALPHA), 0, len(text))
    assert (begun.mark.messages, begun.mark.fragment) == (0, len(text))
    assert begun.mark.characters == 100 + len(text)


def test_words_that_two_questions_begin_with_are_no_part_of_it() -> None:
    system = ALPHA[0]
    mark = found(
        [system, '{"role":"user","content":"Find the fault"}'],
        [system, '{"role":"user","content":"Find a way"}'],
    )

    assert (mark.messages, mark.fragment) == (1, len('{"role":"user","content":"'))
    other = [system, '{"role":"user","content":"Stop."}']
    assert fits(mark, shown(other))


TRIMS = [
    pytest.param('{"a":"b c\\nd e', '{"a":"b c\\n', id="a-line"),
    pytest.param('{"role":"user","content":"Find', '{"role":"user","content":"', id="a-text"),
    pytest.param(f'"{"x" * TRIM_CHARACTERS} yz', f'"{"x" * TRIM_CHARACTERS} ', id="a-word"),
    pytest.param("x" * 900, "x" * 900, id="nothing-near"),
    pytest.param("", "", id="nothing"),
]


@pytest.mark.parametrize(("shared", "kept"), TRIMS)
def test_the_cut_goes_back_to_where_something_begins(shared: str, kept: str) -> None:
    assert shared[: trimmed(shared)] == kept


def test_one_that_goes_on_from_the_other_has_no_opening_with_it() -> None:
    assert beginning(shown(ALPHA), shown([*ALPHA, "more"])) is None


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(shown(BETA, scope=b"another"), id="another-credential"),
        pytest.param(shown(BETA, head=b"tools"), id="other-tools"),
    ],
)
def test_what_no_cache_shares_is_no_opening(other: Shown) -> None:
    assert beginning(shown(ALPHA), other) is None


MARK = found(ALPHA, BETA)


@pytest.mark.parametrize(
    ("texts", "scope", "head", "tools", "expected"),
    [
        pytest.param(BETA, SCOPE, HEAD, 100, True, id="the-same"),
        pytest.param(BETA[:1], SCOPE, HEAD, 100, True, id="a-shorter-one"),
        pytest.param(BETA, b"another", HEAD, 100, False, id="another-credential"),
        pytest.param(BETA, SCOPE, b"tools", 100, False, id="other-tools"),
        pytest.param(BETA, SCOPE, HEAD, 99, False, id="tools-of-another-size"),
        pytest.param([], SCOPE, HEAD, 100, False, id="nothing"),
        pytest.param(['{"role":"system"}'], SCOPE, HEAD, 100, False, id="too-short"),
        pytest.param([BETA[0].replace("Rule ", "rule ")], SCOPE, HEAD, 100, False, id="other-text"),
    ],
)
def test_who_begins_with_it(
    texts: list[str], scope: bytes, head: bytes, tools: int, expected: bool
) -> None:
    assert fits(MARK, shown(texts, tools, scope, head)) is expected


def test_a_lone_surrogate_is_a_text_too() -> None:
    assert mark_of(shown(["\ud800"], tools=0), 1, 0).characters == 1


def without_messages(tools: bytes, **options: bytes) -> Shown:
    (chat, *_) = DIALECTS
    raw = {name: RawJson(value) for name, value in options.items()}
    return shown_of(Prompt((), chat.parse_tools(tools), raw), [], SCOPE)


def test_blanks_between_the_members_of_a_tool_make_no_difference() -> None:
    tool = {"type": "function", "function": {"name": "read"}}
    wide = b'[{"type": "function",\n "function": {"name": "read"}}]'
    one, none = without_messages(dump([tool])), shown_of(Prompt(()), [], SCOPE)

    assert without_messages(wide) == one
    assert one.size == one.tools == len(dump(tool))
    assert one.head != without_messages(dump([tool]), tool_choice=b'"none"').head
    assert one.head != none.head
    assert none.size == 0
