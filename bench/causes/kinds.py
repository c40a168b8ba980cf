"""KINDS: the one list of what may happen to a conversation, with the causes that are true of it."""

from dataclasses import dataclass, replace
from typing import Literal

from bench.causes import damage, notes
from bench.causes.damage import DATED, SIGNED, SYSTEM, UNSIGNED, Make, nothing, options, ticking

FREEZE, RESTORE, DESCRIBE = (
    "freeze-volatile",
    "restore-transient-blocks",
    "freeze-tool-descriptions",
)
Event = Literal[
    "",
    "another conversation",
    "server restarts",
    "proxy restarts",
    "both restart",
    "asked again",
    "asked otherwise",
    "a title",
    "a summary",
    "asked directly",
]
Server = Literal["stock", "one slot", "one slot, saved", "thinking on top", "thinking at the end"]
_TICKS = frozenset({"clock", "date", "counter", "id"})
_GONE = frozenset({"transient-block"})
_EDIT = frozenset({"edit"})
_EVICTED = frozenset({"evicted"})
_INVITED = frozenset({"invitation"})
_NONE: frozenset[str] = frozenset()
_FRONT = ("block in first user", "own user in front")
_PLACES = (
    *("in front", "behind", "list part", "in the result"),
    *("own system", "own user behind", "own user in front", "system at the end"),
)


@dataclass(frozen=True, slots=True)
class Kind:
    """One of them. `causes`: any of these is true of each break; none if there must be no break. `cures`: the
    opt-in rules under which a request reads only its new text. `event`: what happens before the third turn, on
    a server with one slot and no RAM cache unless `server` names another one."""

    name: str
    make: Make
    causes: frozenset[str]
    cures: tuple[str, ...] = ()
    event: Event = ""
    server: Server | None = None

    @property
    def on(self) -> Server:
        """The server on which it is played."""
        return self.server or ("one slot" if self.event else "stock")


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


_THINKS_NOT = options(chat_template_kwargs={"enable_thinking": False})
_SAVED = tuple(
    replace(kind, name=f"{kind.name}, slots saved", server="one slot, saved")
    for kind in (
        Kind("evicted", nothing, _NONE, event="another conversation"),
        Kind("edited and evicted", damage.edit_late, _EVICTED, event="another conversation"),
        Kind("restarted", nothing, _NONE, event="server restarts"),
        Kind("both restarted", nothing, _NONE, event="both restart"),
    )
)
"""What has left a slot is in a file, which is restored if the request goes on from it."""

_WHILE_RESTARTED = tuple(
    Kind(f"{name}, proxy restarted", make, causes, event="proxy restarts")
    for name, make, causes in (
        ("edited", damage.edit_late, _EDIT),
        ("instructions edited", damage.edit_system, _EDIT),
        ("note in front", notes.reminder("in front"), _GONE),
        ("note own system", notes.reminder("own system"), _GONE),
        ("tick in the instructions", ticking(SIGNED, SYSTEM), _TICKS),
        ("first turn dropped", damage.dropped_first, frozenset({"window"})),
        ("tool more", damage.tool_more, frozenset({"tool-set"})),
    )
)
"""The ledger is kept, and explains."""


KINDS: tuple[Kind, ...] = (
    Kind("nothing", nothing, _NONE),
    Kind("tick in the instructions", ticking(SIGNED, SYSTEM), _TICKS, (FREEZE,)),
    Kind("tick in front", ticking(SIGNED, _FRONT), _TICKS | _GONE, (FREEZE, RESTORE)),
    Kind("date in the instructions", ticking(DATED, SYSTEM, daily=True), _TICKS, (FREEZE,)),
    Kind("date in front", ticking(DATED, _FRONT, daily=True), _TICKS | _GONE, (FREEZE, RESTORE)),
    Kind("model named in the instructions", damage.model_name, _EDIT | {"model-name"}),
    Kind("number in the instructions", ticking(UNSIGNED, SYSTEM), _TICKS | _EDIT),
    Kind("number in front", ticking(UNSIGNED, _FRONT), _TICKS | _GONE, (FREEZE, RESTORE)),
    Kind("list that grows", damage.growing_list, _EDIT),
    *_reminders(),
    Kind("lore that stays", notes.lorebook(changes=False), _GONE, (RESTORE,)),
    Kind("lore that changes", notes.lorebook(changes=True), _GONE | _EDIT),
    *(
        Kind(f"frame, question {how}", notes.frame(how), _GONE, (RESTORE,))
        for how in ("whole", "cut", "one line", "quoted", "task")
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
    Kind("option not printed", _THINKS_NOT, _NONE),
    Kind("temperature", options(temperature=0.3, seed=4), _NONE),
    Kind("replies stripped", damage.stripped, _NONE),
    Kind("white space", damage.double_spaces, frozenset({"whitespace"})),
    Kind("calls stored anew", damage.calls_stored_anew, _NONE),
    Kind("instructions at the end", damage.system_line(question=1, turn=1), _NONE),
    Kind("instructions in the middle", damage.system_line(question=1, turn=2), _EDIT),
    Kind("instructions in front", damage.system_line(question=0, turn=1), _EDIT),
    Kind("other instructions", damage.other_system(1), _EDIT),
    Kind("other instructions, session id", damage.other_system(2, has_session=True), _EDIT),
    Kind("another model asked for", options(model="another"), _NONE),
    Kind(
        "option printed on top",
        _THINKS_NOT,
        _INVITED | {"template-option"},
        server="thinking on top",
    ),
    Kind("option printed at the end", _THINKS_NOT, _INVITED, server="thinking at the end"),
    Kind("evicted", nothing, _EVICTED, event="another conversation"),
    Kind("restarted", nothing, frozenset({"restarted"}), event="server restarts"),
    Kind("both restarted", nothing, frozenset({"not-held"}), event="both restart"),
    Kind("proxy restarted", nothing, _NONE, event="proxy restarts"),
    Kind("asked again", nothing, _NONE, event="asked again"),
    Kind("asked otherwise", nothing, frozenset({"cut", "evicted"}), event="asked otherwise"),
    Kind("a title asked", nothing, _EVICTED, event="a title"),
    Kind("a summary asked", nothing, _EVICTED, event="a summary"),
    Kind("server asked directly", nothing, frozenset({"unknown"}), event="asked directly"),
    *_SAVED,
    *_WHILE_RESTARTED,
    Kind(
        "edited and evicted",
        damage.edit_late,
        _EVICTED,
        event="another conversation",
    ),
    Kind(
        "edited and restarted", damage.edit_late, frozenset({"restarted"}), event="server restarts"
    ),
)
