"""smolagents (captured with 1.26)."""

from warmprefix.profiles.base import Profile

_LAST_ANSWER = "An agent tried to answer a user query but it got stuck"

PROFILE = Profile(
    "smolagents",
    system_starts=(
        "You are an expert assistant who can solve any task using tool calls",
        _LAST_ANSWER,
    ),
    side_starts=(_LAST_ANSWER,),
    recommended=("smolagents:restore-written-calls",),
)
