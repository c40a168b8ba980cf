"""The laws of warmprefix/core/rules/base.py, for every rule, over random prompts and the corpus."""

from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given, settings

from tests.core.rules.noise import NOISE, noisy
from tests.core.rules.table import same, written_prompt
from tests.corpus_pairs import PAIRS
from tests.strategies import Json, conversations, prompt_of, prompts, tool_lists
from warmprefix.core.canonical import features_of, features_of_prompt
from warmprefix.core.messages import parts_of, written
from warmprefix.core.rules import RULES
from warmprefix.core.rules.base import Rule
from warmprefix.core.types import Message, Prompt, RawJson, Tool
from warmprefix.dialects.base import NoMemory
from warmprefix.dialects.messages import MESSAGES

all_rules = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
examples = settings(max_examples=60)

CORPUS = [prompt_of(*side) for p in PAIRS for side in ((p.a, p.a_tools), (p.b, p.b_tools))]

# As Claude Code sends it: instructions outside, marks, thoughts, calls and results as blocks.
_BODY = b"""{
 "system": [{"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.197.e5b;"},
            {"type": "text", "text": "You are Claude. ", "cache_control": {"type": "ephemeral"}}],
 "tools": [{"input_schema": {"type": "object"}, "name": "Edit", "cache_control": {}, "description": "E"}],
 "messages": [
  {"role": "user", "content": [{"type": "text", "text": "Edit it.\\n"}]},
  {"role": "system", "content": " A reminder. "},
  {"role": "assistant", "content": [{"type": "thinking", "thinking": " ", "signature": ""},
    {"type": "text", "text": " So. "},
    {"cache_control": {}, "type": "tool_use", "id": "a", "name": "Edit", "input": {"b": 1e1, "a": null}},
    {"type": "tool_use", "id": "b", "name": "Edit", "input": {}}]},
  {"content": [{"type": "tool_result", "tool_use_id": "b", "is_error": true, "content": "no"},
    {"type": "tool_result", "tool_use_id": "a", "cache_control": {},
     "content": [{"type": "text", "text": "yes", "cache_control": {}}]},
    {"type": "text", "text": "Go on.", "cache_control": {}}], "role": "user", "id": null},
  {"role": "assistant", "content": []},
  {"role": "user", "content": ""}, 5]}"""
CORPUS.append(MESSAGES.parse(_BODY, NoMemory(MESSAGES)).prompt)

# The fields of a message that a rule may change; "name" of a call is none of them.
MAY_CHANGE = {
    "null-fields": {"extra", "keys"},
    "unknown-fields": {"extra", "keys", "tool_calls"},
    "empty-tool-calls": {"extra", "keys"},
    "blank-reasoning": {"reasoning", "keys"},
    "part-marks": {"content", "tool_calls"},
    "text-parts": {"content", "extra"},
    "empty-content": {"content", "extra", "keys"},
    "arguments-text": {"tool_calls"},
    "edge-whitespace": {"content"},
    "user-edge-newlines": {"content"},
    "key-order": {"keys", "tool_calls"},
    "billing-line": {"content"},
    "tool-result-order": set(),
    "tool-result-name": {"name", "keys"},
    "empty-tools": set(),
    "tool-marks": set(),
    "tool-key-order": set(),
}
FIELDS = ("role", "content", "reasoning", "tool_calls", "tool_call_id", "name", "extra", "keys")


def check_quiet(rule: Rule, prompt: Prompt) -> None:
    """Idempotent, and quiet where there is nothing to do: the same object."""
    once = rule.apply(prompt)

    assert rule.apply(once) is once
    assert once is prompt or written_prompt(once) != written_prompt(prompt)


def check_prefix_stable(rule: Rule, prompt: Prompt) -> None:
    """What a rule makes of the first messages does not depend on those behind."""
    whole = rule.apply(prompt)
    for end in ends(prompt.messages):
        part = rule.apply(Prompt(prompt.messages[:end], prompt.tools, prompt.template_options))

        assert list(map(written, part.messages)) == list(map(written, whole.messages[:end]))


def ends(messages: tuple[Message, ...]) -> Iterator[int]:
    """Where a request can end: never between two results of one batch, for clients send them together."""
    for end in range(len(messages) + 1):
        if [message.role for message in messages[end - 1 : end + 1]] != ["tool", "tool"]:
            yield end


