"""KINDS: the one list of what may happen to a conversation, with the causes that are true of it."""

from dataclasses import dataclass
from typing import Literal

from bench.causes import damage, notes
from bench.causes.damage import SIGNED, SYSTEM, UNSIGNED, Make, nothing, options, ticking

FREEZE, RESTORE, DESCRIBE = (
    "freeze-volatile",
    "restore-transient-blocks",
    "freeze-tool-descriptions",
)
Event = Literal["", "another conversation", "server restarts", "both restart", "asked again"]
_TICKS = frozenset({"clock", "date", "counter", "id"})
_GONE = frozenset({"transient-block"})
_EDIT = frozenset({"edit"})
_NONE: frozenset[str] = frozenset()
_FRONT = ("block in first user", "own user in front")
_PLACES = (
    *("in front", "behind", "list part", "in the result"),
    *("own system", "own user behind", "own user in front", "system at the end"),
)


@dataclass(frozen=True, slots=True)
class Kind:
    """One of them. `causes`: any of these is true of each break; none if there must be no break. `cures`: the
    opt-in rules under which a request reads only its new text. `event`: what happens before the third turn, to
    requests that nobody damages, on a server with one slot and no RAM cache."""

    name: str
    make: Make
    causes: frozenset[str]
    cures: tuple[str, ...] = ()
    event: Event = ""


def _reminders() -> tuple[Kind, ...]:
    forms = ((False, 1, ""), (True, 1, ", ticks"), (False, 2, ", two"), (True, 2, ", two, tick"))
    return tuple(
        Kind(
            f"note {place}{form}",
            notes.reminder(place, ticks=ticks, count=count),
            _GONE,
            (RESTORE,),
        )
        for place in _PLACES
        for ticks, count, form in forms
    )


KINDS: tuple[Kind, ...] = (
    Kind("nothing", nothing, _NONE),
    Kind("tick in the instructions", ticking(SIGNED, SYSTEM), _TICKS, (FREEZE,)),
    Kind("tick in front", ticking(SIGNED, _FRONT), _TICKS | _GONE, (FREEZE, RESTORE)),
    Kind("number in the instructions", ticking(UNSIGNED, SYSTEM), _TICKS | _EDIT),
    Kind("number in front", ticking(UNSIGNED, _FRONT), _TICKS | _GONE, (FREEZE, RESTORE)),
    Kind("list that grows", damage.growing_list, _EDIT),
    *_reminders(),
    Kind("lore that stays", notes.lorebook(changes=False), _GONE, (RESTORE,)),
    Kind("lore that changes", notes.lorebook(changes=True), _GONE | _EDIT),
    *(
        Kind(f"frame, question {how}", notes.frame(how), _GONE, (RESTORE,))
        for how in ("whole", "cut", "one line", "quoted")
    ),
    Kind("question edited", damage.edit_question, _EDIT),
    Kind("reply edited", damage.edit_reply, _EDIT),
    Kind("instructions edited", damage.edit_system, _EDIT),
    Kind("results cleared", damage.prune_results, _EDIT),
    Kind("window of turns", damage.window, frozenset({"window"})),
    Kind("window of messages", damage.window_messages, frozenset({"window"})),
    Kind("first turn dropped", damage.dropped_first, frozenset({"window"})),
    Kind("summary", damage.compaction, frozenset({"compaction"})),
    Kind("tool more", damage.tool_more, frozenset({"tool-set"})),
    Kind("tool description", damage.tool_description, frozenset({"tool-schema"}), (DESCRIBE,)),
    Kind("tool schema", damage.tool_schema, frozenset({"tool-schema"})),
    Kind("tools shuffled", damage.shuffled_tools, _NONE),
    Kind("no cache", options(cache_prompt=False), frozenset({"no-cache"})),
    Kind("tool_choice", options(tool_choice="auto"), _NONE),
    Kind("option not printed", options(chat_template_kwargs={"enable_thinking": False}), _NONE),
    Kind("temperature", options(temperature=0.3, seed=4), _NONE),
    Kind("replies stripped", damage.stripped, _NONE),
    Kind("white space", damage.double_spaces, frozenset({"whitespace"})),
    Kind("instructions in the middle", damage.middle_system, _EDIT),
    Kind("evicted", nothing, frozenset({"evicted"}), event="another conversation"),
    Kind("restarted", nothing, frozenset({"restarted"}), event="server restarts"),
    Kind("both restarted", nothing, frozenset({"not-held"}), event="both restart"),
    Kind("asked again", nothing, _NONE, event="asked again"),
    Kind(
        "edited and evicted",
        damage.edit_late,
        frozenset({"evicted"}),
        event="another conversation",
    ),
    Kind(
        "edited and restarted", damage.edit_late, frozenset({"restarted"}), event="server restarts"
    ),
)
