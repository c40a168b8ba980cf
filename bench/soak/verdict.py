"""What was lost: compares the journals of both sides with the turn log."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.soak.journal import Line, lines

CHATS = frozenset({"chat", "garbage", "side", "large history"})


@dataclass(slots=True)
class Fate:
    """Everything known about one request. `begun`, `answered`: how often a backend read it, began an answer."""

    asks: Line
    client: Line = field(default_factory=dict)
    backend: dict[str, Line] = field(default_factory=dict)
    begun: int = 0
    answered: int = 0

    @property
    def stayed(self) -> bool:
        """Whether the client waited for the end."""
        return self.client.get("event") == "got"

    @property
    def sent_again(self) -> bool:
        """Whether it went out once more because its first connection broke before anything came back."""
        return self.begun == 2 and self.answered < 2

    @property
    def fault(self) -> str:
        """The fault that the backend built into it."""
        if not self.begun:
            return "never reached a backend"
        told = self.backend.get("begin", {}).get("fault", "")
        ended = {"whole", "cut"} & self.backend.keys()
        return str(told if ended or not self.stayed else f"{told}, killed")


def fates(client: Path, backends: Iterable[Path]) -> dict[int, Fate]:
    """Each request by its serial number."""
    found: dict[int, Fate] = {}
    for line in lines(client):
        if line["event"] == "asks":
            found[line["serial"]] = Fate(line)
        else:
            found[line["serial"]].client = line
    for path in backends:
        for line in lines(path):
            fate = found[line["serial"]]
            fate.backend[line["event"]] = line
            fate.begun += line["event"] == "begin"
            fate.answered += line["event"] == "answers"
    return found


def loss(fate: Fate) -> str | None:
    """What went wrong with one request and must not; None if all is well."""
    got, sent = fate.client, fate.backend
    if not got:
        return "no end noted by the client"
    if fate.begun > 1 and not fate.sent_again:
        return "sent twice"
    if not fate.stayed:
        hangs = (
            got["when"] == "patience" and sent.get("begin", {}).get("fault") != "stalls for ever"
        )
        return "hung" if hangs else None
    last = sent.get("whole") or sent.get("ending")
    is_clean, is_ours = got["clean"], got["status"] in (502, 504)
    if "whole" in sent and not (is_clean and got["status"] == last_status(last)):
        return "answered whole, did not arrive"
    if is_clean and not is_ours and last is None:
        return "cut by the backend, ended cleanly"
    if is_clean and last is not None and not is_ours and got["digest"] != last["digest"]:
        return "other bytes"
    return None


def last_status(line: Line | None) -> int | None:
    """Status of the answer that was sent."""
    return line["status"] if line else None


def log_losses(found: dict[int, Fate], records: list[dict[str, Any]]) -> list[str]:
    """What is wrong with the turn log: each chat request must have one line, and no other request."""
    chats = [fate for fate in found.values() if fate.asks["kind"] in CHATS]
    # A client that leaves at once may be gone before its request was read; then there is no turn.
    must = sum(fate.stayed or fate.begun > 0 or fate.client["when"] != "at once" for fate in chats)
    wrong = []
    if not must <= len(records) <= len(chats):
        wrong.append(f"{len(records)} lines for {must} to {len(chats)} chat requests")
    named = Counter(record["prompt_tokens"] for record in records)
    for fate in chats:
        serial = fate.asks["serial"]
        is_counted = "whole" in fate.backend and fate.backend["whole"]["status"] == 200
        is_counted = is_counted and fate.stayed and "error" not in fate.fault
        if named[serial] > 1 or (is_counted and named[serial] != 1):
            wrong.append(f"{named[serial]} lines for request {serial} ({fate.fault})")
    return wrong


def told_after_ms(found: dict[int, Fate]) -> list[float]:
    """Milliseconds from a client's departure to the end of the backend's connection, sorted."""
    return sorted(
        (fate.backend["gone"]["at"] - fate.client["at"]) * 1000
        for fate in found.values()
        if not fate.stayed
        and "at" in fate.client
        and "gone" in fate.backend
        and fate.backend["gone"]["at"] >= fate.client["at"]
    )


def table(found: dict[int, Fate]) -> list[str]:
    """A row for each fault and each way of leaving: how often, how it reached the client, how many were
    lost."""
    rows: dict[str, list[Fate]] = defaultdict(list)
    for fate in found.values():
        name = fate.fault if fate.stayed else f"client left: {fate.client.get('when')}"
        rows[name].append(fate)
    text = [
        "| what | how often | whole | status 4xx, 5xx | cut | sent again | lost |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, group in sorted(rows.items(), key=lambda row: -len(row[1])):
        clean = [f for f in group if f.stayed and f.client["clean"]]
        failed = sum(f.client["status"] >= 400 for f in clean)
        cut = sum(f.stayed and not f.client["clean"] for f in group)
        again = sum(f.sent_again for f in group)
        lost = sum(loss(f) is not None for f in group)
        text.append(
            f"| {name} | {len(group)} | {len(clean) - failed} | {failed} | {cut} | {again} | {lost} |"
        )
    return text


def records_of(folder: Path, name: str) -> list[dict[str, Any]]:
    """All lines of the turn log, rotated files included."""
    files = sorted(folder.glob(f"{name}*"))
    return [json.loads(line) for file in files for line in file.read_bytes().splitlines()]
