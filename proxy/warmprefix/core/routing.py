"""Which of several backends a request should go to: a pure decision on what is known of each.

A prompt that one backend has read is cold on every other, so a conversation stays on its backend as long as it
can. Only new conversations, and those that cannot stay, are distributed.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BackendView:
    """What is known of one backend. `models`: the names it serves, empty if it serves any; `weight`: its
    capacity compared with the others; `running`: requests that it is answering now; `is_draining`: it keeps the
    conversations that it holds and gets no new ones."""

    name: str
    models: tuple[str, ...] = ()
    weight: float = 1.0
    is_healthy: bool = True
    running: int = 0
    is_draining: bool = False

    def serves(self, model: str | None) -> bool:
        """Whether a request for the model may go to this backend."""
        return not self.models or model is None or model in self.models


@dataclass(frozen=True, slots=True)
class Route:
    """The backend to ask, and why that one."""

    backend: str
    reason: str


def route(
    model: str | None,
    home: str | None,
    backends: Sequence[BackendView],
    tried: Collection[str] = (),
) -> Route | None:
    """The backend for a request; None if each that could answer was tried.

    `home` holds the conversation, None if no backend does; `tried` could not be reached by this request.
    If no backend serves the model, any of them may get the request, and its own error reaches the client. If
    none that serves it is healthy, one is tried all the same: it may have come back.
    """
    serving = [view for view in backends if view.serves(model)]
    able = [view for view in serving or backends if view.name not in tried]
    if not able:
        return None
    if len(backends) == 1:
        return Route(able[0].name, "the only one")
    healthy = [view for view in able if view.is_healthy]
    if any(view.name == home for view in healthy):
        return Route(str(home), "holds this conversation")
    open_ones = [view for view in healthy if not view.is_draining]
    chosen = min(open_ones or healthy or able, key=lambda view: view.running / view.weight)
    return Route(chosen.name, _why(home, backends, tried, healthy=healthy, serving=serving))


def _why(
    home: str | None,
    backends: Sequence[BackendView],
    tried: Collection[str],
    *,
    healthy: Sequence[BackendView],
    serving: Sequence[BackendView],
) -> str:
    left = next((view for view in backends if view.name == home), None)
    if not healthy:
        return "none is healthy"
    if left is not None and (left.name in tried or not left.is_healthy):
        return f"least loaded; {left.name} held this conversation and is down"
    if left is not None:
        return f"least loaded; {left.name} holds this conversation and does not serve this model"
    if tried:
        return f"least loaded; {', '.join(sorted(tried))} could not be reached"
    return "least loaded" if serving else "least loaded; none serves this model by name"
