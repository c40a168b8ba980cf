"""The causes and sides of a cache break in words, for the command line and the dashboard."""

from collections.abc import Mapping

CAUSES: Mapping[str, str] = {
    "clock": "a clock in the prompt shows another time",
    "date": "a date in the prompt has changed",
    "counter": "a counter in the prompt has changed",
    "id": "an id in the prompt has changed",
    "own-text": "text that the settings name has changed",
    "whitespace": "the same words with different blanks or line ends",
    "arguments": "the same tool arguments, written differently as JSON",
    "reasoning": "the reasoning of an earlier reply was dropped or rewritten",
    "transient-block": "a block or message that was only in the newest turn is gone from its place",
    "tool-order": "the same tools in a different order",
    "tool-schema": "the definition of a tool changed",
    "tool-set": "not the same tools as in the turn before",
    "template-option": "an option changed that the chat template prints",
    "edit": "the client sent another text at this place",
    "window": "the oldest messages are gone: the client sends only the newest",
    "model-name": "the prompt names another model",
    "compaction": "the client shortened its history",
    "evicted": "the prompt continued, but other conversations had taken its place in the cache",
    "cut": "the prompt continued, but another branch of it, or one that begins like it, had cut it in its slot",
    "restarted": "the backend was restarted or has slept: its cache is empty",
    "checkpoint": "the model cannot cut its cache at any token, and fell back to an earlier checkpoint",
    "not-held": "the prompt continued one from before this proxy was started, which the backend lost meanwhile",
    "invitation": "the chat template ends a prompt with words that it leaves out of the history",
    "slot-choice": "the slot that the proxy asked for no longer held this conversation",
    "slot-restore": "the slot that the proxy restored from its file was of no use",
    "restored": "the proxy put back bytes that the backend did not hold",
    "model-switch": "another model answered",
    "other-backend": "the conversation moved to another backend, which had not read it",
    "no-cache": "the request said cache_prompt: false",
    "unknown": "unknown: neither the prompts nor the backend show it",
}
"""Every cause of cures.py."""

SIDES: Mapping[str, str] = {
    "client": "the client, which sent a different prompt",
    "backend": "the backend",
    "proxy": "warmprefix itself",
    "template": "the model's chat template, which renders the same messages differently",
    "unknown": "unknown",
}
"""Who changed it."""
