"""Which rules are on, for all clients or for one: `freeze-volatile`, or `hermes:freeze-volatile`."""

from collections.abc import Collection
from dataclasses import dataclass

from warmprefix.config import CanonicalizeConfig
from warmprefix.core.canonical import Canonicalizer, Report, choose_rules, unreported
from warmprefix.core.identity.keys import STRICT, Identifier, Looseness
from warmprefix.core.identity.ticking import Ticked, ticked
from warmprefix.core.memory.alignment import Undoing
from warmprefix.core.rules import memory_rules
from warmprefix.profiles.volatile import frozen_patterns

_TICKING = frozenset({memory_rules.FREEZE_VOLATILE.name, memory_rules.MOVE_VOLATILE.name})


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules of one client, ready to run."""

    canonicalizer: Canonicalizer
    identifier: Identifier
    moves_volatile: bool
    restores_blocks: bool
    folds: bool
    keeps_descriptions: bool
    undoing: Undoing

    @staticmethod
    def ticks(before: str, after: str, is_user: bool) -> Ticked | None:
        """What ticked between two forms of a text."""
        return ticked(before, after, is_user=is_user)


class RuleSets:
    """One rule set for each choice of rules; clients share it, unless it acts on what they write."""

    def __init__(
        self,
        config: CanonicalizeConfig,
        strict: Identifier | None = None,
        report: Report = unreported,
    ) -> None:
        """`strict`: the identifier of all clients whose rules loosen nothing. `report`: called for a rule that
        raises."""
        self._config = config
        self._report = report
        self.strict = strict or Identifier()
        self._sets: dict[tuple[object, ...], RuleSet] = {}

    def of(self, client: str) -> RuleSet:
        """The rules for a client's requests."""
        enable, disable = _named(self._config.enable, client), _named(self._config.disable, client)
        ticks = not _TICKING.isdisjoint(enable - disable)
        chosen = (enable, disable, client if ticks else None)
        found = self._sets.get(chosen)
        if found is None:
            found = self._sets[chosen] = self._create(enable, disable, client)
        return found

    def _create(self, enable: frozenset[str], disable: frozenset[str], client: str) -> RuleSet:
        on = enable - disable
        moves = memory_rules.MOVE_VOLATILE.name in on
        freezes = memory_rules.FREEZE_VOLATILE.name in on
        blocks = memory_rules.RESTORE_TRANSIENT_BLOCKS.name in on
        ticks = moves or freezes
        looseness = Looseness(
            frozen_patterns() if ticks else (), frozen_patterns(client) if ticks else (), blocks
        )
        canonicalizer = Canonicalizer(choose_rules(enable, disable), self._report)
        identifier = self.strict if looseness == STRICT else Identifier(looseness)
        folds = memory_rules.FOLD_SYSTEM.name not in disable
        keeps = memory_rules.FREEZE_TOOL_DESCRIPTIONS.name in on
        undoing = Undoing(ticks=ticks, transient=blocks)
        return RuleSet(canonicalizer, identifier, moves, blocks, folds, keeps, undoing)


def _named(names: Collection[str], client: str) -> frozenset[str]:
    split = (name.rpartition(":") for name in names)
    return frozenset(rule for who, _, rule in split if who in ("", client))
