"""What the page computes, called in the browser that computes it."""

from typing import Any, NamedTuple

import pytest

from tests.browser.conftest import OpenPage
from tests.fakes.running_proxy import running_proxy

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

CALL = """async ([module, name, given]) => {
  const found = await import(`/warmprefix/dashboard/${module}.js`);
  return found[name](...given);
}"""


async def call(open_page: OpenPage, module: str, name: str, *given: Any) -> Any:
    """The result of one function of the page."""
    async with (
        running_proxy("http://127.0.0.1:1") as proxy,
        open_page(proxy.url, trouble="503 (Service Unavailable)") as page,
    ):
        return await page.evaluate(CALL, [module, name, list(given)])


def turn(
    prompt: int | None,
    cached: int | None,
    prompt_ms: float | None = None,
    *,
    model: str = "m",
    lost: int | str | None = None,
) -> Any:
    """A record with these counts; `lost`: tokens of a break."""
    found = None if lost is None else {"tokens_lost": lost if isinstance(lost, int) else None}
    processed = None if prompt is None or cached is None else prompt - cached
    return {
        "model": model, "kind": "append", "break": found, "prompt_tokens": prompt,
        "cached_tokens": cached, "processed_tokens": processed, "prompt_ms": prompt_ms,
    }  # fmt: skip


class Sum(NamedTuple):
    """`expected`: members of the sums of these turns."""

    id: str
    turns: list[Any]
    expected: dict[str, Any]


SUMS = [
    Sum("nothing", [], {"ratio": None, "seconds": None, "processed": None, "breaks": 0}),
    Sum(
        "a-ratio-of-sums-and-not-an-average",
        [turn(1000, 0), turn(100, 100)],
        {"ratio": 100 / 1100, "reported": 2},
    ),
    Sum(
        "only-turns-that-reported-both",
        [turn(100, 50), turn(1000, None), turn(None, 700)],
        {"ratio": 0.5, "prompt": 100, "cached": 50, "reported": 1, "turns": 3},
    ),
    Sum(
        "at-the-turns-own-rate",
        [turn(1000, 0, 2000.0), turn(1500, 500, 1000.0)],
        {"seconds": 0.5, "borrowed": 0},
    ),
    Sum(
        "at-the-median-where-a-turn-has-no-rate",
        [turn(1000, 0, 2000.0), turn(1100, 1000)],
        {"seconds": 2.0, "borrowed": 1},
    ),
    Sum(
        "at-the-median-where-a-few-tokens-took-long",
        [turn(1000, 0, 2000.0), turn(1001, 1000, 50.0)],
        {"seconds": 2.0, "borrowed": 1},
    ),
    Sum(
        "of-the-same-model",
        [turn(1000, 0, 9000.0, model="big"), turn(1000, 0, 1000.0), turn(500, 400)],
        {"seconds": 0.4},
    ),
    Sum("no-rate-no-seconds", [turn(100, 50), turn(100, 50)], {"seconds": None, "cached": 100}),
    Sum("nothing-cached-nothing-saved", [turn(100, 0, 10.0)], {"seconds": 0, "ratio": 0}),
    Sum(
        "tokens-lost-where-told",
        [
            turn(9, 0, lost=7),
            turn(9, 0, lost="not reported"),
        ],
        {"breaks": 2, "tokensLost": 7},
    ),
]


@pytest.mark.parametrize("case", SUMS, ids=lambda case: case.id)
async def test_sums(open_page: OpenPage, case: Sum) -> None:
    sums = await call(open_page, "model", "totals", case.turns)

    assert {name: sums[name] for name in case.expected} == pytest.approx(case.expected)


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
async def test_changes(open_page: OpenPage, case: Change) -> None:
    pieces = await call(open_page, "diff", "changes", case.before, case.after)

    assert [SIGNS[piece["kind"]] + piece["text"] for piece in pieces] == case.expected


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("count", None, "–"),
        ("count", 0, "0"),
        ("count", 1234567, "1,234,567"),
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
async def test_what_people_read(open_page: OpenPage, name: str, given: Any, expected: str) -> None:
    assert await call(open_page, "format", name, given) == expected
