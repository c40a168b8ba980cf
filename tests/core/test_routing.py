"""The backend of a request, as a table of situations."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmprefix.core.routing import BackendView, Route, route

A, B, C = BackendView("a"), BackendView("b"), BackendView("c")
CODER, WRITER = BackendView("coder", models=("code",)), BackendView("writer", models=("text",))


def down(view: BackendView) -> BackendView:
    return replace(view, is_healthy=False)


def draining(view: BackendView) -> BackendView:
    return replace(view, is_draining=True)


def busy(view: BackendView, running: int, weight: float = 1.0) -> BackendView:
    return replace(view, running=running, weight=weight)


@dataclass(frozen=True)
class Case:
    id: str
    backends: tuple[BackendView, ...]
    backend: str | None
    reason: str = ""
    model: str | None = "any"
    home: str | None = None
    tried: frozenset[str] = field(default_factory=frozenset)


CASES = (
    Case("one", (A,), "a", "the only one"),
    Case("one-that-is-down", (down(A),), "a", "the only one"),
    Case("one-that-was-tried", (A,), None, tried=frozenset("a")),
    Case("new-and-all-idle", (A, B), "a", "least loaded"),
    Case("new-to-the-least-loaded", (busy(A, 1), B), "b", "least loaded"),
    Case("ties-in-order", (busy(A, 2), busy(B, 1), busy(C, 1)), "b", "least loaded"),
    Case("by-weight", (busy(A, 2, 4.0), busy(B, 1)), "a", "least loaded"),
    Case("by-weight-when-full", (busy(A, 5, 4.0), busy(B, 1)), "b", "least loaded"),
    Case("stays", (A, busy(B, 9)), "b", "holds this conversation", home="b"),
    Case(
        "home-is-down",
        (A, down(B)),
        "a",
        "least loaded; b held this conversation and is down",
        home="b",
    ),
    Case(
        "home-was-tried",
        (A, B),
        "b",
        "least loaded; a held this conversation and is down",
        home="a",
        tried=frozenset("a"),
    ),
    Case("home-is-gone-from-the-settings", (A, B), "a", "least loaded", home="old"),
    Case("draining-gets-nothing-new", (draining(A), busy(B, 9)), "b", "least loaded"),
    Case(
        "draining-keeps-what-it-holds", (draining(A), B), "a", "holds this conversation", home="a"
    ),
    Case("all-are-draining", (draining(A), draining(B)), "a", "least loaded"),
    Case("draining-before-down", (down(A), draining(B)), "b", "least loaded"),
    Case("down-is-passed-over", (down(A), B), "b", "least loaded"),
    Case("all-down", (down(A), down(B)), "a", "none is healthy"),
    Case(
        "all-down-and-one-tried", (down(A), down(B)), "b", "none is healthy", tried=frozenset("a")
    ),
    Case("all-tried", (A, B), None, tried=frozenset("ab")),
    Case("tried", (A, B), "b", "least loaded; a could not be reached", tried=frozenset("a")),
    Case("by-model", (CODER, WRITER), "writer", "least loaded", model="text"),
    Case("a-list-beside-any", (CODER, A), "a", "least loaded", model="text"),
    Case("listed-and-any-are-alike", (CODER, A), "coder", "least loaded", model="code"),
    Case("no-model-goes-anywhere", (CODER, WRITER), "coder", "least loaded", model=None),
    Case(
        "nobody-serves-it",
        (CODER, WRITER),
        "coder",
        "least loaded; none serves this model by name",
        model="other",
    ),
    Case("nobody-left-serves-it", (CODER, WRITER), None, model="code", tried=frozenset({"coder"})),
    Case("not-to-another-model", (down(CODER), WRITER), "coder", "none is healthy", model="code"),
    Case(
        "another-model",
        (CODER, WRITER),
        "writer",
        "least loaded; coder holds this conversation and does not serve this model",
        model="text",
        home="coder",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_backend_of_a_request(case: Case) -> None:
    chosen = route(case.model, case.home, case.backends, case.tried)

    assert chosen == (None if case.backend is None else Route(case.backend, case.reason))


names = st.sampled_from("abcd")
views = st.builds(
    BackendView,
    name=names,
    models=st.sampled_from([(), ("x",), ("y",), ("x", "y")]),
    weight=st.sampled_from([0.5, 1.0, 2.0]),
    is_healthy=st.booleans(),
    running=st.integers(0, 3),
)


@given(
    st.lists(views, min_size=1, max_size=4, unique_by=lambda view: view.name),
    st.sampled_from(["x", "y", "z", None]),
    st.one_of(st.none(), names),
)
def test_every_backend_that_may_answer_is_tried_once(
    backends: list[BackendView], model: str | None, home: str | None
) -> None:
    tried: list[str] = []
    while chosen := route(model, home, backends, tried):
        assert chosen.backend not in tried
        tried.append(chosen.backend)

    assert tried
    assert len(tried) == (sum(view.serves(model) for view in backends) or len(backends))
