"""aider (captured with 0.86.2; the texts of its housekeeping are those of aider/prompts.py)."""

from warmprefix.profiles.base import Profile

_COMMIT = (
    "You are an expert software engineer that generates concise, one-line Git commit messages",
    "You are an expert software engineer.\nReview the provided context and diffs which are about to",
)
_SUMMARY = "*Briefly* summarize this partial conversation about programming."

PROFILE = Profile(
    "aider",
    system_starts=(
        "Act as an expert software developer.\n",
        "Act as an expert code analyst.\n",
        "Act as an expert architect engineer",
        *_COMMIT,
        _SUMMARY,
    ),
    side_starts=(*_COMMIT, _SUMMARY),
    recommended=("aider:restore-transient-blocks",),
)
