"""What the page computes, called in the browser that computes it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.fakes.running_proxy import running_proxy

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

CALL = """async ([module, name, given]) => {
  const found = await import(`/warmprefix/dashboard/${module}.js`);
  return found[name](...given);
}"""


Call = Callable[..., Awaitable[Any]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def call(chromium: Browser) -> AsyncIterator[Call]:
    """The result of one function of the page; all are called in the same page."""
    async with running_proxy("http://127.0.0.1:1") as proxy:
        page = await chromium.new_page()
        await page.goto(f"{proxy.url}/warmprefix/")

        async def called(module: str, name: str, *given: Any) -> Any:
            return await page.evaluate(CALL, [module, name, list(given)])

        yield called
        await page.close()


def turn(
    prompt: int | None,
    cached: int | None,
    prompt_ms: float | None = None,
    **more: Any,
) -> Any:
    """A record with these counts."""
    processed = None if prompt is None or cached is None else prompt - cached
    return {
        "model": "m", "kind": "append", "break": None, "prompt_tokens": prompt, "outcome": "ok",
        "cached_tokens": cached, "processed_tokens": processed, "prompt_ms": prompt_ms,
        "conversation": "c", "client": "pi", "time": "2026-11-24T04:23:54.000Z", **more,
    }  # fmt: skip


class Sum(NamedTuple):
    """`expected`: members of the sums of these turns of one conversation."""

    id: str
    turns: list[Any]
    expected: dict[str, Any]


BROKEN: dict[str, Any] = {"break": {"cause": "clock"}}
SUMS = [
    Sum("nothing", [], {"ratio": None, "kept": None, "breaks": 0, "reads": None, "writes": None}),
    Sum(
        "a-ratio-of-sums-and-not-an-average", [turn(1000, 0), turn(100, 100)], {"ratio": 100 / 1100}
    ),
    Sum(
        "only-turns-that-reported-both",
        [turn(100, 50), turn(9, None), turn(None, 7)],
        {"ratio": 0.5},
    ),
    Sum("kept", [turn(9, 0, kept_tokens=70), turn(9, 0, kept_tokens=-20)], {"kept": 50}),
    Sum("breaks", [turn(9, 0), turn(9, 0, None, **BROKEN)], {"breaks": 1}),
    Sum(
        "a-handful-is-no-speed",
        [turn(500, 0, 250.0), turn(501, 500, 75.0)],
        {"reads": "2,000 tokens/s"},
    ),
    Sum(
        "writing",
        [turn(9, 0, generated_tokens=50, generate_ms=10_000.0)],
        {"writes": "5.0 tokens/s"},
    ),
]


@pytest.mark.parametrize("case", SUMS, ids=lambda case: case.id)
async def test_sums(call: Call, case: Sum) -> None:
    sums = await call("model", "totals", case.turns)

    assert {name: sums[name] for name in case.expected} == case.expected


FAILED: dict[str, Any] = {
    "outcome": "backend_unreachable",
    "kind": "cold",
    "processed_tokens": None,
}
GROUPS = [
    ("a-conversation", [turn(9, 0)], ["of c"]),
    ("a-request-that-came-to-nothing-is-none", [turn(None, None, **FAILED)], ["failed pi"]),
    ("one-that-failed-on-the-way-stays", [turn(9, 0), turn(None, None, **FAILED)], ["of c"]),
    ("a-side-request-is-none", [turn(9, 0, kind="side")], ["side pi"]),
    ("not-understood", [turn(9, 0, kind=None, conversation=None)], ["of null"]),
]


@pytest.mark.parametrize(("turns", "keys"), [r[1:] for r in GROUPS], ids=[r[0] for r in GROUPS])
async def test_what_is_a_conversation(call: Call, turns: list[Any], keys: list[str]) -> None:
    assert [group["key"] for group in await call("model", "groups", turns)] == keys


async def test_times_have_room_and_pauses_show(call: Call) -> None:
    """Every minute once, two bars apart; a pause of more than five minutes always."""
    moments = ("12:00:01", "12:00:09", "12:01:00", "12:02:00", "12:03:30", "12:30:00", "12:30:05")
    turns = [turn(9, 0, time=f"2026-11-24T{moment}.000") for moment in moments]
    found = await call("turn", "axis", turns)

    assert [tick["tick"] for tick in found] == ["12:00", "", "12:01", "", "12:03", "12:30", ""]
    assert [tick["pause"] for tick in found] == [False] * 5 + [True, False]


SEARCHES = [
    ("nothing", "", True),
    ("a-word-of-the-title", "BUILD", True),
    ("every-word-counts", "build clock", True),
    ("a-word-that-is-nowhere", "build nowhere", False),
    ("an-id", "t-123", True),
    ("a-path", "messages[0]", True),
]  # fmt: skip


@pytest.mark.parametrize(("text", "found"), [r[1:] for r in SEARCHES], ids=[r[0] for r in SEARCHES])
async def test_a_search(call: Call, text: str, found: bool) -> None:
    broken: dict[str, Any] = {"break": {"cause": "clock", "path": "messages[0].content"}}
    given = [turn(9, 0, turn="t-123", **broken), {"text": text}, "Fix the build"]

    assert await call("model", "passes", *given) is found


KEPT = {"turns": 3, "processed_tokens": 100, "direct_tokens": 400}
KEPTS = [
    ("kept", KEPT, 300),
    ("observed", {**KEPT, "direct_tokens": 100, "would_save_tokens": 70}, 70),
    ("not-reported", {"turns": 3, "processed_tokens": None, "direct_tokens": None}, None),
]


@pytest.mark.parametrize(("sums", "kept"), [r[1:] for r in KEPTS], ids=[r[0] for r in KEPTS])
async def test_what_was_kept(call: Call, sums: Any, kept: int | None) -> None:
    assert await call("headline", "keptOf", sums) == kept


class Change(NamedTuple):
    """`expected`: pieces, `-` gone, `+` new."""

    id: str
    before: str
    after: str
    expected: list[str]


CHANGES = [
    Change("a-word", "at 12:04 PM", "at 12:05 PM", ["at 12:", "-04", "+05", " PM"]),
    Change("added", "a b", "a c b", ["a ", "+c ", "b"]),
    Change("all", "x", "y", ["-x", "+y"]),
    Change("same", "x y", "x y", ["x y"]),
    Change("a-blank", "a b", "a  b", ["a", "- ", "+  ", "b"]),
    Change(
        "a-rest-that-one-excerpt-alone-holds",
        "a 1 tail of the text…",
        "a 2222 tail of…",
        ["a ", "-1", "+2222", " tail of", "(-) the text", "…"],
    ),
    Change("characters-beyond-16-bits", "🙂 a", "🙃 a", ["-🙂", "+🙃", " a"]),
]
SIGNS = {"same": "", "gone": "-", "new": "+", "rest-gone": "(-)", "rest-new": "(+)"}


@pytest.mark.parametrize("case", CHANGES, ids=lambda case: case.id)
async def test_changes(call: Call, case: Change) -> None:
    pieces = await call("diff", "changes", case.before, case.after)

    assert [SIGNS[piece["kind"]] + piece["text"] for piece in pieces] == case.expected


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("count", None, "–"),
        ("count", 0, "0"),
        ("count", 1234567, "1,234,567"),
        ("short", None, "–"),
        ("short", 999, "999"),
        ("short", 1000, "1.00k"),
        ("short", 49_237, "49.2k"),
        ("short", 177_600, "178k"),
        ("short", 999_960, "1.00M"),
        ("short", -1500, "−1.50k"),
        ("bytes", 1, "1 byte"),
        ("bytes", 3 << 29, "1.5 GiB"),
        ("age", None, "–"),
        ("age", 59.9, "59 s"),
        ("age", 7200, "2 h"),
        ("percent", 0.99999, "99.9%"),
        ("percent", 1, "100.0%"),
        ("percent", None, "–"),
        ("duration", None, "–"),
        ("duration", 0, "0 s"),
        ("duration", 0.0123, "0.01 s"),
        ("duration", 9.97, "10 s"),
        ("duration", 59.6, "1 min 0 s"),
        ("duration", 3725, "1 h 2 min"),
        ("clock", "no time", "–"),
        ("plain", "a\u0000b\u202ec\nd", "a⟨U+0000⟩b⟨U+202E⟩c\nd"),
    ],
)
async def test_what_people_read(call: Call, name: str, given: Any, expected: str) -> None:
    assert await call("format", name, given) == expected
