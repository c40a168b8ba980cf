"""Which slots are saved and restored, and which snapshot leaves first."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmprefix.core.slots import snapshots as core
from warmprefix.core.slots.snapshots import Held, Snapshot

KEYS = (b"system", b"question", b"answer", b"more")
HEAD = b"tools"
DAY_S = 86400.0
HELD = Held("a", KEYS[:2], HEAD, 1000)


def snapshot(messages: int = 2, **fields: object) -> Snapshot:
    base = Snapshot(
        name=f"warmprefix-{messages}.bin",
        backend="here",
        conversation="a",
        tip=KEYS[messages - 1].hex(),
        head=HEAD.hex(),
        messages=messages,
        tokens=1000,
        size_bytes=5000,
        saved_s=0.0,
        used_s=0.0,
    )
    return replace(base, **fields)  # type: ignore[arg-type]  # names are checked by replace


TWO = snapshot(2)
THREE = snapshot(3)


@dataclass(frozen=True)
class Fit:
    id: str
    keys: tuple[bytes, ...]
    head: bytes
    fits: bool


@pytest.mark.parametrize(
    "case",
    [
        Fit("goes-on", KEYS, HEAD, True),
        Fit("the-same-again", KEYS[:2], HEAD, True),
        Fit("shorter", KEYS[:1], HEAD, False),
        Fit("another-history", (b"system", b"other", b"answer"), HEAD, False),
        Fit("other-tools", KEYS, b"others", False),
    ],
    ids=lambda case: case.id,
)
def test_a_snapshot_fits_what_begins_with_its_prompt(case: Fit) -> None:
    assert TWO.is_of(case.keys, case.head) is case.fits
    assert (core.best([TWO], case.keys, case.head) is TWO) is case.fits


def test_one_of_no_message_fits_nothing() -> None:
    assert not replace(TWO, messages=0).is_of(KEYS, HEAD)


def test_the_longest_that_fits_is_best_and_another_backend_s_is_none() -> None:
    assert core.best([THREE, TWO], KEYS, HEAD, "here") is THREE
    assert core.best([THREE, TWO], KEYS, HEAD, "elsewhere") is None
    assert core.best([THREE, TWO], KEYS, HEAD) is THREE


def test_every_part_of_a_backend_decides_and_so_does_where_parts_end() -> None:
    assert core.digest("model", "4096") == core.digest("model", "4096")
    assert len({core.digest("ab", "c"), core.digest("a", "bc"), core.digest("abc")}) == 3


def test_a_file_is_named_by_backend_prompt_and_owner() -> None:
    name = core.file_name("0123456789abcdef", "f" * 32, "cafe0123")

    assert name == "warmprefix-0123456789abcdef-ffffffffffffffff-cafe0123.bin"
    assert len(TWO.id) == 12


def pool(number: int, tokens: int) -> Snapshot:
    return snapshot(2, name=f"warmprefix-me-{number:02}.bin", tokens=tokens)


def test_where_nothing_can_be_deleted_names_are_used_again() -> None:
    full = [pool(number, 1000 + number) for number in range(core.POOL_FILES)]
    idle = [replace(full[5], saved_s=-30 * DAY_S, used_s=-30 * DAY_S)]

    assert core.pool_name([], [], "me", 0) == "warmprefix-me-00.bin"
    assert core.pool_name(full[:3], [], "me", 0) == "warmprefix-me-03.bin"
    assert core.pool_name(full, [full[7]], "me", 0) == full[7].name
    assert core.pool_name(full, [], "me", 0) == full[0].name
    assert core.pool_name(full[:5] + idle + full[6:], [], "me", 0) == full[5].name


@pytest.mark.parametrize(
    ("held", "known", "worth"),
    [
        pytest.param(HELD, [], True, id="not-yet-saved"),
        pytest.param(HELD, [TWO], False, id="saved"),
        pytest.param(HELD, [snapshot(backend="elsewhere")], True, id="saved-for-another-backend"),
        pytest.param(HELD, [snapshot(head="")], True, id="saved-with-other-tools"),
        pytest.param(replace(HELD, tokens=511), [], False, id="too-short"),
    ],
)
def test_what_is_worth_saving(held: Held, known: list[Snapshot], worth: bool) -> None:
    assert core.is_worth_saving(held, known, "here", 512) is worth


@pytest.mark.parametrize(
    ("keys", "head", "evicted"),
    [
        pytest.param(KEYS, HEAD, False, id="goes-on"),
        pytest.param(KEYS[:2], HEAD, False, id="again"),
        pytest.param(KEYS[:1], HEAD, True, id="shorter"),
        pytest.param((b"system", b"title"), HEAD, True, id="shares-its-beginning"),
        pytest.param(KEYS, b"others", True, id="other-tools"),
    ],
)
def test_what_a_request_cuts(keys: tuple[bytes, ...], head: bytes, evicted: bool) -> None:
    assert core.is_evicted(HELD, keys, head) is evicted


def test_a_slot_without_messages_has_no_tip() -> None:
    assert Held("a", (), HEAD, 1).tip == ""


def test_gain_is_what_the_slot_does_not_hold_yet() -> None:
    assert core.gain(TWO, 0, [300, 100, 50]) == 1000
    assert core.gain(TWO, 1, [300, 100, 50]) == 250
    assert core.gain(TWO, 2, [300, 100, 50]) == 0
    assert core.gain(TWO, 3, [300, 100, 50]) == 0
    assert core.gain(TWO, 0, [0, 0, 50]) == 0


@pytest.mark.parametrize(
    ("tokens", "gained", "lost", "worth"),
    [
        pytest.param(1000, 800, 0, True, id="clearly"),
        pytest.param(1000, 255, 0, False, id="too-few"),
        pytest.param(30000, 1400, 0, False, id="too-few-of-so-many"),
        pytest.param(30000, 1600, 0, True, id="enough-of-so-many"),
        pytest.param(1000, 800, 800, False, id="costs-others-as-much"),
        pytest.param(1000, 800, 700, True, id="costs-others-less"),
    ],
)
def test_what_is_worth_restoring(tokens: int, gained: int, lost: int, worth: bool) -> None:
    assert core.is_worth_restoring(snapshot(tokens=tokens), gained, lost) is worth


def test_a_later_turn_supersedes_earlier_ones_of_the_same_history() -> None:
    later = Held("a", KEYS, HEAD, 2000)
    fork = snapshot(tip=b"fork".hex())

    assert core.superseded(later, [TWO, fork, snapshot(backend="elsewhere")], "here") == (TWO,)


def test_value_halves_with_each_unused_day() -> None:
    assert core.value(TWO, 0) == 1000
    assert core.value(TWO, DAY_S) == 500
    assert core.value(replace(TWO, used_s=DAY_S), 2 * DAY_S) == 500
    assert core.value(TWO, -5) == 1000


def test_the_least_valuable_leaves_first() -> None:
    small, old, large = snapshot(tokens=600), snapshot(saved_s=-9 * DAY_S), snapshot(tokens=9000)
    old = replace(old, used_s=-9 * DAY_S)

    assert core.leaving([large, small, old], 10_000, 0) == (old,)
    assert core.leaving([large, small, old], 5000, 0) == (old, small)
    assert core.leaving([large, small, old], 15_000, 0) == ()


def test_one_that_never_fits_pushes_out_nobody() -> None:
    huge = snapshot(size_bytes=20_000, tokens=90_000)

    assert core.leaving([TWO, huge], 10_000, 0) == (huge,)


def test_the_size_to_come_is_told_by_others_of_the_backend() -> None:
    others = [TWO, snapshot(backend="elsewhere", size_bytes=10**9)]

    assert core.expected_bytes(replace(HELD, tokens=2000), others, "here") == 10_000
    assert core.expected_bytes(HELD, [], "here") == 0


@given(
    sizes=st.lists(st.tuples(st.integers(0, 99), st.integers(1, 99)), max_size=12),
    limit=st.integers(1, 300),
)
def test_what_stays_fits(sizes: list[tuple[int, int]], limit: int) -> None:
    kept = [
        snapshot(name=str(at), size_bytes=size, tokens=tokens)
        for at, (size, tokens) in enumerate(sizes)
    ]
    gone = core.leaving(kept, limit, 0)

    assert sum(s.size_bytes for s in kept) - sum(s.size_bytes for s in gone) <= limit
    assert len(gone) == len({s.name for s in gone})


def test_an_opening_is_named_by_its_mark_and_the_most_used_comes_first() -> None:
    often, seldom = (snapshot(1, opening=name, uses=uses) for name, uses in (("a", 5), ("b", 1)))
    others = (snapshot(2), snapshot(1, opening="c", uses=9, backend="there"))

    assert core.most_used((seldom, *others, often), "here") == [often, seldom]
    assert often.mark.digest == "a"
    name = core.opening_name("here", often.mark, "me")
    assert name == "warmprefix-opening-here-a-me.bin"
