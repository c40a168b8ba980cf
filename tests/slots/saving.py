"""Snapshots in front of a llama-server that answers what saving asks, as told."""

import json
from pathlib import Path
from typing import Any

from tests.fakes.scripted import ScriptedBackend
from tests.fakes.scripted_http import Connection, Request
from tests.fakes.scripted_replies import head
from warmprefix.backends.known import KnownBackend
from warmprefix.backends.probe import Props
from warmprefix.config.schema import SlotsConfig
from warmprefix.counters import Counters
from warmprefix.slots.saved import Snapshots
from warmprefix.slots.saved_index import SnapshotIndex
from warmprefix.tasks import Tasks


class Slots(ScriptedBackend):
    """Answers what the questions of saving need. `saved`, `restored`: the answers' status and tokens;
    `asked`: what was asked for, in order."""

    saved = (200, 1000)
    restored = (200, 1000)
    can_save = 400
    knows_model = True
    size = 1

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    async def _next_request(self, connection: Connection) -> Request | None:
        request = await super()._next_request(connection)
        if request is None:
            return None
        self.asked.append(request.target)
        status, value = self.answer(request)
        body = json.dumps(value).encode()
        await connection.send(head(status, [("Content-Length", str(len(body)))]) + body)
        return await self._next_request(connection)

    def answer(self, request: Request) -> tuple[int, Any]:
        if "action=save" in request.target and json.loads(request.body)["filename"] == "":
            return self.can_save, {}
        if "action=save" in request.target:
            return self.saved[0], {"n_saved": self.saved[1], "n_written": 5000}
        if "action=restore" in request.target:
            return self.restored[0], {"n_restored": self.restored[1], "n_read": 5000}
        if request.target == "/slots":
            told = {"is_processing": False, "id_task": 1, "n_prompt_tokens": 1000}
            return 200, [{"id": number, **told} for number in range(2)]
        if request.target == "/props":
            return 200, {"default_generation_settings": {"n_ctx": 4096}}
        return 200, {"data": [{"meta": {"size": self.size}}] if self.knows_model else []}


class Bench:
    """Snapshots in front of such a backend."""

    def __init__(self, backend: Slots, folder: Path, **config: Any) -> None:
        self.backend = backend
        self.counters = Counters()
        self.now = 1000.0
        self.known = KnownBackend(backend.url, "llamacpp", Tasks())
        self.known._props = Props(backend.url, "", None, says=("m",))
        self.index = SnapshotIndex(folder / "slots.json")
        settings = SlotsConfig(**config)
        self.snapshots = Snapshots(
            settings, self.index, self.known, self.counters, clock=lambda: self.now
        )

    async def close(self) -> None:
        await self.snapshots.close()
        await self.known.close()