def parts_in(messages: Iterable[Message]) -> list[int]:
    """The very parts that messages have, in whatever order."""
    return sorted(id(part) for message in messages for part in message.parts)


def check_faithful(rule: Rule, prompt: Prompt) -> None:
    """Roles, count and all fields but the rule's own stay; a changed message drops its bytes."""
    after = rule.apply(prompt)
    olds = list(prompt.messages)
    if rule.name == "tool-result-order":
        assert parts_in(after.messages) == parts_in(olds)
        olds = list(after.messages)

    assert [new.role for new in after.messages] == [old.role for old in prompt.messages]
    assert after.template_options is prompt.template_options
    for old, new in zip(olds, after.messages, strict=True):
        kept = [name for name in FIELDS if name not in MAY_CHANGE[rule.name]]
        assert [getattr(new, name) for name in kept] == [getattr(old, name) for name in kept]
        assert new is old or new.raw is None
        assert not (new.opaque and new is not old)


@all_rules
@given(prompt=prompts())
@examples
def test_a_rule_is_idempotent_quiet_prefix_stable_and_faithful(rule: Rule, prompt: Prompt) -> None:
    check_quiet(rule, prompt)
    check_prefix_stable(rule, prompt)
    check_faithful(rule, prompt)


@all_rules
def test_a_rule_keeps_the_laws_on_the_corpus(rule: Rule) -> None:
    for prompt in CORPUS:
        check_quiet(rule, prompt)
        check_prefix_stable(rule, prompt)
        check_faithful(rule, prompt)


@all_rules
@given(messages=conversations(), tools=tool_lists())
@examples
def test_a_rule_lets_its_noise_not_through(
    rule: Rule, messages: list[Json], tools: list[Json] | None
) -> None:
    clean = prompt_of(messages, tools)
    noise = prompt_of(*noisy(rule.name, messages, tools))

    assert same(written_prompt(rule.apply(noise)), written_prompt(rule.apply(clean)))


def check_honest(rule: Rule, prompt: Prompt) -> None:
    """It works only on messages that have what it says, and gives a message nothing for others to work on."""
    if rule.on_message is None and rule.on_tool is None and rule.features is not None:
        assert rule.features & features_of_prompt(prompt) or rule.apply(prompt) is prompt
    for message in prompt.messages:
        if rule.on_message is None or message.opaque:
            continue
        has, after = features_of(message), rule.on_message(message)
        assert features_of(after) <= has
        if after is not message:
            assert rule.features is None or rule.features & has
            assert rule.roles is None or message.logical_role in rule.roles


@all_rules
@given(prompt=prompts())
@examples
def test_a_rule_works_only_on_what_it_says(rule: Rule, prompt: Prompt) -> None:
    check_honest(rule, prompt)


@all_rules
def test_a_rule_works_only_on_what_it_says_in_the_corpus(rule: Rule) -> None:
    for prompt in CORPUS:
        check_honest(rule, prompt)


TEXT_RULES = ("edge-whitespace", "user-edge-newlines", "billing-line")


@pytest.mark.parametrize("name", TEXT_RULES)
@given(prompt=prompts())
@examples
def test_a_rule_about_text_only_cuts_at_the_ends(name: str, prompt: Prompt) -> None:
    (rule,) = (rule for rule in RULES if rule.name == name)

    for old, new in zip(prompt.messages, rule.apply(prompt).messages, strict=True):
        if isinstance(old.content, str):
            assert isinstance(new.content, str)
            assert new.content in old.content


def test_every_rule_is_told_apart_and_explained() -> None:
    names = [rule.name for rule in RULES]

    assert len(set(names)) == len(names)
    assert set(names) == set(NOISE) == set(MAY_CHANGE)
    for rule in RULES:
        assert rule.on_by_default
        assert rule.why.endswith(".")
        assert rule.source


UNSHAPED = Message("user", parts_of("x"), extra={"a": RawJson(b"null")})


@all_rules
def test_a_rule_leaves_alone_what_has_no_shape(rule: Rule) -> None:
    """Nobody ever sends it, so it has no member names."""
    if rule.name not in ("null-fields", "text-parts"):  # they read values alone
        assert rule.apply(Prompt((UNSHAPED,))).messages == (UNSHAPED,)
    tools = Prompt((), (Tool("f", RawJson(b'{"name":"f","cache_control":{}}')),))
    assert rule.apply(tools).tools == tools.tools
