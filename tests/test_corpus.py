"""The corpus of pairs, without memory: what must become one, and what must stay two."""

import pytest

from tests.corpus_pairs import PAIRS, Pair
from warmprefix.dialects.canonical_body import canonicalize_body

STATELESS = [pair for pair in PAIRS if pair.expect != "restore"]


@pytest.mark.parametrize("pair", STATELESS, ids=lambda pair: pair.id)
def test_a_pair_has_one_canonical_form_or_two(pair: Pair) -> None:
    """`equal` becomes the same bytes, tools included; `distinct` and `opt_in` never do by default."""
    one, other = (canonicalize_body(body).body for body in pair.bodies)

    assert (one == other) is (pair.expect == "equal")


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.id)
def test_a_canonical_form_is_its_own(pair: Pair) -> None:
    for body in pair.bodies:
        canonical = canonicalize_body(body).body

        assert canonicalize_body(canonical).body == canonical


def test_every_line_says_where_it_comes_from() -> None:
    assert len({pair.id for pair in PAIRS}) == len(PAIRS)
    assert all(pair.source for pair in PAIRS)
    assert {pair.expect for pair in PAIRS} == {"equal", "distinct", "opt_in", "restore"}
