"""One request body in canonical form, with what each rule did to it. For people, not for the path."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from warmprefix.core.canonical import Canonicalizer, choose_rules
from warmprefix.core.explain.difference import message_path
from warmprefix.core.messages import written
from warmprefix.core.rules.base import Rule
from warmprefix.core.types import Prompt, RawJson
from warmprefix.core.wire.slices import compact
from warmprefix.dialects import DIALECTS
from warmprefix.dialects.base import Dialect, NoMemory


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
) -> CanonicalBody:
    """The canonical form of a request. Raises NotUnderstood, and what a rule raises."""
    request = dialect.parse(body, NoMemory(dialect))
    prompt = request.prompt
    steps: list[Step] = []
    for rule in choose_rules(enable, disable):
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
        texts = (old_raw.decode(errors="replace"), new_raw.decode(errors="replace"))
        yield Step(rule.name, rule.risk.value, rule.why, path, *texts)
