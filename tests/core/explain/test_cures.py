"""Each cause gets the hint that cures it, and never one that is in force already."""

import re
from dataclasses import dataclass, replace

import pytest

from warmprefix.core.explain.cures import CAUSES, Broken, hint_of
from warmprefix.core.explain.hint import Able, ClientSetting, Hint, InForce

PRUNE = ClientSetting(
    "opencode", "OpenCode", ("edit",), "prune", "f", "w", "s", re.compile("cleared")
)
CLOCK = Broken("clock", "client", is_volatile=True, lost=500)
BLOCK = Broken("transient-block", "client")
DESCRIBED = Broken("tool-schema", "client", is_description=True)
GAP = Broken("transient-block", "client", is_block=False, lost=900, shifted=700)
RAM, NO_RAM = Able(has_ram=True, slots=2), Able(has_ram=False, slots=2)


@dataclass(frozen=True)
class Case:
    """`paste`: a part of what is to be pasted; None: nothing helps."""

    id: str
    broken: Broken
    force: InForce
    where: str
    paste: str | None


CASES = (
    Case("clock", CLOCK, InForce(), "setting", '"freeze-volatile"'),
    Case("clock-of-a-client", CLOCK, InForce("pi", ("x",)), "setting", '["x", "pi:freeze-volatile"]'),
    Case("clock-is-frozen", CLOCK, InForce("pi", ("freeze-volatile",)), "none", None),
    Case("clock-is-moved", CLOCK, InForce("pi", ("pi:move-volatile",)), "none", None),
    Case("clock-off", CLOCK, InForce(disable=("freeze-volatile",)), "setting", "disable = []"),
    Case("clock-unknown", replace(CLOCK, acts=False), InForce(), "none", None),
    Case("clock-further-on", replace(CLOCK, is_opening=False), InForce(), "none", None),
    Case("clock-seen", CLOCK, InForce("pi", ("pi:move-volatile",), is_observed=True), "setting", "serve"),
    Case("clock-seen-without-a-rule", CLOCK, InForce(is_observed=True), "setting", '"freeze-volatile"'),
    Case("block-seen", BLOCK, InForce("pi", ("restore-transient-blocks",), is_observed=True),
         "setting", "serve"),
    Case("descriptions-seen", DESCRIBED, InForce(enable=("freeze-tool-descriptions",), is_observed=True),
         "setting", "serve"),
    Case("own", replace(CLOCK, own="mood"), InForce(), "none", None),
    Case("own-seen", Broken("own-text", "client", own="mood"), InForce(is_observed=True), "setting", "serve"),
    Case("block", BLOCK, InForce("pi"), "setting", '"pi:restore-transient-blocks"'),
    Case("block-is-on", BLOCK, InForce("pi", ("restore-transient-blocks",)), "none", None),
    Case("descriptions", DESCRIBED, InForce(), "setting", '"freeze-tool-descriptions"'),
    Case("descriptions-are-kept", DESCRIBED, InForce("pi", ("freeze-tool-descriptions",)), "none", None),
    Case("schemas", replace(DESCRIBED, is_description=False), InForce(), "none", None),
    Case("gap", GAP, InForce(), "backend", "--cache-reuse 256"),
    Case("gap-cannot-shift", GAP, InForce(able=Able(can_shift=False)), "none", None),
    Case("gap-too-small", replace(GAP, shifted=255), InForce(), "none", None),
    Case("edges-off", Broken("whitespace", "client"), InForce(disable=("edge-whitespace",)),
         "setting", "disable = []"),
    Case("edges", Broken("whitespace", "client"), InForce(), "none", None),
    Case("edges-seen", Broken("whitespace", "client"), InForce(is_observed=True), "setting", "serve"),
    Case("uuid-seen", Broken("id", "client", is_volatile=True, acts=False),
         InForce(is_observed=True), "none", None),
    Case("reasoning-never", Broken("reasoning", "client"), InForce(restore_reasoning="never"),
         "setting", 'restore_reasoning = "auto"'),
    Case("reasoning-unasked", Broken("reasoning", "client"), InForce(),
         "setting", 'restore_reasoning = "always"'),
    Case("reasoning-asked", Broken("reasoning", "client"),
         InForce(able=Able(prints_reasoning=True)), "none", None),
    Case("reasoning-always", Broken("reasoning", "client"), InForce(restore_reasoning="always"),
         "none", None),
    Case("template", Broken("reasoning", "template"), InForce(), "none", None),
    Case("invitation", Broken("invitation", "template"), InForce(), "none", None),
    Case("client", Broken("edit", "client", near="[cleared]"),
         InForce(client_settings=(PRUNE,)), "client", "prune"),
    Case("client-elsewhere", Broken("edit", "client", near="text"),
         InForce(client_settings=(PRUNE,)), "none", None),
    Case("evicted", Broken("evicted", "backend"), InForce(able=NO_RAM), "backend", "--cache-ram"),
    Case("evicted-from-ram", Broken("evicted", "backend"), InForce(able=RAM),
         "backend", "--parallel 3"),
    Case("evicted-unasked", Broken("evicted", "backend"), InForce(), "backend", "--parallel 4"),
    Case("cut-by-another", Broken("cut", "backend"), InForce(), "none", None),
    Case("cut-by-a-branch", Broken("cut", "backend", is_branch=True), InForce(),
         "setting", "separate_branches = true"),
    Case("cut-by-a-branch-saving", Broken("cut", "backend", is_branch=True),
         InForce(able=Able(saves=True)), "setting", "separate_branches = true"),
    Case("cut-by-a-branch-all-the-same", Broken("cut", "backend", is_branch=True),
         InForce(keeps_branches=True), "none", None),
    Case("restarted", Broken("restarted", "backend"), InForce(), "backend", "--slot-save-path"),
    Case("restarted-and-changed", Broken("restarted", "backend", is_changed=True), InForce(), "none", None),
    Case("restarted-saves", Broken("restarted", "backend"), InForce(able=Able(saves=True)),
         "none", None),
    Case("checkpoint", Broken("checkpoint", "backend"), InForce(), "backend", "--swa-full"),
    Case("models", Broken("model-switch", "backend"), InForce(), "backend", "--models-max 2"),
    Case("models-of-lemonade", Broken("model-switch", "backend"),
         InForce(able=Able(kind="lemonade")), "backend", "max_loaded_models=2"),
    Case("no-cache", Broken("no-cache", "client"), InForce(), "client", "cache_prompt"),
    Case("our-choice", Broken("slot-choice", "proxy"), InForce(), "setting", 'pin = "off"'),
    Case("our-file", Broken("slot-restore", "proxy"), InForce(), "setting", 'save = "off"'),
    Case("our-bytes", Broken("restored", "proxy"), InForce(), "none", None),
    Case("unknown", Broken("unknown", "unknown"), InForce(), "none", None),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_break_has_the_hint_that_cures_it(case: Case) -> None:
    hint = hint_of(case.broken, case.force)

    assert hint.where == case.where
    assert hint.text
    if case.paste is None:
        assert hint.paste is None
    else:
        assert case.paste in (hint.paste or "")


def test_a_hint_promises_what_was_lost_or_what_can_be_shifted() -> None:
    assert hint_of(CLOCK, InForce()).saves_tokens == 500
    assert hint_of(GAP, InForce()).saves_tokens == 700
    assert hint_of(replace(CLOCK, acts=False), InForce()).saves_tokens is None


def every_hint() -> list[Hint]:
    return [hint_of(case.broken, case.force) for case in CASES]


def test_nobody_is_said_to_do_it_on_purpose() -> None:
    assert not any("purpose" in hint.text for hint in every_hint())


@pytest.mark.parametrize("cause", sorted(CAUSES))
def test_every_cause_has_something_of_its_own_to_say(cause: str) -> None:
    sides = {"slot-choice": "proxy", "slot-restore": "proxy", "no-cache": "client"}
    hint = hint_of(Broken(cause, sides.get(cause, "backend")), InForce())

    is_same = hint == hint_of(Broken("unknown", "unknown"), InForce())
    assert is_same is (cause in ("unknown", "clock", "date", "counter", "model-name"))


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (replace(CLOCK, own="mood"), "the settings know this text (mood)"),
        (replace(CLOCK, is_opening=False), "only in front of the first reply"),
        (replace(CLOCK, acts=False), "no rule knows this text"),
    ],
    ids=["own", "further-on", "unknown"],
)
def test_why_no_rule_acts_on_text_that_changes_by_itself(broken: Broken, said: str) -> None:
    assert said in hint_of(broken, InForce()).text
