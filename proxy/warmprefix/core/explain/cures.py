"""Which hint cures which break: our own settings first, then the client's, then the backend's flags."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from warmprefix.core.explain.hint import (
    Hint,
    InForce,
    enable,
    flag,
    no_longer_disable,
    nothing,
    of_client,
    set_value,
)
from warmprefix.core.rules.memory_rules import (
    FREEZE_TOOL_DESCRIPTIONS,
    FREEZE_VOLATILE,
    MOVE_VOLATILE,
    RESTORE_TRANSIENT_BLOCKS,
)

REUSE_TOKENS = 256
"""The chunk size that is recommended for --cache-reuse: shorter pieces match by accident."""

VOLATILE = frozenset({"clock", "date", "counter", "id", "model-name"})
_PUT_BACK = frozenset({"whitespace", "arguments", "reasoning", "tool-order", "id"})
"""Causes that the ledger cures, unless it only observes."""

_BY_DEFAULT: Mapping[str, tuple[str, ...]] = {
    "whitespace": ("edge-whitespace", "user-edge-newlines"),
    "edit": ("billing-line", "tool-result-order", "tool-result-name"),
    "tool-schema": ("tool-key-order", "tool-marks"),
    "transient-block": ("part-marks",),
}
"""Rules that are on unless they are disabled, by a cause that they take away."""


@dataclass(frozen=True, slots=True)
class Broken:
    """What of a break decides about its hint.

    `near`: the text around the change. `is_volatile`: it lies in text that changes by itself. `acts`: a rule
    knows that text; False too if no rule may touch it. `is_opening`: it stands before the first reply;
    `is_block`: all that is missing are blocks that a rule knows; `is_description`: tools differ in nothing but
    descriptions. `lost`: tokens evaluated again; `undone`: how many of them the rule would save that undoes
    what the client changed; `shifted`: how many are chunks of the same text at another position. `own`: the
    name under which the user's settings know the text; `is_branch`: another branch of the conversation did it;
    `is_changed`: the client has changed its history besides.
    """

    cause: str
    side: str
    near: str = ""
    is_volatile: bool = False
    acts: bool = True
    is_opening: bool = True
    is_block: bool = True
    is_description: bool = False
    lost: int | None = None
    undone: int | None = None
    shifted: int | None = None
    own: str = ""
    is_branch: bool = False
    is_changed: bool = False


def hint_of(broken: Broken, force: InForce) -> Hint:
    """What to do about a break."""
    if broken.side == "template" and broken.cause != "invitation":
        return nothing(_NOTHING["template"])
    for cure in (_our_own, _observed, _rule, _reasoning, _client, _shift, _flags):
        found = cure(broken, force)
        if found is not None:
            return found if found.saves_tokens is not None else _saving(found, broken)
    if broken.own:
        return nothing(f"the settings know this text ({broken.own}), but {_OWN}")
    if broken.is_volatile:
        return nothing(_BEHIND if broken.acts and not broken.is_opening else _NOTHING["volatile"])
    return nothing(_NOTHING.get(broken.cause, _NOTHING["unknown"]))


def _saving(found: Hint, broken: Broken) -> Hint:
    return replace(found, saves_tokens=broken.lost) if found.where != "none" else found


def _our_own(broken: Broken, force: InForce) -> Hint | None:
    del force
    return _OURS.get(broken.cause) if broken.side == "proxy" else None


def _observed(broken: Broken, force: InForce) -> Hint | None:
    if not force.is_observed or broken.side != "client":
        return None
    if broken.own:
        return _not_observed(f"the settings know this text ({broken.own})")
    on = next((rule for rule in _opt_ins(broken) if force.is_on(rule)), None)
    if on is not None:
        return _not_observed(f"{on} is on")
    if broken.cause not in _PUT_BACK or broken.is_volatile or not broken.acts:
        return None
    return _not_observed("the ledger puts back what was generated or sent first")


def _not_observed(what: str) -> Hint:
    return Hint(
        "setting",
        f"{what}; with --observe the proxy only looks on",
        paste="warmprefix serve",
        place="the command line, without --observe",
    )


def _opt_ins(broken: Broken) -> tuple[str, ...]:
    """The opt-in rules that take such a break away."""
    if broken.is_volatile and broken.acts and broken.is_opening:
        return FREEZE_VOLATILE.name, MOVE_VOLATILE.name
    if broken.cause == "transient-block" and broken.is_block:
        return (RESTORE_TRANSIENT_BLOCKS.name,)
    if broken.cause == "tool-schema" and broken.is_description:
        return (FREEZE_TOOL_DESCRIPTIONS.name,)
    return ()


def _rule(broken: Broken, force: InForce) -> Hint | None:
    names = () if broken.own else _opt_ins(broken)
    if names and not any(force.is_on(name) for name in names):
        return replace(_opt_in(names[0], force, _PRICES[names[0]]), saves_tokens=broken.undone)
    for name in _BY_DEFAULT.get(broken.cause, ()) if broken.acts else ():
        if force.disabled(name):
            return no_longer_disable(name, force, f"the rule {name} is switched off")
    return None


def _opt_in(rule: str, force: InForce, text: str) -> Hint:
    if force.disabled(rule):
        return no_longer_disable(rule, force, text)
    return enable(rule, force, text)


def _reasoning(broken: Broken, force: InForce) -> Hint | None:
    if broken.cause != "reasoning" or broken.side != "client":
        return None
    if force.restore_reasoning == "never":
        return set_value("memory.restore_reasoning", "auto", "puts back what the client dropped")
    if force.restore_reasoning == "auto" and force.able.prints_reasoning is None:
        text = "puts back what the client dropped; the template could not be asked if it prints it"
        return set_value("memory.restore_reasoning", "always", text)
    return None


def _client(broken: Broken, force: InForce) -> Hint | None:
    if broken.side != "client":
        return None
    for setting in force.client_settings:
        is_seen = setting.pattern is None or setting.pattern.search(broken.near)
        if broken.cause in setting.cures and is_seen:
            return of_client(setting)
    return None


def _shift(broken: Broken, force: InForce) -> Hint | None:
    """The flag that lets llama-server use the same text at another position (server-context.cpp)."""
    if (broken.shifted or 0) < REUSE_TOKENS or force.able.can_shift is False:
        return None
    text = (
        "llama-server then shifts what comes behind the missing part instead of reading it again. The price: "
        "the shifted values are approximate. It does nothing for models with a sliding window or a recurrent "
        "state, and with --mmproj"
    )
    return replace(flag(f"--cache-reuse {REUSE_TOKENS}", text), saves_tokens=broken.shifted)


def _flags(broken: Broken, force: InForce) -> Hint | None:
    make = _FLAGS.get(broken.cause)
    return (
        make(broken, force) if make is not None and broken.side in ("backend", "client") else None
    )


def _evicted(broken: Broken, force: InForce) -> Hint | None:
    del broken
    if force.able.has_ram is False:
        return flag("--cache-ram 8192", "what leaves a slot is kept in RAM (8 GiB) and comes back")
    if force.able.slots:
        text = "one slot more, so that this conversation keeps its own; raise --ctx-size with it"
        return flag(f"--parallel {force.able.slots + 1}", text)
    return flag("--parallel 4", "each slot holds one conversation; raise --ctx-size with it")


def _cut(broken: Broken, force: InForce) -> Hint | None:
    if not broken.is_branch or force.keeps_branches:
        return None
    how = "is saved before it is cut" if force.able.saves else "stays in a slot of its own"
    price = (
        "every edit is saved too"
        if force.able.saves
        else "each branch and each edit reads what they share once more; with --slot-save-path nothing is read"
    )
    text = f"a branch that is left {how}, so going back to it is cheap; {price}"
    return set_value("slots.separate_branches", True, text)


def _restarted(broken: Broken, force: InForce) -> Hint | None:
    if broken.is_changed:
        return nothing(_CHANGED)
    if force.able.saves:
        return None
    text = (
        "a slot is saved there once it has been idle for slots.save_idle_s, and outlives a restart; the folder "
        "must exist"
    )
    return flag("--slot-save-path FOLDER", text)


def _checkpoint(broken: Broken, force: InForce) -> Hint | None:
    del broken, force
    text = (
        "keeps the whole window of a sliding-window model, for more memory; "
        "a recurrent model always goes back to a checkpoint"
    )
    return flag("--swa-full", text)


def _model_switch(broken: Broken, force: InForce) -> Hint | None:
    del broken
    text = "both models stay loaded, each with its own cache, if there is memory for both"
    if force.able.kind == "lemonade":
        command = "lemonade config set max_loaded_models=2"
        return flag(command, text, place="a shell on the machine of Lemonade")
    return flag("--models-max 2", text, place="the command line of the llama-server that routes")


def _no_cache(broken: Broken, force: InForce) -> Hint | None:
    del broken, force
    text = "the request forbids reuse with cache_prompt: false"
    return Hint("client", text, paste='"cache_prompt": true', place="the body of the request")


_FLAGS: Mapping[str, Callable[[Broken, InForce], Hint | None]] = {
    "evicted": _evicted,
    "cut": _cut,
    "restarted": _restarted,
    "not-held": _restarted,
    "checkpoint": _checkpoint,
    "model-switch": _model_switch,
    "no-cache": _no_cache,
}
_OURS: Mapping[str, Hint] = {
    "slot-choice": set_value(
        "slots.pin",
        "off",
        "the server then chooses; the proxy stands down by itself if this goes on",
    ),
    "slot-restore": set_value(
        "slots.save",
        "off",
        "no slot is restored then; the proxy stands down by itself if this goes on",
    ),
}
_FREEZES = (
    "the value first seen in a conversation is kept, so the model reads an old one; "
    "move-volatile says the current one in the newest turn instead"
)
_RESTORES = "the block is put back where it was sent, so the model goes on reading it"
_DESCRIBES = "the descriptions first seen in a conversation are kept, so the model reads old ones"
_PRICES: Mapping[str, str] = {
    FREEZE_VOLATILE.name: _FREEZES,
    RESTORE_TRANSIENT_BLOCKS.name: _RESTORES,
    FREEZE_TOOL_DESCRIPTIONS.name: _DESCRIBES,
}
_OWN = (
    "text is kept only in front of a conversation's first reply, and a block is put back only in front of the "
    "reply that was given to it"
)
_BEHIND = (
    "rules act on such text only in front of the first reply, so only the client can stop it from changing, or "
    "move it behind the history"
)
_CHANGED = (
    "a slot is restored from a file only if a prompt goes on from all of it, and the client has changed "
    "this one"
)
_NOTHING: Mapping[str, str] = {
    "volatile": "no rule knows this text, so only the client can stop it from changing, or move it behind the "
    "history",
    "own-text": "the settings know this text",
    "whitespace": "the client changes white space inside a text, which is never touched",
    "id": "the call was not recognised as one that is remembered",
    "arguments": "the call was not recognised as one that is remembered",
    "reasoning": "the template prints the reasoning of these turns differently in any case",
    "transient-block": "what was sent is gone, and the backend cannot shift its cache over the gap",
    "tool-order": "the tools were not recognised as those of the turn before",
    "tool-schema": "the client describes a tool differently, and the model has to read that",
    "tool-set": "the client offers other tools, and the model has to read them",
    "template-option": "the client asks the template for something else, and it is printed",
    "edit": "the client sends another text here, and the model has to read it",
    "window": "the oldest messages are gone, and the backend cannot shift its cache over the gap",
    "compaction": "the client has shortened its history, and the model has to read the new one",
    "restarted": "the conversation was not saved before the backend ended",
    "not-held": "the conversation was not saved before the backend lost it",
    "cut": "the server took its slot for a prompt that shares half of it or more, and keeps no copy of what it "
    "cuts then",
    "other-backend": "backend_reason in the log says why the conversation moved",
    "invitation": "the template ends a prompt with words that it leaves out of the history, so each reply is "
    "read once more",
    "template": "the chat template rewrites its own history when a new user message arrives",
    "restored": "the proxy has put back bytes that the backend no longer held; if that goes on, it stops",
    "unknown": "neither the prompts nor the backend show the cause; perhaps something asks the backend without "
    "this proxy. warmprefix doctor asks it more",
}
CAUSES = frozenset({*_NOTHING, *_FLAGS, *_OURS, *VOLATILE} - {"volatile", "template"})
"""Every cause that a break can have."""
