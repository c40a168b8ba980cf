"""Whether remembered bytes go on from what the backend holds, and what is believed of that."""

from dataclasses import replace
from typing import NamedTuple

import pytest

from tests.chat_dialect import chat_message
from warmprefix.core.explain.saving import Reach
from warmprefix.core.memory.continuation import Belief, Continuation, belief, has_outlived
from warmprefix.core.messages import changed
from warmprefix.core.types import Message, ToolCall

BELIEFS = [
    pytest.param(True, None, None, Belief.HELD, id="nothing-ran-since"),
    pytest.param(True, False, False, Belief.HELD, id="nothing-ran-since-whatever-was-before"),
    pytest.param(False, True, None, Belief.HELD, id="it-outlived-others"),
    pytest.param(False, True, False, Belief.HELD, id="it-did-where-others-did-not"),
    pytest.param(False, False, True, Belief.DOUBTED, id="it-did-not-but-others-did-since"),
    pytest.param(False, False, False, Belief.GONE, id="it-did-not"),
    pytest.param(False, False, None, Belief.GONE, id="it-did-not-in-another-proxy"),
    pytest.param(False, None, True, Belief.HELD, id="others-did"),
    pytest.param(False, None, False, Belief.UNKNOWN, id="others-did-not"),
    pytest.param(False, None, None, Belief.UNKNOWN, id="no-evidence"),
]


@pytest.mark.parametrize(("is_last", "outlived", "others", "expected"), BELIEFS)
def test_what_is_believed_of_a_turn(
    is_last: bool, outlived: bool | None, others: bool | None, expected: Belief
) -> None:
    assert belief(is_last=is_last, outlived=outlived, others_outlived=others) is expected


ALL, HALF, NONE = Reach(2, 1000, 1000), Reach(1, 500, 1000), Reach(0, 0, 1000)
EVIDENCE = [
    pytest.param(1000, [], True, id="all-found"),
    pytest.param(400, [], False, id="less-than-half-found"),
    pytest.param(800, [HALF], True, id="more-than-the-other-has"),
    pytest.param(700, [HALF], False, id="hardly-more-than-the-other-has"),
    pytest.param(700, [NONE, HALF], False, id="the-one-that-shares-most-counts"),
    pytest.param(1000, [ALL], None, id="the-other-has-it-too"),
    pytest.param(1000, [Reach(1, 970, 1000)], None, id="too-little-of-its-own"),
    pytest.param(1000, [Reach(0, 0, 0)], None, id="an-empty-prompt"),
]


@pytest.mark.parametrize(("cached", "reaches", "expected"), EVIDENCE)
def test_whether_a_turn_was_still_there(
    cached: int, reaches: list[Reach], expected: bool | None
) -> None:
    assert has_outlived(cached, 1000, reaches) is expected


S = chat_message("system", "You help.")
U = chat_message("user", "Hello")
A = chat_message("assistant", "Hi")  # as the client gives it back
R = changed(A, content="Hi\n")  # as it was generated
SHORT = changed(A, content="")  # generated with less than the client sends
OTHER = changed(A, content=" Hi")
B = chat_message("assistant", "Bye")
T = changed(B, content="Bye\n")
V = chat_message("user", "Go on")


class Case(NamedTuple):
    """`pairs`: remembered and the client's own, for each message; `chosen`: ours or theirs, for each that
    differs."""

    id: str
    last: tuple[Message, ...]
    pairs: tuple[tuple[Message, Message], ...]
    chosen: str
    near: Belief = Belief.HELD
    far: Belief = Belief.HELD
    sent: bool = True


