"""What `/slots` of a llama-server says, slot by slot."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SlotState:
    """One slot at the moment of the answer. Source: server-context.cpp, `server_slot::to_json`.

    `tokens`: those of its prompt and reply without the last one; 0 if the slot was cleared. None if no request
    has begun or ended in it since the server started or woke up: it is empty, unless a file was restored into
    it since. The same goes for the other counts, which are those of the running task, or of the last one.
    """

    id: int
    is_busy: bool
    tokens: int | None
    task: int | None
    processed: int | None
    cached: int | None

    @property
    def is_unused(self) -> bool:
        """Whether no request has run in it since the server started or woke up."""
        return self.task is None and self.tokens is None


def slot_states(value: object) -> tuple[SlotState, ...]:
    """The slots in an answer, numbered from 0 in its order; () if any of them is not understood."""
    states = [_state(slot) for slot in value] if isinstance(value, list) else []
    understood = tuple(state for state in states if state is not None)
    is_counted = [state.id for state in understood] == list(range(len(states)))
    return understood if is_counted else ()


def _state(slot: object) -> SlotState | None:
    if not isinstance(slot, dict):
        return None
    number, is_busy = _count(slot, "id"), slot.get("is_processing")
    if number is None or not isinstance(is_busy, bool):
        return None
    tokens, task = _count(slot, "n_prompt_tokens"), _count(slot, "id_task")
    if task is not None and tokens is None:
        return None  # an older build: it was used, but how much it holds is not reported
    processed, cached = (
        _count(slot, name) for name in ("n_prompt_tokens_processed", "n_prompt_tokens_cache")
    )
    return SlotState(number, is_busy, tokens, task, processed, cached)


def _count(slot: dict[str, object], name: str) -> int | None:
    """A number that counts from 0; older builds write -1 for none."""
    value = slot.get(name)
    return value if type(value) is int and value >= 0 else None
