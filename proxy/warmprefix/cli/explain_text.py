"""A turn's cache break in words. Pure: record in, lines out. For `explain`, `tail --explain`, `replay`.

Without colour the change is marked as `[-…-]` in the text before and `{+…+}` in the text after.
"""

from collections.abc import Iterator, Mapping
from datetime import tzinfo

from rich.text import Text

from warmprefix.cli.change_marks import marked
from warmprefix.cli.tail_line import ABSENT, clock, count, number, percent, plain
from warmprefix.core.explain.words import CAUSES, SIDES
from warmprefix.core.plural import plural

Record = Mapping[str, object]

NO_TEXT = "not in the log; log.excerpts = true shows it"
_FAILED_STATUS = 400


def explained(record: Record, *, coloured: bool, zone: tzinfo | None = None) -> Iterator[Text]:
    """Everything known about a turn, line by line."""
    yield heading(record, zone)
    found = record.get("break")
    if isinstance(found, Mapping):
        yield from break_lines(found, saved(record), coloured=coloured)
    else:
        yield Text(no_break(record))
    if ahead := number(record.get("prewarmed_tokens")):
        counted = plural(ahead, "token was evaluated", "tokens were evaluated")
        yield labelled("ahead", f"{counted} before it came; not part of its own counts")
    if added := number(record.get("put_back_tokens")):
        counted = f"{plural(added, 'token')} of the prompt, estimated"
        yield labelled("put back", f"{counted}: text that the client did not send this time")
    if record.get("error"):
        yield labelled("error", plain(record["error"]))


def heading(record: Record, zone: tzinfo | None) -> Text:
    """Which turn this is."""
    line = Text()
    line.append(f"turn {plain(record.get('turn'))}", "bold")
    line.append(f"  {clock(record.get('time'), zone)}  ", "dim")
    line.append(f"{plain(record.get('client'))}, conversation {plain(record.get('conversation'))}")
    index = number(record.get("index"))
    place = "" if index is None else f", turn {index + 1:.0f} of it"
    line.append(f"{place} ({plain(record.get('kind'))})")
    return line


def break_lines(found: Record, saving: str | None, *, coloured: bool) -> Iterator[Text]:
    """A break, a line for each question."""
    cause = plain(found.get("cause"))
    yield labelled("where", where(found), "yellow")
    yield from change_lines(found, "before", "after ", coloured=coloured)
    yield labelled("why", f"{words(cause)} ({cause})", "bold")
    yield labelled("cost", cost(found))
    yield labelled("who", SIDES.get(plain(found.get("side")), plain(found.get("side"))))
    if saving is not None:
        yield labelled("to do", saving, "cyan")
    if saving is None or has_command(found.get("hint")):
        yield from hint_lines(found.get("hint"))


def below(record: Record, *, coloured: bool, advice: Text | None) -> Iterator[Text]:
    """The one to four lines below the line of a turn with a break."""
    found = record.get("break")
    if not isinstance(found, Mapping):
        return
    cause = plain(found.get("cause"))
    first = Text(f"    {where(found)}: ", "yellow")
    first.append(words(cause), "bold yellow")
    first.append(f" ({cost(found)}; {plain(found.get('side'))})", "default")
    yield first
    if found.get("before") is not None or found.get("after") is not None:
        yield from change_lines(found, "    -", "    +", coloured=coloured)
    if advice is not None:
        yield advice


def advice(record: Record, *, with_id: bool = False) -> Text | None:
    """What to do about the break of a turn; None if there is none."""
    found = record.get("break")
    if not isinstance(found, Mapping):
        return None
    line = Text("    → ", "dim")
    line.append(saved(record) or in_short(found.get("hint")), "cyan")
    if with_id:
        line.append(f"   (warmprefix explain {plain(record.get('turn'))})", "dim")
    return line


def saved(record: Record) -> str | None:
    """What a proxy that only observes would have saved; None if nothing."""
    found = record.get("would_save")
    tokens = number(found.get("tokens")) if isinstance(found, Mapping) else None
    if not tokens:
        return None
    return f"serve without --observe, which would have saved about {plural(tokens, 'token')}"


def change_lines(found: Record, before: str, after: str, *, coloured: bool) -> Iterator[Text]:
    """The texts before and after with the change marked, or why they are missing."""
    old, new = found.get("before"), found.get("after")
    if old is None and new is None:
        if found.get("path") is not None:
            yield labelled("text", NO_TEXT, "dim")
        return
    texts = marked(text_of(old), text_of(new), coloured=coloured)
    for label, text in zip((before, after), texts, strict=True):
        line = Text(f"{label}   " if label.strip().isalpha() else f"{label} ")
        line.append_text(Text("(nothing)", "dim") if text is None else text)
        yield line


