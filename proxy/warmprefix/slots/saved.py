"""Slots on disk: saves, restores and forgets them. The callers decide when.

A failure is counted, and costs the request no more than the time limit.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from warmprefix.backends.known import KnownModel
from warmprefix.backends.slot_files import Moved
from warmprefix.config.schema import SlotsConfig
from warmprefix.core.errors import BackendError
from warmprefix.core.slots import snapshots as core
from warmprefix.core.slots.openings import Mark
from warmprefix.core.slots.snapshots import Held, Snapshot
from warmprefix.counters import Counters
from warmprefix.slots.saved_index import SnapshotIndex

logger = logging.getLogger(__name__)

SAVE_S, RESTORE_S = 60.0, 30.0
"""Limits: 30,000 tokens of an 8 billion parameter model are 4 GB, read or written in 2 to 40 seconds."""

EVICTED_S = 10.0
"""Limit of a save that a request waits for; longer than that is rarely won back."""

_DISAPPOINTMENTS = 2  # restored files in a row that were of no use

_ORPHAN_S = 3600.0  # a file of ours that no index names for so long is not one being written now


class Snapshots:
    """The saved slots of one backend."""

    def __init__(
        self,
        config: SlotsConfig,
        index: SnapshotIndex,
        known: KnownModel,
        counters: Counters,
        label: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._folder = Path(config.save_path).expanduser() if config.save_path else None
        self._index = index
        self._known = known
        self._counters = counters
        self._label = label
        self._clock = clock
        self._api = known.slots_api()
        self._lock = asyncio.Lock()
        self._asked: tuple[int, str] | None = None
        self._can_save = False
        self._has_reported = False
        self._disappointments = 0
        self._cannot_restore = ""
        self.backend = ""
        """Digest of what the backend reports of itself; empty until it is known."""

    async def is_ready(self) -> bool:
        """Whether slots can be saved; asked once for each start of the backend."""
        url = self._url
        if not url:
            return False
        asked = (self._known.generation, url)
        if self._asked == asked:
            return self.can_save
        can_save, traits = await asyncio.gather(self._api.can_save(url), self._api.traits(url))
        says = self._known.says
        if can_save is None or (can_save and not (traits and says)):
            return False  # it may say so later
        self._asked, self._can_save = asked, can_save
        self.backend = core.digest(self._label, *says, *traits) if can_save and traits else ""
        self._report(can_save)
        return self.can_save

    @property
    def can_save(self) -> bool:
        """Whether the backend has said that it can save slots, and restored files were of use."""
        return self._can_save and self.backend != self._cannot_restore

    @property
    def may_save(self) -> bool:
        """False if this start of the backend has said that it cannot."""
        return self.can_save or self._asked != (self._known.generation, self._url)

    @property
    def _url(self) -> str:
        """The llama-server that answers; empty while none is known."""
        return self._known.saving_url

    def _report(self, can_save: bool) -> None:
        if not can_save and not self._has_reported:
            logger.info(
                "the backend runs without --slot-save-path: a cache is lost when it stops or reuses the slot"
            )
        if can_save and not self._has_reported:
            self._remove_orphans()
        self._has_reported = True

    def listed(self) -> Sequence[Snapshot]:
        """All snapshots, those of other backends too."""
        return self._index.all

    def may_have(self, keys: Sequence[bytes], head: bytes) -> bool:
        """Whether any backend has one of this prompt."""
        return core.best(self._index.all, keys, head) is not None

    def best(self, keys: Sequence[bytes], head: bytes) -> Snapshot | None:
        """The one that gives the backend, as it is now, the most of a prompt."""
        return core.best(self._index.all, keys, head, self.backend) if self.backend else None

    async def save(self, slot: int, held: Held, limit_s: float = SAVE_S) -> bool:
        """Save an idle slot. True if what it holds is on disk now. Never raises."""
        async with self._lock:
            if self._known.is_asleep:
                return False  # it holds nothing, and a question would wake it
            if not await self.is_ready() or held.tokens < self._config.min_save_tokens:
                return False
            known = self._index.all
            if not core.is_worth_saving(held, known, self.backend, self._config.min_save_tokens):
                return True
            room = self._config.max_save_bytes
            if core.expected_bytes(held, known, self.backend) > room:
                return False
            if not await self._is_proven(slot, held):
                return False
            return await self._save(slot, held, limit_s)

    async def _is_proven(self, slot: int, held: Held) -> bool:
        """Whether the backend says that the slot holds as many tokens as the conversation left there. A
        sleeping one holds nothing, and is not woken to say so."""
        await self._known.look()
        if self._known.is_asleep:
            return False
        states = await self._known.slot_states()
        return any(s.id == slot and not s.is_busy and s.tokens == held.tokens for s in states)

    async def _save(self, slot: int, held: Held, limit_s: float) -> bool:
        now = self._clock()
        known = self._index.all
        old = core.superseded(held, known, self.backend)
        if self._folder is not None:
            name = core.file_name(self.backend, held.tip, self._index.owner)
        else:
            name = core.pool_name(known, old, self._index.owner, now)
        moved = await self._write(slot, name, held.tokens, limit_s)
        if moved is None:
            return False
        self._counters.snapshots["saved"] += 1
        self._keep(self._snapshot(name, held, moved, now), old, now)
        return True

    async def _write(self, slot: int, name: str, tokens: int, limit_s: float) -> Moved | None:
        """Write a slot that holds so many tokens to a file; None if that failed."""
        if name in {snapshot.name for snapshot in self._index.all}:
            self._change([], {name})  # nobody restores half a file if we die in between
        try:
            moved = await self._api.save(self._url, slot, name, limit_s)
        except BackendError:
            self._counters.failed_open("slot-save")
            self._forget({name})  # whatever the file stored is cut off or gone
            return None
        if moved.tokens != tokens:
            self._forget({name})  # something else has run in the slot since, or it was emptied
            return None
        return moved

    def openings(self) -> Sequence[Snapshot]:
        """Those of the backend as it is now, the most used first."""
        return core.most_used(self._index.all, self.backend) if self.backend else ()

    async def save_opening(self, slot: int, mark: Mark, tokens: int) -> Snapshot | None:
        """Save a slot that holds an opening and nothing else. None if that failed. Never raises."""
        async with self._lock:
            if self._known.is_asleep or not await self.is_ready():
                return None
            held, now, known = Held("", (), b"", tokens), self._clock(), self._index.all
            is_large = core.expected_bytes(held, known, self.backend) > self._config.max_save_bytes
            if is_large or not await self._is_proven(slot, held):
                return None
            old = [s for s in self.openings() if s.opening == mark.digest]
            if self._folder is not None:
                name = core.opening_name(self.backend, mark, self._index.owner)
            else:
                name = core.pool_name(known, old, self._index.owner, now)
            moved = await self._write(slot, name, tokens, SAVE_S)
            if moved is None:
                return None
            self._counters.openings["saved"] += 1
            new = replace(
                self._snapshot(name, held, moved, now),
                opening=mark.digest,
                messages=mark.messages,
                fragment=mark.fragment,
                characters=mark.characters,
            )
            others = [s for s in self.openings() if s.name != name and s not in old]
            others.sort(key=lambda s: core.value(s, now), reverse=True)
            self._keep(new, [*old, *others[self._config.openings - 1 :]], now)
            return new

    def began_with(self, opening: Snapshot, *, was_there: bool) -> None:
        """A prompt began with an opening that was restored for it. If the backend reused little of it, the
        template renders something otherwise than we compare it, and the file is forgotten."""
        if was_there:
            used = replace(opening, uses=opening.uses + 1, used_s=self._clock())
            self._change([used], set())
        else:
            self._counters.failed_open("slot-restore")
            self._forget({opening.name})

    async def erase(self, slot: int) -> bool:
        """Empty an idle slot. Never raises."""
        try:
            await self._api.erase(self._url, slot)
        except BackendError:
            return False
        return True

    def _snapshot(self, name: str, held: Held, moved: Moved, now: float) -> Snapshot:
        return Snapshot(
            name=name,
            backend=self.backend,
            conversation=held.conversation,
            tip=held.tip,
            head=held.head.hex(),
            messages=len(held.keys),
            tokens=moved.tokens,
            size_bytes=moved.size_bytes,
            saved_s=now,
            used_s=now,
        )

    def _keep(self, new: Snapshot, old: Iterable[Snapshot], now: float) -> None:
        """Add it to the index, and drop those that it supersedes and those that no longer fit."""
        gone = {snapshot.name for snapshot in old} - {new.name}
        kept = [s for s in self._index.all if s.name not in gone | {new.name}]
        leaving = core.leaving([*kept, new], self._config.max_save_bytes, now)
        self._protect(new.name)
        self._forget(gone | {snapshot.name for snapshot in leaving}, [new])

    async def restore(self, slot: int, snapshot: Snapshot, *, may_lack_room: bool = False) -> int:
        """Restore a snapshot into an idle slot; returns the tokens that it holds now, 0 if that failed.

        `may_lack_room`: other slots hold something, and may share the room of one KV cache. The server says the
        same then as of a file that does not fit, so the file is kept. Never raises. The backend is not asked
        for a missing file: the attempt would empty the slot.
        """
        async with self._lock:
            if not self._is_there(snapshot):
                self._counters.failed_open("slot-restore")
                self._forget({snapshot.name})
                return 0
            name, url = snapshot.name, self._url
            try:
                moved = await self._api.restore(url, slot, name, RESTORE_S)
            except BackendError:
                if may_lack_room:
                    return 0
                self._counters.failed_open("slot-restore")
                self._forget({snapshot.name})
                return 0
            if moved.tokens != snapshot.tokens:  # another file under this name
                self._counters.failed_open("slot-restore")
                self._forget({snapshot.name})
                return moved.tokens
            self._counters.snapshots["restored"] += 1
            self._counters.snapshots["restored_tokens"] += moved.tokens
            self._change([replace(snapshot, used_s=self._clock())], set())
            return moved.tokens

    def failed(self) -> None:
        """Count a request that went on although saving or restoring raised."""
        self._counters.failed_open("slot-restore")

    def disappointed(self, snapshot: Snapshot) -> None:
        """The backend used little of it. After two of these in a row we assume that its build cannot restore:
        some read a file and use nothing of it (llama.cpp #25913, #28194: hybrid and recurrent models)."""
        self._counters.failed_open("slot-restore")
        self._forget({snapshot.name})
        self._disappointments += 1
        if self._disappointments == _DISAPPOINTMENTS and self.backend:
            self._cannot_restore = self.backend
            logger.warning(
                "the backend read two saved slots and used nothing of them; its slots are not saved any more"
            )

    def helped(self) -> None:
        """The restored file was of use."""
        self._disappointments = 0

    def forget(self, ids: Iterable[str] | None = None) -> int:
        """Forget snapshots by id, or all if None; returns how many there were."""
        wanted = None if ids is None else set(ids)
        names = {s.name for s in self._index.all if wanted is None or s.id in wanted}
        self._forget(names)
        return len(names)

    @property
    def can_delete(self) -> bool:
        """Whether we can delete their files."""
        return self._folder is not None

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()

    def _forget(self, names: set[str], add: Sequence[Snapshot] = ()) -> None:
        self._change([s for s in add if s.name not in names], names)
        if self._folder is not None:
            for name in names:
                with contextlib.suppress(OSError):
                    (self._folder / name).unlink(missing_ok=True)

    def _change(self, add: Sequence[Snapshot], remove: set[str]) -> None:
        try:
            self._index.change(add, remove)
        except OSError:
            self._counters.failed_open("slot-index")

    def _is_there(self, snapshot: Snapshot) -> bool:
        """True also if the folder is not on this machine, as we cannot see then."""
        if self._folder is None or not self._folder.is_dir():
            return True
        try:
            return (self._folder / snapshot.name).stat().st_size == snapshot.size_bytes
        except OSError:
            return False

    def _protect(self, name: str) -> None:
        """llama-server leaves the mode to its umask; the file holds a conversation."""
        if self._folder is not None:
            with contextlib.suppress(OSError):
                (self._folder / name).chmod(0o600)

    def _remove_orphans(self) -> None:
        """Delete the files that a killed proxy left behind."""
        if self._folder is None:
            return
        named = {snapshot.name for snapshot in self._index.all}
        for file in self._folder.glob(f"warmprefix-*-{self._index.owner}.bin"):
            with contextlib.suppress(OSError):
                if file.name not in named and self._clock() - file.stat().st_mtime > _ORPHAN_S:
                    file.unlink()
