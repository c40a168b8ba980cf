"""What a turn would have cost directly, as a table of what servers did before."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.scripted_replies import dump
from warmprefix.core.explain.direct import Direct, Kept, ServerModel
from warmprefix.core.explain.saving import Reach, Reaches
from warmprefix.core.slots.slot import LOADED_FROM, SlotChoice, Traits
from warmprefix.core.types import CacheStats, Message, Prompt
from warmprefix.dialects.chat_completions.messages import parse_message

NO_RAM, RAM, CLEARS = Traits(True, False), Traits(True, True), Traits(False, True)
TEXT = 1000
MARGIN = 60  # what every two messages share as JSON, and more


def message(text: str, role: str = "user") -> Message:
    return parse_message(dump({"role": role, "content": text}))


def prompt(*texts: str) -> Prompt:
    return Prompt(tuple(map(message, texts)))


def model(slots: int) -> ServerModel:
    made = ServerModel(Reaches())
    made.begin(slots)
    return made


def reached(server: ServerModel, traits: Traits, *prompts: Prompt) -> list[Reach]:
    return [server.turn(one, None, traits) for one in prompts]


A, B, C, MORE = "a" * TEXT, "b" * TEXT, "c" * TEXT, "More."
HEAD = "h" * TEXT


@dataclass(frozen=True)
class Case:
    """Prompts in turn, as texts of their messages; how many messages of the last one are held."""

    id: str
    slots: int
    traits: Traits
    turns: tuple[tuple[str, ...], ...]
    messages: int


CASES = (
    Case("nothing-is-held-at-first", 1, NO_RAM, ((A,),), 0),
    Case("it-goes-on", 1, NO_RAM, ((A,), (A, MORE)), 1),
    Case("each-in-its-slot", 2, NO_RAM, ((A,), (B,), (A, MORE)), 1),
    Case("a-third-takes-the-one-unused-for-longest", 2, NO_RAM, ((A,), (B,), (C,), (A, MORE)), 0),
    Case("and-leaves-the-other", 2, NO_RAM, ((A,), (B,), (C,), (B, MORE)), 1),
    Case("a-use-counts", 2, NO_RAM, ((A,), (B,), (A, MORE), (C,), (A, MORE)), 2),
    Case("what-is-like-cuts", 2, NO_RAM, ((HEAD, A), (HEAD, B), (HEAD, A)), 1),
    # A RAM cache.
    Case("what-was-cut-comes-back", 1, RAM, ((A,), (B,), (A, MORE)), 1),
    Case("nobody-has-seen-that-there-is-none", 1, Traits(), ((A,), (B,), (A, MORE)), 1),
    Case("there-is-none", 1, NO_RAM, ((A,), (B,), (A, MORE)), 0),
    Case("if-half-stays-there-is-no-copy", 1, RAM, ((HEAD, MORE), (HEAD, B), (HEAD, MORE)), 1),
    Case("nor-is-one-looked-for", 1, RAM, ((HEAD, A * 2), (HEAD, B), (HEAD, C), (HEAD, A * 2)), 1),
    Case("what-an-idle-slot-held-is-there", 2, RAM, ((HEAD, A), (B,), (HEAD, C), (B, C), (HEAD, A)), 1),
    Case("what-was-loaded-is-there-no-more", 1, RAM, ((HEAD, A), (B,), (HEAD, C), (HEAD, A)), 1),
    Case("a-tenth-is-not-enough-to-keep-a-slot", 1, RAM, ((HEAD, A * 30), (HEAD,), (HEAD, A * 30)), 2),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_what_a_server_holds_by_its_own_choice(case: Case) -> None:
    found = reached(model(case.slots), case.traits, *(prompt(*texts) for texts in case.turns))

    assert found[-1].messages == case.messages


@pytest.mark.parametrize(("share", "held"), [(0.05, False), (0.15, True)])
def test_a_slot_is_preferred_that_shares_over_a_tenth(share: float, held: bool) -> None:
    """Of the request. If none does, the slot is taken that is unused for longest, here that of `a`."""
    size = 2 * TEXT
    like = prompt(B[: round(size * share)] + "x" * round(size * (1 - share)))
    *_, of_a = reached(model(2), NO_RAM, prompt(A), prompt(B), like, prompt(A, MORE))

    assert (of_a.messages == 1) is held


@pytest.mark.parametrize(("share", "loaded"), [(LOADED_FROM - 0.05, False), (LOADED_FROM, True)])
def test_of_a_saved_prompt_a_quarter_must_be_of_use(share: float, loaded: bool) -> None:
    saved = "h" * round(10 * TEXT * share) + "a" * round(10 * TEXT * (1 - share))
    wanted = "h" * round(10 * TEXT * share) + "c" * TEXT
    *_, found = reached(model(1), RAM, prompt(saved), prompt(B), prompt(wanted))

    assert (found.characters > MARGIN) is loaded


@pytest.mark.parametrize(("traits", "held"), [(RAM, True), (CLEARS, False)])
def test_idle_slots_are_cleared_if_the_server_was_seen_to_do_so(traits: Traits, held: bool) -> None:
    """Out of the RAM cache a request gets nothing of which less than a quarter is of use."""
    head = "h" * 200
    *_, found = reached(model(2), traits, prompt(head + A), prompt(B), prompt(head + "x" * 600))

    assert (found.characters > 200) is held


@pytest.mark.parametrize("wanted", [A, C])
def test_the_ram_cache_gives_what_is_of_most_use(wanted: str) -> None:
    """Both share the first message with the request."""
    turns = (HEAD, A * 3), (HEAD, C * 3), (B,), (HEAD, wanted * 3, MORE)
    *_, found = reached(model(1), RAM, *(prompt(*texts) for texts in turns))

    assert found.messages == 2


def test_the_ram_cache_gives_nothing_if_the_slot_has_more() -> None:
    turns = (HEAD, A * 4), (HEAD,), (B,), (HEAD, A * 4), (HEAD, A + C)
    *_, found = reached(model(1), RAM, *(prompt(*texts) for texts in turns))

    assert found.characters > 2 * TEXT


def test_the_ram_cache_holds_no_more_than_some_tens() -> None:
    server = model(1)
    others = [prompt(f"{number:02}" * TEXT) for number in range(33)]
    first, second = prompt("first " * 200), prompt("second " * 200)
    reached(server, RAM, first, second, *others)

    assert server.turn(first, None, RAM).messages == 0
    assert server.turn(others[-2], None, RAM).messages == 1


def test_a_task_of_one_token_leaves_all_to_the_ram_cache() -> None:
    server = model(1)
    first = prompt(HEAD, A * 2)
    reached(server, RAM, first, prompt(HEAD, B))
    server.empty()

    assert server.turn(first, None, RAM).messages == 2


def test_the_reply_is_held_too() -> None:
    server = model(1)
    reply = message(B, "assistant")
    server.turn(prompt(A), reply, NO_RAM)

    assert server.turn(Prompt((message(A), reply)), None, NO_RAM).left == 0


def test_an_empty_prompt_is_like_nothing() -> None:
    assert model(2).turn(Prompt(()), None, NO_RAM) == Reach(0, 0, 0)


HERE = (0, 1)
FREE, OWN = SlotChoice(None, "free"), SlotChoice(0, "own", "own", shared_tokens=900)
STATS = CacheStats(1000, 100, 900)


def turn(
    direct: Direct,
    received: Prompt,
    sent: Prompt | None = None,
    stats: CacheStats = STATS,
    choice: SlotChoice | None = FREE,
    about: tuple[int, int] = HERE,
) -> Kept | None:
    sent = received if sent is None else sent
    return direct.turn(received, sent, None, stats, choice, about, NO_RAM)


@pytest.mark.parametrize("choice", [None, FREE])
def test_what_was_not_changed_has_kept_nothing_and_that_is_exact(choice: SlotChoice | None) -> None:
    direct = Direct()

    assert turn(direct, prompt(A), choice=choice) == Kept(900, 0, is_estimated=False)
    assert turn(direct, prompt(A), prompt(A), choice=choice) == Kept(900, 0, is_estimated=False)


def test_a_repaired_history_has_kept_what_the_client_changed() -> None:
    direct = Direct()
    turn(direct, prompt(HEAD, A))
    found = turn(
        direct, prompt("x" + HEAD, A, MORE), prompt(HEAD, A, MORE), CacheStats(1000, 950, 50)
    )

    assert found is not None
    assert found.is_estimated
    assert found.tokens == pytest.approx(950, abs=40)
    assert found.direct_tokens == 50 + found.tokens


def test_what_was_found_by_number_is_counted_as_it_was_known() -> None:
    """Directly another conversation would have taken the slot."""
    direct = Direct()
    turn(direct, prompt(A))
    turn(direct, prompt(B))
    found = turn(direct, prompt(A, MORE), None, CacheStats(1000, 900, 100), OWN)

    assert found is not None
    assert found.is_estimated
    assert found.tokens == pytest.approx(900, abs=40)


def test_what_was_called_back_is_where_it_was_the_next_time() -> None:
    """Only the turn that was called back has kept anything: from then on both have it in the slot."""
    direct = Direct()
    back = SlotChoice(None, "back", "recall", start=0, shared_tokens=900)
    history = (HEAD, A * 3)
    for one in (prompt(*history), prompt(HEAD, B)):
        direct.turn(one, one, None, STATS, FREE, HERE, RAM)
    found = [
        direct.turn(one, one, None, CacheStats(1000, 900, 100), choice, HERE, RAM)
        for one, choice in ((prompt(*history, MORE), back), (prompt(*history, MORE, MORE), FREE))
    ]

    assert [kept is not None and kept.tokens > 500 for kept in found] == [True, False]


def test_what_it_is_known_to_have_kept_counts_if_texts_do_not_tell() -> None:
    """A cousin with other tools: the texts say nothing of what it has cut."""
    direct = Direct()
    turn(direct, prompt(A))
    back = SlotChoice(None, "back", "recall", 0, shared_tokens=900, else_tokens=300)
    found = turn(direct, prompt(A, MORE), None, CacheStats(1000, 900, 100), back)

    assert found is not None
    assert found.tokens == 600


def test_what_the_server_would_have_found_too_was_not_kept() -> None:
    direct = Direct()
    turn(direct, prompt(A))

    assert turn(direct, prompt(A, B), None, STATS, replace(OWN, shared_tokens=500)) == Kept(
        900, 0, is_estimated=True
    )


def test_more_cannot_be_found_than_is_asked_for() -> None:
    found = turn(Direct(), prompt(A), None, STATS, replace(OWN, shared_tokens=5000))

    assert found == Kept(1000, 100, is_estimated=True)


def test_directly_no_more_is_read_than_the_whole_prompt() -> None:
    """A model with a sliding window goes back to a checkpoint: it reads again what both prompts share, and what
    it reads in any case was not kept."""
    direct = Direct()
    turn(direct, prompt(HEAD, A))
    stats = CacheStats(1000, 800, 200)
    found = turn(direct, prompt("x" + HEAD, A, MORE), prompt(HEAD, A, MORE), stats)

    assert found is not None
    assert found.direct_tokens == pytest.approx(1000, abs=2)
    assert found.tokens == found.direct_tokens - 200


def test_a_bad_choice_has_kept_less_than_nothing() -> None:
    """One token is always processed: the loss is no more than the rest."""
    direct = Direct()
    turn(direct, prompt(A))
    found = turn(direct, prompt(A), None, CacheStats(1000, 200, 800), replace(OWN, shared_tokens=1))

    assert found == Kept(1, -799, is_estimated=True)


@pytest.mark.parametrize(
    "stats", [CacheStats(), CacheStats(1000), CacheStats(None, None, 5), CacheStats(0, 0, 0)]
)
def test_what_was_not_reported_is_not_known(stats: CacheStats) -> None:
    direct = Direct()

    assert turn(direct, prompt(A), stats=stats) is None
    # It was held all the same.
    found = turn(direct, prompt("x" + A, B), prompt(A, B), CacheStats(1000, 500, 500))
    assert found is not None
    assert found.tokens == pytest.approx(500, abs=40)


def test_of_nothing_sent_nothing_is_known() -> None:
    assert turn(Direct(), Prompt(())) is None


@pytest.mark.parametrize("about", [(1, 1), (0, 2), (0, 0)])
def test_a_new_start_begins_anew(about: tuple[int, int]) -> None:
    """It holds neither what came nor what was sent: the repair brought nothing yet."""
    direct = Direct()
    turn(direct, prompt(HEAD, A))
    found = turn(direct, prompt("x" + HEAD, A), prompt(HEAD, A), STATS, FREE, about)

    assert found == Kept(900, 0, is_estimated=True)


@pytest.mark.parametrize(
    ("cut", "processed", "kept"),
    [
        pytest.param(10, 50, 0, id="a-few-tokens"),
        pytest.param(40, 1000, 0, id="a-tenth"),
        pytest.param(400, 500, 400, id="more"),
    ],
)
def test_what_may_be_noise_is_nothing(cut: int, processed: int, kept: int) -> None:
    """`cut`: characters, about as many as tokens here, that the client changed at the end of what is held."""
    direct = Direct()
    turn(direct, prompt(A))
    theirs = prompt(A[:-cut] + "x" * cut)
    found = turn(direct, theirs, prompt(A), CacheStats(TEXT + 30, TEXT + 30 - processed, processed))

    assert found is not None
    assert found.tokens == pytest.approx(kept, abs=10 if kept else 0)


texts = st.sampled_from(["a", "ab", "abc" * 50, "abd" * 50, "x" * 300])
histories = st.lists(texts, min_size=1, max_size=3).map(lambda found: prompt(*found))
choices = st.sampled_from([None, FREE, OWN, replace(OWN, shared_tokens=1)])


@given(
    st.lists(
        st.tuples(histories, histories, st.integers(1, 2000), st.integers(0, 500), choices),
        max_size=6,
    ),
    st.integers(0, 3),
    st.sampled_from([NO_RAM, RAM, CLEARS, Traits()]),
)
def test_direct_is_what_was_processed_and_what_was_kept(
    turns: list[tuple[Prompt, Prompt, int, int, SlotChoice | None]], slots: int, traits: Traits
) -> None:
    direct = Direct()
    for received, sent, processed, cached, choice in turns:
        stats = CacheStats(processed + cached, cached, processed)
        found = direct.turn(received, sent, None, stats, choice, (0, slots), traits)

        assert found is not None
        assert found.direct_tokens == processed + found.tokens
        assert found.direct_tokens >= 1
        assert found.is_estimated or found.tokens == 0


@given(
    st.lists(st.tuples(histories, histories | st.none(), choices), max_size=6),
    st.integers(1, 3),
    st.sampled_from([NO_RAM, RAM, CLEARS]),
)
def test_one_simulation_says_as_long_as_it_is_enough_what_two_say(
    turns: list[tuple[Prompt, Prompt | None, SlotChoice | None]], slots: int, traits: Traits
) -> None:
    """`None` is a request to which nothing was done."""
    one, two = Direct(), Direct()
    two.turn(Prompt(()), Prompt(()), None, STATS, None, (0, slots), traits)
    two._theirs.begin(slots)
    two._ours = two._theirs.copied()
    for received, changed, choice in turns:
        sent = received if changed is None else changed
        found = [
            direct.turn(received, sent, None, STATS, choice, (0, slots), traits)
            for direct in (one, two)
        ]
        assert found[0] == found[1]
