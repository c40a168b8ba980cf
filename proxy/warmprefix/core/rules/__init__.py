"""RULES: the one ordered list. To add a rule: one file, one test table, one line here."""

from warmprefix.core.rules import (
    arguments_text,
    billing_line,
    blank_reasoning,
    edge_whitespace,
    empty_content,
    empty_tool_calls,
    empty_tools,
    key_order,
    null_fields,
    part_marks,
    text_parts,
    tool_key_order,
    tool_marks,
    tool_result_name,
    tool_result_order,
    unknown_fields,
    user_edge_newlines,
)
from warmprefix.core.rules.base import Rule
from warmprefix.core.rules.memory_rules import MEMORY_RULES

__all__ = ["MEMORY_RULES", "RULES", "RULE_NAMES"]

RULES: tuple[Rule, ...] = (
    # One message at a time: first drop what is dropped, then bring the rest into one shape.
    null_fields.RULE,
    unknown_fields.RULE,
    empty_tool_calls.RULE,
    blank_reasoning.RULE,
    part_marks.RULE,
    text_parts.RULE,
    empty_content.RULE,
    arguments_text.RULE,
    edge_whitespace.RULE,
    user_edge_newlines.RULE,
    tool_result_name.RULE,
    key_order.RULE,
    # These look at the position of a message in the history.
    billing_line.RULE,
    tool_result_order.RULE,
    # The tools.
    empty_tools.RULE,
    tool_marks.RULE,
    tool_key_order.RULE,
)
RULE_NAMES: frozenset[str] = frozenset(
    (*(rule.name for rule in RULES), *(rule.name for rule in MEMORY_RULES))
)
