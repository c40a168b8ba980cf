"""The last turn of each conversation: found again, and forgotten when there are too many."""

from dataclasses import replace

import pytest

from tests.chat_dialect import chat_message
from warmprefix.core.memo import ENTRY_BYTES
from warmprefix.core.memory.ledger import Conversation
from warmprefix.core.types import CacheStats, Prompt
from warmprefix.pipeline.recent import Last, Recent

LAST = Last(
    conversation="c",
    turn="t",
    index=0,
    number=1,
    prompt=Prompt((chat_message("user", "hi"),)),
    stats=CacheStats(),
    model=None,
    asked_model=None,
    generation=0,
    landmarks=(),
    session=None,
)


def last(conversation: str, **fields: object) -> Last:
    """A turn of a conversation."""
    return replace(LAST, conversation=conversation, **fields)  # type: ignore[arg-type] # by name


def saying(text: str) -> Prompt:
    """A prompt of one message."""
    return Prompt((chat_message("user", text),))


def test_the_last_turn_of_a_conversation_counts() -> None:
    recent = Recent()
    recent.put(last("a", turn="1"))
    recent.put(last("b", turn="2"))
    recent.put(last("a", turn="3"))

    assert [found.turn for name in "ab" if (found := recent.get(name))] == ["3", "2"]
    assert recent.get("c") is None


def test_a_turn_that_goes_on_from_another_takes_its_place() -> None:
    recent = Recent()
    replaced: list[str] = []
    for turn, keys in (("1", b"x"), ("2", b"xy"), ("side", b"xs"), ("3", b"xyz")):
        chain = [bytes([key]) for key in keys]
        state = Conversation("a", 1, turn, None, chain[-1], len(chain), None, (), {})
        replaced += recent.put(last("a", turn=turn, state=state), chain)

    def goes_on(keys: bytes) -> str | None:
        found = recent.get("a", [bytes([key]) for key in keys])
        return found.turn if found else None

    assert replaced == ["1", "2"]
    assert goes_on(b"xyzn") == "3"
    assert goes_on(b"xs") == goes_on(b"xsn") == "side"
    assert goes_on(b"xq") == "3"


def test_a_conversation_is_as_long_as_its_longest_branch() -> None:
    recent = Recent()
    recent.put(last("a", turn="1", prompt=Prompt((chat_message("user", "x"),) * 5)))
    recent.put(last("a", turn="2", prompt=saying("y")))

    assert recent.has_longer("a", 4)
    assert not recent.has_longer("a", 5)
    assert not recent.has_longer("b", 0)


def test_the_longest_unused_leaves_first() -> None:
    recent = Recent(max_bytes=250 + 2 * ENTRY_BYTES)
    for name in ("a", "b", "a", "c"):
        recent.put(last(name, prompt=saying("x" * 80)), [b""])

    assert [name for name in "abc" if recent.get(name)] == ["a", "c"]


def test_one_conversation_is_kept_however_large() -> None:
    recent = Recent(max_bytes=10)
    recent.put(last("a", prompt=saying("x" * 100)))

    assert recent.get("a") is not None
    recent.put(last("b", prompt=saying("y" * 100)))
    assert recent.get("a") is None
    assert recent.get("b") is not None


def test_landmarks_and_branches_count_in_the_size() -> None:
    """A short question with an answer of megabytes, and the turns that are kept beside the newest."""
    for more in ({"reply": chat_message("assistant", "x" * 200)}, {"prompt": saying("x" * 200)}):
        recent = Recent(max_bytes=250 + 2 * ENTRY_BYTES)
        recent.put(last("a", **more))
        recent.put(last("a"))
        recent.put(last("b", **more))

        assert [name for name in "ab" if recent.get(name)] == ["b"]


def test_a_conversation_that_shrinks_makes_room() -> None:
    recent = Recent(max_bytes=200 + 2 * ENTRY_BYTES)
    recent.put(last("a", prompt=saying("x" * 150)))
    recent.put(last("a", prompt=saying("x")), [b""])
    recent.put(last("b", prompt=saying("y" * 100)))

    assert recent.get("a") is not None


def test_what_is_dropped_is_forgotten_by_every_name() -> None:
    recent = Recent()
    recent.put(last("a", landmarks=(b"k",), session="s"))
    recent.drop("a")
    recent.drop("a")

    assert recent.get("a") is None
    assert recent.by_landmark([b"k"]) is None
    assert recent.by_session("s") is None


