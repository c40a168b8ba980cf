"""Where the proxy answers otherwise than llama-server, and why. A case names its row; no other may differ."""

from dataclasses import dataclass

HEAD = frozenset({"status", "reason"})


@dataclass(frozen=True)
class Design:
    """`why` they differ, and patterns of the fields that do: every one of them, and no other."""

    why: str
    differs: frozenset[str]


BY_DESIGN: dict[str, Design] = {
    "null of a text": Design(
        "llama-server answers 500 where a name, a tool_call_id or a reasoning_content is null; the rule "
        "null-fields leaves it out, which says the same",
        HEAD | {r"body\.\(members\)"},
    ),
    "neutral rule": Design(
        "a rule of the class neutral writes the same information in other bytes, so that the cache is "
        "found again: other tokens are read",
        frozenset(
            {
                r"body\.__verbose\.prompt",
                r"body\.(usage|timings|__verbose|__verbose\.timings)\.\w+",
            }
        ),
    ),
    "neutral rule of messages": Design(
        "results go out in the order of their calls, and what stands behind them in a message of its own: "
        "the same is said in another order, so another text is generated",
        frozenset({r"body\.content\.0\.text"}),
    ),
    "prompt too long": Design(
        "a prompt that is too long is reported in Anthropic's words on /v1/messages, with llama-server's "
        "numbers, so that a client shortens it",
        frozenset(
            {r"body\.\(members\)", r"body\.error\.\(members\)", r"body\.error\.(type|message)"}
        ),
    ),
    "own pages": Design(
        "everything under /warmprefix/ is answered by the proxy itself",
        HEAD | {r"header names", r"body\.\(members\)"},
    ),
    "own key": Design(
        "with server.api_key the proxy asks for its key before the backend sees anything",
        HEAD | {r"header names", r"body\.\(members\)"},
    ),
    "own limit": Design(
        "a chat of more than server.max_body_bytes is refused, for it would have to be held in memory",
        HEAD | {r"header names", r"body\.\(members\)"},
    ),
    "several backends": Design(
        "the list of models is made of the lists of all backends, in OpenAI's form",
        frozenset({r"header names", r"body\.\(members\)"}),
    ),
}
