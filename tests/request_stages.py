"""Requests at the stages that they go through, made by hand."""

from dataclasses import replace

from tests.chat_dialect import parse
from warmprefix.config import CanonicalizeConfig
from warmprefix.core.memory.ledger import NO_ANCESTRY, Place
from warmprefix.core.slots.seat import AnySeat
from warmprefix.core.turn import Times
from warmprefix.core.types import CacheStats, Outcome, Reply
from warmprefix.pipeline.parsed import Parsed
from warmprefix.pipeline.rulesets import RuleSets
from warmprefix.pipeline.stages import (
    Ended,
    Outgoing,
    Passed,
    Placed,
    Understood,
    Written,
    as_it_came,
    ended_of,
)
from warmprefix.profiles.base import Recognised

CHAT = "/v1/chat/completions"
_RULES = RuleSets(CanonicalizeConfig()).of("unknown")


def unread(body: bytes = b"odd") -> Passed:
    """A request of which nothing is known."""
    return as_it_came(CHAT, {}, body)


def read(body: bytes) -> Passed:
    """A request that was read, and goes on as it came."""
    request = parse(body)
    return replace(unread(body), model=request.model, request=request)


def written(
    body: bytes, place: Place, keys: tuple[bytes, ...], *, is_side: bool = False
) -> Written:
    """A request that goes out as it came, at this place."""
    request = parse(body)
    came = replace(read(body), client=Recognised("test", None, is_side))
    placed = Placed(
        came=came,
        understood=Understood(came, request, b"", Parsed(request.dialect), _RULES),
        canonical=request.prompt,
        received=request.prompt.messages,
        client=request.prompt.messages,
        alignment=None,
        rules=(),
        keys=keys,
        ancestry=NO_ANCESTRY,
        head=b"",
        place=place,
        before=None,
        is_side=is_side,
    )
    return Written(
        placed=placed,
        came=came,
        request=request,
        place=place,
        body=body,
        sent=request.prompt,
        ours=request.prompt,
        rules=(),
        restored=(),
        nodes=(),
    )


def ended(outgoing: Outgoing, counts: CacheStats, seat: AnySeat) -> Ended:
    """Its end, with these counts."""
    times = Times(0.0, 0.0, 0.0, None)
    made = ended_of(outgoing, Reply(), 200, Outcome.OK, times, seat=seat)
    return replace(made, stats=counts)
