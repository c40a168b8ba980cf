"""Findings about one llama-server: its slots, what it can keep, and at which tokens its model can be cut."""

from collections.abc import Iterator, Sequence

from warmprefix.core.doctor.facts import Probe, ServerFacts
from warmprefix.core.doctor.finding import Finding, bad, good, note
from warmprefix.core.plural import plural

SMALL_CONTEXT_TOKENS = 16384
"""Agents' prompts begin with ten thousand tokens of instructions and tools (docs/design.md, physics)."""

LONG_PROMPT_TOKENS = 30000  # the example in docs/design.md; it shows what a rate means

AUTOMATIC_SLOTS = 4  # llama-server's choice if --parallel is not given
_PARALLEL = frozenset({"-np", "--parallel"})

_NOT_READY = {
    "loading": (
        "llama-server is still loading its model",
        "Until then it answers no other question.",
        "ask again later",
    ),
    "asleep": (
        "llama-server is asleep: it has dropped its model and all caches",
        "The next request loads the model and reads the whole prompt.",
        "start llama-server without --sleep-idle-seconds",
    ),
    "router": (
        "llama-server routes between several models",
        "Each has its own process, with its own slots, cache and template.",
        "warmprefix doctor --backend with the address of one of them",
    ),
}


def server_findings(server: ServerFacts) -> Iterator[Finding]:
    """Findings about a llama-server that answers."""
    if server.state in _NOT_READY:
        yield bad(*_NOT_READY[server.state])
    elif server.state == "ready":
        yield from _slots(server)
        yield from _pages(server)
        yield _saving(server)
        yield _ram_cache(server.arguments)
        yield from _attention(server.probe)


def _slots(server: ServerFacts) -> Iterator[Finding]:
    count, context = server.slots, server.context_tokens
    size = f" of {plural(context, 'token')}" if context else ""
    if count is None:
        yield note(
            "The number of slots is unknown", "It decides which requests can overwrite which cache."
        )
    elif count == 1:
        yield bad(
            f"One slot{size}",
            "Any other request takes the conversation's cache: a title, a summary, a second client. A copy "
            "in RAM (--cache-ram) helps only if the two prompts begin differently.",
            "llama-server --parallel 2, with twice the --ctx-size",
        )
    else:
        yield good(
            f"{count} slots{size} each",
            "A side request, for a title for example, need not take the conversation's cache.",
        )
        yield from _shared(server)
    if context is not None and context < SMALL_CONTEXT_TOKENS:
        yield note(
            f"A slot holds only {plural(context, 'token')}",
            "Agents soon fill that; then they shorten their history, and what follows the cut is read again.",
            "llama-server --ctx-size: the sum over all slots",
        )


def _shared(server: ServerFacts) -> Iterator[Finding]:
    """Without --parallel the slots share one cache, and each request clears the idle ones (llama.cpp
    server-context.cpp:2641-2656); over HTTP only their number, 4, hints at it."""
    arguments = server.arguments
    is_given = arguments is not None and any(word in _PARALLEL for word in arguments)
    if is_given or (arguments is None and server.slots != AUTOMATIC_SLOTS):
        return
    sure = "share" if arguments is not None else "may share"
    yield note(
        f"The slots {sure} one cache",
        "They do if --parallel was not given: each request then moves what idle slots hold to the cache in "
        "RAM, and llama-server brings it back by itself. warmprefix leaves the choice of a slot to it; "
        "nothing needs to change as long as the conversations fit into --cache-ram.",
    )


def _pages(server: ServerFacts) -> Iterator[Finding]:
    if server.slots_page == "off":
        yield note(
            "/slots is switched off", "Nothing shows which slot is idle.", "llama-server --slots"
        )
    if server.metrics_page == "off":
        yield note(
            "/metrics is switched off",
            "warmprefix does not need it: the counts come with each reply.",
            "llama-server --metrics, to compare them",
        )


def _saving(server: ServerFacts) -> Finding:
    if server.slot_saving == "on":
        return good("Slots can be saved to files", "A cache can outlive llama-server.")
    if server.slot_saving == "off":
        return note(
            "Slots cannot be saved to files",
            "After a restart of llama-server every prompt is read again from its beginning.",
            "llama-server --slot-save-path FOLDER",
        )
    return note("It is unknown whether slots can be saved to files", "It did not answer that.")


def _ram_cache(arguments: Sequence[str] | None) -> Finding:
    why = (
        "It takes over a slot's cache when another prompt needs the slot, and gives it back later."
    )
    if arguments is None:
        return note(
            "HTTP does not show the cache of prompts in RAM",
            f"{why} llama-server has one of 8192 MiB unless started with another --cache-ram; "
            'when it starts it logs "prompt cache is enabled" or "disabled".',
        )
    size = _value(arguments, ("-cram", "--cache-ram")) or "8192"
    if size == "0":
        return bad("The cache of prompts in RAM is switched off", why, "leave out --cache-ram 0")
    limit = "without a limit" if size == "-1" else f"of {size} MiB"
    return good(f"A cache of prompts in RAM {limit}", why)


def _value(arguments: Sequence[str], names: Sequence[str]) -> str | None:
    """The value after the last of these flags on a command line; None if none of them is there."""
    found = [at for at, word in enumerate(arguments[:-1]) if word in names]
    return arguments[found[-1] + 1] if found else None


def _attention(probe: Probe | None) -> Iterator[Finding]:
    if probe is None:
        yield note(
            "HTTP does not show whether the model can go back to any token",
            "Models with a sliding window or a recurrent state can only go back to checkpoints.",
            "warmprefix doctor --probe measures it on an idle slot",
        )
        return
    if probe.cached is None:
        yield note("Nothing was measured", probe.problem)
        return
    if probe.cached >= probe.shared - 1:
        yield good(
            f"The model can go back to any token: {probe.cached} of {probe.shared} were reused",
            "After a change, only what follows it is read again.",
        )
    else:
        yield bad(
            f"The model cannot go back to any token: {probe.cached} of {probe.shared} were reused",
            "It has a sliding window or a recurrent state. A change costs everything since the last checkpoint "
            "before it, so histories must only grow; warmprefix sees to that.",
            "with a sliding window: llama-server --swa-full, which takes more memory",
        )
    if probe.rate:
        takes_s = LONG_PROMPT_TOKENS / probe.rate
        yield note(
            f"It reads {plural(probe.rate, 'token')} a second",
            f"{plural(LONG_PROMPT_TOKENS, 'token')} that are not cached take {takes_s:,.{takes_s < 10:d}f} s.",
        )