LONG = chat_message("assistant", "word " * 100)
SPACED = changed(LONG, content=f"\n\n{LONG.content}")  # as it was generated
WORDY = changed(LONG, content=f"{'well ' * 5}{LONG.content}")
HEAD = ((S, S), (U, U))
CASES = [
    Case("nothing-is-known", (), (*HEAD, (R, A), (V, V), (T, B)), "oo"),
    Case("the-last-turn-has-ours", (S, U, R), (*HEAD, (R, A)), "o", far=Belief.GONE),
    Case("the-last-turn-has-theirs", (S, U, A), (*HEAD, (R, A)), "t"),
    Case("all-behind-theirs-is-theirs", (S, U, A, V, T), (*HEAD, (R, A), (V, V), (T, B)), "tt"),
    Case("it-has-neither", (S, U, OTHER), (*HEAD, (R, A)), "o"),
    Case("it-has-neither-and-ours-is-gone", (S, U, OTHER), (*HEAD, (R, A)), "t", far=Belief.GONE),
    Case("it-ends-before", (S, U), (*HEAD, (R, A)), "t", far=Belief.GONE),
    Case("it-left-before", (S, V, A), (*HEAD, (R, A)), "o"),
    Case("it-left-before-a-choice", (S, U, OTHER, V, B), (*HEAD, (R, A), (V, V), (T, B)), "oo"),
    Case("gone-and-no-longer", (S, U), (*HEAD, (SHORT, A)), "o", far=Belief.GONE),
    Case("sent-before", (S, U), (*HEAD, (R, A)), "o", far=Belief.UNKNOWN),
    Case("never-sent", (S, U), (*HEAD, (R, A)), "t", far=Belief.UNKNOWN, sent=False),
    Case("doubted-and-hardly-longer", (S, U), (*HEAD, (SPACED, LONG)), "o", far=Belief.DOUBTED),
    Case(
        "doubted-and-the-client-has-it",
        (S, U, LONG),
        (*HEAD, (SPACED, LONG)),
        "t",
        far=Belief.DOUBTED,
    ),
    Case(
        "what-is-held-risks-nothing",
        (S, U, WORDY),
        (*HEAD, (WORDY, LONG), (SPACED, LONG)),
        "oo",
        far=Belief.DOUBTED,
    ),
    Case("gone-and-longer", (S, U), (*HEAD, (SPACED, LONG)), "t", far=Belief.GONE),
    Case("doubted-and-much-longer", (S, U), (*HEAD, (WORDY, LONG)), "t", far=Belief.DOUBTED),
    Case(
        "hardly-longer-each-time", (), (*HEAD, *[(SPACED, LONG)] * 5), "oooot", far=Belief.DOUBTED
    ),
    Case("never-sent-and-no-longer", (), (*HEAD, (A, R)), "o", far=Belief.UNKNOWN, sent=False),
    Case("ours-and-likely-gone", (S, U, R), (*HEAD, (R, A)), "t", near=Belief.GONE),
    Case("ours-and-perhaps-gone", (S, U, R), (*HEAD, (R, A)), "t", near=Belief.UNKNOWN, sent=False),
    Case("ours-and-perhaps-there", (S, U, R), (*HEAD, (R, A)), "o", near=Belief.UNKNOWN),
    Case(
        "a-developer-is-shown-as-a-system-message",
        (replace(S, role="developer"), U, A),
        (*HEAD, (R, A)),
        "t",
    ),
    Case("a-user-is-not", (replace(S, role="user"), U, A), (*HEAD, (R, A)), "o"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_which_bytes_go_on_from_the_last_turn(case: Case) -> None:
    continuation = Continuation(case.last, case.near, case.far)

    sent: list[Message] = []
    for ours, theirs in case.pairs:
        sent.append(continuation.choose(sent, ours, theirs, was_sent=case.sent))
    chosen = [(*pair, got) for pair, got in zip(case.pairs, sent, strict=True)]

    assert all(got in (ours, theirs) for ours, theirs, got in chosen)
    differing = [(ours, got) for ours, theirs, got in chosen if ours != theirs]
    assert "".join("o" if got is ours else "t" for ours, got in differing) == case.chosen


def test_what_stands_behind_is_at_stake_too() -> None:
    """Two characters in a short reply, with a long history behind it."""
    at_the_end, early = (Continuation((S,), far=Belief.DOUBTED) for _ in range(2))

    assert at_the_end.choose((), R, A, was_sent=True) is A
    assert early.choose((), R, A, was_sent=True, behind=lambda: 2000) is R


def test_what_templates_do_not_show_makes_no_difference() -> None:
    """Ids of calls: else a slot that holds ours would be left for them."""
    ours, theirs = (changed(A, tool_calls=(ToolCall(name, "f", "{}"),)) for name in ("a", "b"))

    assert Continuation([theirs]).choose((), ours, theirs, was_sent=True) is ours
