"""Which rules are on, for all clients or for one: `freeze-volatile`, or `hermes:freeze-volatile`.

And what text the user has named besides: `[[canonicalize.volatile]]`, `[[canonicalize.transient]]`.
"""

from collections.abc import Collection
from dataclasses import dataclass

from warmprefix.config import CanonicalizeConfig
from warmprefix.config.patterns import TransientBlock, VolatileText, compiled
from warmprefix.core.canonical import Canonical, Canonicalizer, Report, choose_rules, unreported
from warmprefix.core.identity.keys import STRICT, Identifier, Identity, Looseness
from warmprefix.core.identity.ticking import Ticked, ticked
from warmprefix.core.identity.transient import BLOCKS, Block
from warmprefix.core.identity.volatile import Pattern
from warmprefix.core.memory.alignment import Undoing
from warmprefix.core.rules import memory_rules, tool_result_name
from warmprefix.core.rules.base import Rule
from warmprefix.core.rules.strip_volatile import strip_rule
from warmprefix.core.types import Prompt
from warmprefix.profiles.volatile import frozen_patterns

_CALLS = memory_rules.RESTORE_WRITTEN_CALLS.name
_MODELS = 64  # a client that names more makes them up
_TICKING = frozenset({memory_rules.FREEZE_VOLATILE.name, memory_rules.MOVE_VOLATILE.name})
_Chosen = tuple[
    frozenset[str],
    frozenset[str],
    tuple[VolatileText, ...],
    tuple[TransientBlock, ...],
    str | None,
    bool,
]


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules of one client, ready to run. `rules`: those that need no memory; `moved`: patterns of text that
    is said in the newest turn instead; `volatile`: those and the ones of text that is frozen; `blocks`: what is
    put back into user turns."""

    rules: tuple[Rule, ...]
    canonicalizer: Canonicalizer
    identifier: Identifier
    moved: tuple[Pattern, ...]
    volatile: tuple[Pattern, ...]
    of_user: tuple[Pattern, ...]
    blocks: tuple[Block, ...]
    folds: bool
    restores_names: bool
    keeps_descriptions: bool
    says_ticks: bool
    undoing: Undoing

    def canonical(self, prompt: Prompt, scope: bytes) -> tuple[Canonical, Identity]:
        """The canonical form of a prompt, and who that is. `scope`: the root of its chain keys."""
        found = self.canonicalizer.run(prompt)
        return found, self.identifier.identity_of(found.prompt, scope)

    def ticks(self, before: str, after: str, is_user: bool) -> Ticked | None:
        """What ticked between two forms of a text."""
        return ticked(
            before, after, is_user=is_user, patterns=self.of_user if is_user else self.volatile
        )

    @property
    def moves_volatile(self) -> bool:
        """Whether any text is moved into the newest turn."""
        return bool(self.moved)

    @property
    def restores_blocks(self) -> bool:
        """Whether any blocks are put back."""
        return bool(self.blocks)


class RuleSets:
    """One rule set for each choice of rules; clients share it, unless it acts on what they write."""

    def __init__(
        self,
        config: CanonicalizeConfig,
        strict: Identifier | None = None,
        report: Report = unreported,
        max_turns: int | None = None,
    ) -> None:
        """`strict`: the identifier of all clients whose rules loosen nothing. `report`: called for a rule that
        raises. `max_turns`: as of `Undoing`."""
        self._config = config
        self._report = report
        self._max_turns = max_turns
        self.strict = strict or Identifier()
        self._sets: dict[_Chosen, RuleSet] = {}
        self._by_client: dict[tuple[str, bool], RuleSet] = {}
        self._open_calls: set[str | None] = set()

    def replace(self, config: CanonicalizeConfig) -> None:
        """From the next request on, the rules of another configuration."""
        self._config = config
        self._sets, self._by_client = {}, {}

    def takes_calls(self, model: str | None, *, open_calls: bool) -> None:
        """Whether the template of a model, as clients name it, shows calls that no result follows. The next
        request for it is placed by that: which backend it will go to is not known then."""
        if open_calls and len(self._open_calls) < _MODELS:
            self._open_calls.add(model)
        elif not open_calls:
            self._open_calls.discard(model)

    def of(self, client: str, model: str | None = None) -> RuleSet:
        """The rules for a client's requests. `client`: the name of its profile; `model`: as they name it."""
        by = (client, model in self._open_calls)
        found = self._by_client.get(by)
        if found is None:
            found = self._by_client[by] = self._chosen(*by)
        return found

    def _chosen(self, client: str, open_calls: bool) -> RuleSet:
        config = self._config
        enable, disable = _named(config.enable, client), _named(config.disable, client)
        ticks = not _TICKING.isdisjoint(enable - disable)
        chosen = (
            enable,
            disable,
            tuple(text for text in config.volatile if text.client in ("", client)),
            tuple(block for block in config.transient if block.client in ("", client)),
            client if ticks else None,
            open_calls and _CALLS in enable - disable,
        )
        found = self._sets.get(chosen)
        if found is None:
            found = self._sets[chosen] = self._create(*chosen)
        return found

    def _create(
        self,
        enable: frozenset[str],
        disable: frozenset[str],
        texts: tuple[VolatileText, ...],
        own_blocks: tuple[TransientBlock, ...],
        client: str | None,
        calls: bool,
    ) -> RuleSet:
        """`client`: whose patterns act on what a user wrote; None if none do. `calls`: those that are written
        into a text may be put back."""
        on = enable - disable
        moves = memory_rules.MOVE_VOLATILE.name in on
        freezes = memory_rules.FREEZE_VOLATILE.name in on
        known: tuple[Pattern, ...] = frozen_patterns()
        moved, frozen = _patterns(texts, "move"), _patterns(texts, "freeze")
        of_user = (*moved, *frozen, *(frozen_patterns(client) if client is not None else ()))
        moved = (*moved, *(known if moves else ()))
        frozen = (*frozen, *(known if freezes and not moves else ()))
        restores = memory_rules.RESTORE_TRANSIENT_BLOCKS.name in on
        blocks = BLOCKS if restores else ()
        blocks += tuple(Block(one.opens, one.closes, "the settings") for one in own_blocks)
        looseness = Looseness((*moved, *frozen), of_user, blocks)
        stripped = _patterns(texts, "strip")
        rules = (*((strip_rule(stripped),) if stripped else ()), *choose_rules(enable, disable))
        return RuleSet(
            rules=rules,
            canonicalizer=Canonicalizer(rules, self._report),
            identifier=self.strict if looseness == STRICT else Identifier(looseness),
            moved=moved,
            volatile=looseness.volatile,
            of_user=of_user,
            blocks=blocks,
            folds=memory_rules.FOLD_SYSTEM.name not in disable,
            restores_names=tool_result_name.RULE.name not in disable,
            keeps_descriptions=memory_rules.FREEZE_TOOL_DESCRIPTIONS.name in on,
            says_ticks=moves,
            undoing=Undoing(moves or freezes, restores, self._max_turns, calls),
        )


def _patterns(texts: Collection[VolatileText], use: str) -> tuple[Pattern, ...]:
    return tuple(compiled(text.pattern) for text in texts if text.use == use)


def _named(names: Collection[str], client: str) -> frozenset[str]:
    split = (name.rpartition(":") for name in names)
    return frozenset(rule for who, _, rule in split if who in ("", client))