def text_of(value: object) -> str | None:
    """An excerpt; None if there is none."""
    return value if isinstance(value, str) else None


def labelled(label: str, text: str, style: str = "") -> Text:
    """`label    text`."""
    return Text.assemble(f"{label:<9}", (text, style))


def where(found: Record) -> str:
    """The place of a break."""
    path = found.get("path")
    if path is None:
        return "nowhere in the prompt, which continued the one before"
    offset = number(found.get("offset"))
    return plain(path) if offset is None else f"{plain(path)}, character {offset:,.0f}"


def words(cause: str) -> str:
    """A cause in words."""
    return CAUSES.get(cause, cause)


def cost(found: Record) -> str:
    """Tokens and seconds, as far as the backend reported them."""
    tokens, seconds = number(found.get("tokens_lost")), number(found.get("seconds_lost"))
    if tokens is None:
        return "cost not reported by the backend"
    if tokens == 0:
        return "it cost nothing: all that could be reused was reused"
    time = "" if seconds is None else f", {seconds:,.1f} s"
    gone = number(found.get("evicted_tokens"))
    front = plural(gone or 0, "of them stands", "of them stand")
    front = f"; {front} in front of what has changed" if gone else ""
    return f"{plural(tokens, 'token')} evaluated again{time}{front}"


def hint_lines(hint: object) -> Iterator[Text]:
    """What to do: why, and on lines of their own what can be pasted. Older logs have a text instead."""
    if not isinstance(hint, Mapping):
        yield labelled("to do", plain(hint), "cyan")
        return
    paste, place, command = (hint.get(name) for name in ("paste", "place", "command"))
    if not isinstance(paste, str):
        yield labelled("to do", plain(hint.get("text")), "cyan")
        return
    if isinstance(command, str):
        yield labelled("to do", plain(command), "cyan")
        yield labelled("", f"or in {plain(place)}, beside what is there:")
    else:
        yield labelled("to do", f"in {plain(place)}:")
    for line in paste.splitlines():
        yield labelled("", f"  {plain(line)}", "cyan")
    yield labelled("", plain(hint.get("text")))
    saves = number(hint.get("saves_tokens"))
    if saves:
        yield labelled("", f"It would have saved about {plural(saves, 'token')} in this turn.")
    if isinstance(hint.get("source"), str):
        yield labelled("", f"Source: {plain(hint.get('source'))}", "dim")


def has_command(hint: object) -> bool:
    """Whether a hint names a setting of ours, which helps besides."""
    return isinstance(hint, Mapping) and isinstance(hint.get("command"), str)


def in_short(hint: object) -> str:
    """What to do in one line."""
    if not isinstance(hint, Mapping):
        return plain(hint)
    if isinstance(hint.get("command"), str):
        return plain(hint.get("command"))
    if isinstance(hint.get("paste"), str):
        return f"{plain(hint.get('paste'))}   in {plain(hint.get('place'))}"
    return plain(hint.get("text"))


def no_break(record: Record) -> str:
    """The message for a turn in which nothing broke."""
    outcome, status = plain(record.get("outcome")), number(record.get("status"))
    if outcome != "ok" or (status or 0) >= _FAILED_STATUS:
        return f"It failed ({outcome} {plain(record.get('status'))}); there is nothing to compare."
    if record.get("kind") is None:
        return "Its body was not understood and went to the backend unchanged."
    counted = counts(record)
    if record.get("kind") == "side":
        return f"A side request, not part of the conversation. {counted}"
    if record.get("kind") == "cold":
        return f"The first turn of its conversation: there was no earlier prompt to continue. {counted}"
    return f"Nothing broke. {counted}"


def counts(record: Record) -> str:
    """What was reused, by the backend's count."""
    prompt, cached = record.get("prompt_tokens"), record.get("cached_tokens")
    if prompt is None or cached is None:
        return "The backend did not report what it reused."
    share = percent(number(record.get("cache_ratio")))
    tokens = plural(number(prompt) or 0, "prompt token")
    counted = plural(number(cached) or 0, f"of {tokens} was reused", f"of {tokens} were reused")
    counted += "" if share == ABSENT else f" ({share})"
    return f"{counted}, {count(record.get('processed_tokens'))} evaluated."
