"""What differs between two runs of one request, and what a proxy may change of an answer: all of it is here."""

import re

IDS = frozenset({"id", "item_id", "response_id", "call_id"})
"""Members whose text is drawn at random: `chatcmpl-` and 32 letters and digits, `resp_`, `call_` and the like,
or nothing before them (tools/server/server-common.cpp, gen_chatcmplid). Compared by their prefix, their length,
and by which of them are the same. The same name with a number is a token or a slot, compared by value."""

RANDOM_ID = re.compile(r"^(?P<prefix>(?:[a-z]+[-_])?)(?P<random>[0-9A-Za-z]{32})$")

NUMBERS: tuple[tuple[str, str], ...] = (
    ("created", "the clock, in seconds"),
    ("created_at", "the clock, in seconds"),
    ("completed_at", "the clock, in seconds"),
    ("id_task", "counts every task since the start, questions included"),
    (r"(?:\w+_)?ms", "a measured duration"),
    (r"\w+_per_second", "a measured rate"),
)
"""Members whose number is compared by presence and type; the first of each pair is a pattern."""

METRICS: tuple[tuple[str, str], ...] = (
    (r"llamacpp:\w+_seconds_total", "a measured duration"),
    (r"llamacpp:\w+_tokens_seconds", "a measured rate"),
)
"""Lines of `/metrics` whose number is compared by presence and type."""

IS_NUMBER_OF_CHANCE = re.compile("|".join(name for name, _ in NUMBERS))
IS_METRIC_OF_CHANCE = re.compile("|".join(name for name, _ in METRICS))

CONNECTION_HEADERS = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Said by one connection, not by the message (RFC 9110, 7.6.1): each side has its own."""

MAY_BE_ADDED = frozenset({"date"})
"""A recipient with a clock may add it where it is missing (RFC 9110, 6.6.1)."""

STARTED = "process-start-time-unix"
"""Header of `/metrics`: when the server started, which is another moment for each side where it starts anew."""

OWN_LENGTH = "content-length"
"""Framing (RFC 9112, 6): its digits follow the body, in which measured times are longer or shorter. It must be
there on both sides or on neither, and be the length of its own body."""
