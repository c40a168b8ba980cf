"""One request body in canonical form, with what each rule did to it. For people, not for the path."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from warmprefix.core.canonical import Canonicalizer, choose_rules
from warmprefix.core.explain.difference import message_path
from warmprefix.core.messages import written
from warmprefix.core.rules.base import Rule
from warmprefix.core.types import Prompt, RawJson, Risk
from warmprefix.core.wire.slices import compact, elements
from warmprefix.dialects import DIALECTS
from warmprefix.dialects.base import Dialect, NoMemory, Request
from warmprefix.dialects.messages.dialect import RESULTS_FIRST

_READ_AS = {
    RESULTS_FIRST: "llama-server would show what stands behind tool results in a message in front of them."
}
"""Why a dialect reads something in another form than it came in."""


@dataclass(frozen=True, slots=True)
class Step:
    """One change of one rule. `before` and `after` are JSON; empty where there was or is nothing."""

    rule: str
    risk: str
    why: str
    path: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class CanonicalBody:
    """`body`: every message written by us, so equal prompts are equal bytes."""

    body: bytes
    steps: tuple[Step, ...]


def canonicalize_body(
    body: bytes,
    *,
    enable: Sequence[str] = (),
    disable: Sequence[str] = (),
    dialect: Dialect = DIALECTS[0],
    rules: Callable[[Request], Sequence[Rule]] | None = None,
) -> CanonicalBody:
    """The canonical form of a request. Raises NotUnderstood, and what a rule raises.

    `rules`: those for a request, instead of the ones that are on by default, `enable` and `disable`.
    """
    request = dialect.parse(body, NoMemory(dialect))
    prompt = request.prompt
    steps = [*_read_steps(request)]
    for rule in choose_rules(enable, disable) if rules is None else rules(request):
        after = Canonicalizer((rule,), _raise).run(prompt).prompt
        if after is not prompt:
            steps += _steps(rule, prompt, after)
            prompt = after
    tools = prompt.tools and tuple(
        replace(tool, definition=RawJson(compact(tool.definition))) for tool in prompt.tools
    )
    anew = tuple(
        message if message.opaque else replace(message, raw=None) for message in prompt.messages
    )
    return CanonicalBody(
        dialect.render(request, replace(prompt, messages=anew, tools=tools)),
        tuple(steps),
    )


def _raise(rule: str, error: Exception) -> None:
    """A person wants to know of it; on the path of a request the rule is skipped."""
    error.add_note(f"rule {rule}")
    raise error


def _read_steps(request: Request) -> Iterator[Step]:
    """What the dialect has read as several messages, each with its element of the array."""
    inside = [message for message in request.prompt.messages if not message.is_outside]
    for name in request.read_as:
        shape = inside[0].shape
        assert shape is not None  # it was parsed
        array = shape.names.array
        raws = [
            request.body[slice(*span)] for span in elements(request.body, request.members[array][0])
        ]
        left = iter(inside)
        for number, raw in enumerate(raws):
            if (first := written(next(left))) != raw:
                after = b",".join((first, written(next(left))))
                yield _step(name, Risk.NEUTRAL, _READ_AS[name], f"{array}[{number}]", raw, after)


def _step(rule: str, risk: Risk, why: str, path: str, before: bytes, after: bytes) -> Step:
    texts = (before.decode(errors="replace"), after.decode(errors="replace"))
    return Step(rule, risk.value, why, path, *texts)


def _steps(rule: Rule, before: Prompt, after: Prompt) -> Iterator[Step]:
    places = [
        (message_path(before.messages, at), written(old), written(new))
        for at, (old, new) in enumerate(zip(before.messages, after.messages, strict=True))
        if old is not new
    ]
    tools = zip(before.tools or (), after.tools or (), strict=False)
    places += [
        (f"tools[{at}]", old.definition, new.definition)
        for at, (old, new) in enumerate(tools)
        if old is not new
    ]
    if before.tools is not None and after.tools is None:
        places.append(("tools", RawJson(b"[]"), RawJson(b"")))
    for path, old_raw, new_raw in places:
        if old_raw != new_raw:  # else only our own reading of it differs
            yield _step(rule.name, rule.risk, rule.why, path, old_raw, new_raw)
