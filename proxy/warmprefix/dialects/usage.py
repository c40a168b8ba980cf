"""OpenAI's `usage`, which replies of more than one endpoint have."""

from collections.abc import Mapping

from warmprefix.core.types import Usage
from warmprefix.dialects.numbers import count


def read_usage(
    usage: Mapping[str, object],
    prompt: str = "prompt_tokens",
    completion: str = "completion_tokens",
) -> Usage:
    """The `usage` object (tools/server/server-task.cpp:365-372). Absent counts are None.

    `prompt` and `completion` are what the API calls the tokens of each.
    """
    details = usage.get(f"{prompt}_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    return Usage(
        prompt_tokens=count(usage.get(prompt)),
        cached_tokens=count(cached),
        completion_tokens=count(usage.get(completion)),
    )
