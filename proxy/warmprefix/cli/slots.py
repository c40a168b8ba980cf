"""`warmprefix slots`: shows what the slots hold and which are saved, and forgets saved ones."""

from typing import Annotated, Any

import typer

from warmprefix.cli.settings import USAGE_STATUS, say
from warmprefix.cli.tail import ApiKeyOption, plain_console, quiet_end
from warmprefix.cli.which import UrlOption, asking
from warmprefix.core.plural import plural

KIB = 1024


def command(
    action: Annotated[str, typer.Argument(metavar="[list|forget]", help="What to do.")] = "list",
    snapshot: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="The saved slot to forget.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Forget every saved slot.")] = False,
    url: UrlOption = None,
    api_key: ApiKeyOption = None,
) -> None:
    """Show what the backend's slots hold and which ones are saved, or forget saved ones.

    The exit status is 1 if there is no such saved slot. Forgetting one deletes its file if
    `slots.save_path` is set.

    Examples: `warmprefix slots`, `warmprefix slots forget 5b1c88f0a2d4`, `warmprefix slots forget --all`
    """
    is_list = action == "list" and snapshot is None and not everything
    is_forget = action == "forget" and (snapshot is None) == everything
    if not is_list and not is_forget:
        say("use `slots list`, `slots forget ID` or `slots forget --all`")
        raise typer.Exit(USAGE_STATUS)
    with quiet_end():
        if is_list:
            show(asked(url, api_key, "GET", "") or {})
        else:
            forget(url, api_key, snapshot or "all")


def forget(url: str | None, api_key: str | None, snapshot: str) -> None:
    """Forgets, and prints how many."""
    answer = asked(url, api_key, "DELETE", f"/{snapshot}")
    if answer is None:
        say(f"no saved slot {snapshot}; `warmprefix slots` lists them")
        raise typer.Exit(1)
    number = answer.get("forgotten", 0)
    kept = (
        "" if answer.get("files_deleted") else "; slots.save_path is not set, so their files stay"
    )
    typer.echo(f"forgot {plural(number, 'saved slot')}{kept}")


def asked(url: str | None, api_key: str | None, method: str, path: str) -> dict[str, Any] | None:
    """The proxy's answer; None if it has no such slot. Ends the command if it does not answer."""
    with asking(url, api_key) as feed:
        return feed.slots(method, path)


def show(answer: dict[str, Any]) -> None:
    """Prints both tables."""
    console = plain_console()
    for line in lines(answer):
        console.print(line, markup=False, highlight=False)


def lines(answer: dict[str, Any]) -> list[str]:
    """The lines to print."""
    slots, snapshots = answer.get("slots", []), answer.get("snapshots", [])
    shown = [slot_line(slot) for slot in slots] or ["no slot is known"]
    shown += [snapshot_line(snapshot) for snapshot in snapshots] or ["nothing is saved"]
    return shown


def slot_line(slot: dict[str, Any]) -> str:
    """One slot."""
    what = (slot.get("conversation") or "empty")[:8] if slot.get("known") else "not known"
    kind = " side request" if slot.get("side") else ""
    state = "busy" if slot.get("busy") else f"idle {age(slot.get('age_s'))}"
    return (
        f"slot {slot.get('slot')}  {what}{kind}  {plural(slot.get('tokens', 0), 'token')}  {state}"
    )


def snapshot_line(snapshot: dict[str, Any]) -> str:
    """One saved slot."""
    other = "" if snapshot.get("fits") else "  of another model, template or build"
    whose = "opening" if snapshot.get("opening") else str(snapshot.get("conversation"))[:8]
    return (
        f"saved {snapshot.get('id')}  {whose}  "
        f"{plural(snapshot.get('tokens', 0), 'token')}  {size(snapshot.get('bytes', 0))}  "
        f"{age(snapshot.get('age_s'))} ago{other}"
    )


def age(seconds: float | None) -> str:
    """A duration in its largest unit."""
    if seconds is None:
        return "–"
    for length, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def size(number: float) -> str:
    """Bytes in their largest unit."""
    for unit in ("bytes", "KiB", "MiB"):
        if number < KIB:
            return f"{number:.0f} {unit}"
        number /= KIB
    return f"{number:.1f} GiB"