@pytest.mark.parametrize(
    ("keys", "found"),
    [([b"1"], "a"), ([b"2", b"1"], "b"), ([b"9", b"2", b"1"], "b"), ([b"9"], None), ([], None)],
)
def test_a_history_is_found_by_its_newest_known_reply(keys: list[bytes], found: str | None) -> None:
    recent = Recent()
    recent.put(last("a", landmarks=(b"1",)))
    recent.put(last("b", landmarks=(b"2",)))
    known = recent.by_landmark(keys)

    assert (known.conversation if known else None) == found


def test_a_session_is_the_conversation_it_was_last_seen_with() -> None:
    recent = Recent()
    recent.put(last("a", session="s"))
    recent.put(last("b", session="s"))
    recent.drop("a")
    known = recent.by_session("s")

    assert known is not None
    assert known.conversation == "b"
    assert recent.by_session("other") is None
    assert recent.by_session("s", b"another credential") is None
    assert recent.by_session(None) is None


def test_a_reply_that_two_share_stays_known_when_one_leaves() -> None:
    recent = Recent()
    recent.put(last("a", landmarks=(b"k",)))
    recent.put(last("b", landmarks=(b"k",)))
    recent.drop("a")
    known = recent.by_landmark([b"k"])

    assert known is not None
    assert known.conversation == "b"


def test_turns_are_counted_over_all_conversations() -> None:
    recent = Recent()
    for number in (1, 3, 2):
        recent.put(last("a", number=number))

    assert recent.number == 3


def test_what_was_read_ahead_behind_a_turn_is_what_the_slot_holds() -> None:
    stats = CacheStats(prompt_tokens=900, generated_tokens=20)
    recent = Recent()
    recent.put(last("a", turn="1", stats=stats))
    recent.prewarmed("a", "other", 300, 700)
    recent.prewarmed("gone", "1", 300, 700)
    untouched = recent.get("a")
    recent.prewarmed("a", "1", 0, None)
    begun = recent.get("a")
    recent.prewarmed("a", "1", 300, 700)
    whole = recent.get("a")

    assert (untouched, begun) == (last("a", turn="1", stats=stats),) * 2
    assert whole == last("a", turn="1", stats=CacheStats(prompt_tokens=700), prewarmed=300)


def test_the_newest_turn_that_begins_so_is_found_whoever_sent_it() -> None:
    recent = Recent()
    recent.put(last("a", turn="1", number=1, head=b"h"))
    recent.put(last("b", turn="2", number=2, head=b"h"))
    recent.put(last("a", turn="3", number=3, head=b"other"))

    assert [found.turn for head in (b"h", b"other") if (found := recent.like(head))] == ["2", "3"]
    assert recent.like(b"") is None
    recent.drop("b")
    assert recent.like(b"h") is None


def test_a_branch_is_still_found_by_what_it_begins_with() -> None:
    recent = Recent()
    recent.put(last("a", turn="1", number=1, head=b"h"))
    recent.put(last("a", turn="2", number=2, head=b"other"))
    found = recent.like(b"h")

    assert found is not None
    assert found.turn == "1"


def test_the_newest_turns_since_one_come_first() -> None:
    recent = Recent()
    for number, name in enumerate("abcd", 1):
        recent.put(last(name, number=number))

    assert [found.number for found in recent.since(1, 2)] == [4, 3]
    assert recent.since(4, 2) == []


@pytest.mark.parametrize(
    ("stats", "prewarmed", "expected"),
    [
        (CacheStats(), None, False),
        (CacheStats(cached_tokens=0), None, True),
        (CacheStats(prompt_tokens=5), 3, True),
    ],
)
def test_whether_the_backend_counts(
    stats: CacheStats, prewarmed: int | None, expected: bool
) -> None:
    assert last("a", stats=stats, prewarmed=prewarmed).is_counted is expected


def test_a_restart_that_is_noticed_late_is_no_evidence_against_a_turn() -> None:
    recent = Recent()
    before, prompt = last("a", outlived=True, generation=1), saying("And now?")
    recent.put(before)
    recent.put(last("a", turn="2", prompt=prompt, outlived=False, generation=1))
    recent.put(last("b", turn="3", outlived=False, generation=1))

    for one in (before, last("forgotten")):
        recent.ran_anew(one, prompt, 2)

    own, other = recent.get("a"), recent.get("b")
    assert own is not None
    assert other is not None
    assert (own.outlived, own.generation) == (True, 2)
    assert (other.outlived, other.generation) == (False, 1)
