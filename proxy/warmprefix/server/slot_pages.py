"""What the slots hold and which are saved, under `/warmprefix/api/slots`."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Path
from starlette.responses import Response

from warmprefix.core.slots.snapshots import Snapshot
from warmprefix.server.api import as_json, described
from warmprefix.slots.seating import Seating
from warmprefix.slots.seatings import NoSeatings, Seatings

_NO_SNAPSHOT = described(404, "Not known.")


def add_slots(api: FastAPI, backends: Mapping[str, Seatings | NoSeatings]) -> None:
    """Add the pages. `backends`: the slots of each, by its name."""

    def every() -> list[tuple[str, Seating]]:
        return [(name, own.seating) for name, slots in backends.items() for own in slots.all]

    @api.get("/warmprefix/api/slots")
    async def list_slots() -> Response:
        """What each slot holds, as far as we know, and the saved slots, newest first."""
        slots = [slot | {"backend": name} for name, seating in every() for slot in _slots(seating)]
        seatings = [seating for _, seating in every()]
        off = [asdict(what) for seating in seatings for what in seating.stand_down.off]
        return as_json({"slots": slots, "snapshots": _snapshots(seatings), "stood_down": off})

    @api.delete("/warmprefix/api/slots/{snapshot}", responses=_NO_SNAPSHOT)
    async def forget_snapshot(snapshot: Annotated[str, Path(max_length=64)]) -> Response:
        """Forget one saved slot, or with `all` every one; its file is deleted if we can reach it."""
        ids = None if snapshot == "all" else [snapshot]
        stores = [s.snapshots for _, s in every() if s.snapshots is not None]
        gone = sum(store.forget(ids) for store in stores)
        if ids is not None and not gone:
            raise HTTPException(404, "No such saved slot.")
        deleted = all(store.can_delete for store in stores)
        return as_json({"forgotten": gone, "files_deleted": deleted})


def _slots(seating: Seating) -> list[dict[str, Any]]:
    return [
        {
            "slot": slot.id,
            "conversation": slot.content.held.conversation if slot.content else None,
            "tokens": slot.tokens,
            "busy": slot.is_busy,
            "side": slot.content is not None and slot.content.is_side,
            "known": slot.is_known,
            "age_s": seating.age_s(slot.id),
        }
        for slot in seating.table.slots
    ]


def _snapshots(seatings: Sequence[Seating]) -> list[dict[str, Any]]:
    stores = [s.snapshots for s in seatings if s.snapshots is not None]
    found = {
        snapshot.name: (store.backend, snapshot) for store in stores for snapshot in store.listed()
    }
    newest = sorted(found.values(), key=lambda pair: -pair[1].saved_s)
    return [_shown(snapshot, snapshot.backend == backend) for backend, snapshot in newest]


def _shown(snapshot: Snapshot, fits: bool) -> dict[str, Any]:
    shown = asdict(snapshot)
    for name in ("tip", "head", "saved_s", "used_s", "backend", "fragment", "characters", "uses"):
        del shown[name]  # keys of messages are nobody's business
    now = time.time()
    shown["opening"] = bool(snapshot.opening)
    shown["file"], shown["bytes"] = shown.pop("name"), shown.pop("size_bytes")
    shown |= {"id": snapshot.id, "fits": fits, "age_s": round(now - snapshot.saved_s, 1)}
    return shown | {"unused_s": round(now - snapshot.used_s, 1)}
