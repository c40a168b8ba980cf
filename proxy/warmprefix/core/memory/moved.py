"""What a client moves on: it is gone from one of a history's gaps, and new in another."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import cached_property

from warmprefix.core.memory.anchors import Cut, is_user
from warmprefix.core.memory.gap import Elsewhere, is_same, left
from warmprefix.core.memory.put_back import PutBack
from warmprefix.core.types import Message


class Moved:
    """What stands elsewhere in a history, for each of its gaps. `client`, `ours`: of the turn before, as its
    client had it and as it was sent; `restless`: numbers of the gaps that were changed then."""

    def __init__(
        self, client: Cut, ours: Cut, now: Cut, restless: Collection[int], put_back: PutBack
    ) -> None:
        self._client, self._ours, self._now = client, ours, now
        self._restless = restless
        self._put_back = put_back

    def elsewhere(self, number: int) -> Elsewhere:
        """What stands in the other gaps. In a gap into which its client has put messages before, others of
        these roles may come and go."""
        roles = set(self._all.moving)
        before, after = self._client.gap(number), self._now.gap(number)
        put_in = left(before, self._ours.gap(number))[1]
        roles |= {message.role for message in put_in if message.role != "user"}
        is_asked = before and after and is_user(before[-1]) and is_same(before[-1], after[-1])
        if number in self._restless and is_asked:
            roles.add("user")  # nobody edits what stands in front of a question with every request
        if self._now.is_anchor(self._now.messages[-1]):
            roles.discard("user")  # in the newest turn it would end what the model is at
        return replace(self._all, moving=frozenset(roles))

    @cached_property
    def _all(self) -> Elsewhere:
        known = range(min(len(self._client), len(self._now)))
        roles = moving([(self._client.gap(at), self._now.gap(at)) for at in known])
        return Elsewhere(self._now.keys, self._put_back.in_force, roles)


def moving(gaps: Sequence[tuple[Sequence[Message], Sequence[Message]]]) -> frozenset[str | None]:
    """The roles of messages that are gone from one of a history's gaps, from the first on, and new in another:
    nobody but a client moves messages. Nobody else writes instructions among them, so of those a new one may
    stand in the place of one that is gone."""
    lost: set[str | None] = set()
    gained: set[str | None] = set()
    for number, (before, after) in enumerate(gaps):
        lead = () if number else (*before[:1], *after[:1])
        gone, new = (
            Counter(message.role for message in some if message not in lead)
            for some in left(before, after)
        )
        lost |= {role for role in gone if gone[role] > new[role] or role != "user"}
        gained |= {role for role in new if new[role] > gone[role] or role != "user"}
    return frozenset(lost & gained)
