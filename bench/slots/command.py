"""`python -m bench slots`: what a conversation keeps, direct, through the proxy, and with hearth-llm."""

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.slots.rig import Way, has_hearth, way
from bench.slots.scenes import SCENES, Scene
from tests.fakes.llama import template

HELP = "what a conversation keeps across side requests, neighbours and restarts"
_SETTINGS = {"WARMPREFIX_SLOTS__SAVE_IDLE_S": "1", "WARMPREFIX_PREWARM__IDLE_S": "0.3"}


def command(arguments: Sequence[str]) -> int:
    """Measure and print; always 0."""
    parser = argparse.ArgumentParser(prog="python -m bench slots", description=HELP)
    parser.add_argument("--scene", action="append", help="part of a name; may be repeated")
    options = parser.parse_args(arguments)
    chosen = [
        scene
        for scene in SCENES
        if not options.scene or any(part in scene.name for part in options.scene)
    ]
    with tempfile.TemporaryDirectory() as folder:
        print(
            f"{'scene':<28}{'slots':>6}{'RAM':>5}{'way':>9}{'prompt':>9}{'processed':>11}", end=""
        )
        print(f"{'of alone':>10}{'last ms':>9}  goal")
        for scene in chosen:
            for slots in scene.slots:
                for ram in scene.ram:
                    measure(scene, slots, ram, Path(folder))
    return 0


def measure(scene: Scene, slots: int | None, ram: int | None, folder: Path) -> None:
    """Measure one scene in all ways."""
    alone = play("direct", scene, scene.against, slots, ram, folder) if scene.against else None
    names = ["direct", "through", *(["hearth"] if scene.hearth and has_hearth() else [])]
    for name in names:
        found = play(name, scene, scene.play, slots, ram, folder)
        assert found is not None
        last = found.answers["main"][-1]
        base = alone.processed("main") if alone else None
        share = f"{found.processed('main') / base:.2f}" if base else ""
        print(
            f"{scene.name:<28}{_shown(slots):>6}{_shown(ram):>5}{name:>9}{last.prompt_tokens:>9,}"
            f"{found.processed('main'):>11,}{share:>10}{last.seconds * 1000:>9.0f}  {scene.says}",
            flush=True,
        )


def _shown(given: int | None) -> str:
    return "own" if given is None else str(given)


def flags(slots: int | None, ram: int | None) -> list[str]:
    """The flags of llama-server; it chooses those that are None."""
    given = {"-np": slots, "--cache-ram": ram}
    return [
        part for name, value in given.items() if value is not None for part in (name, str(value))
    ]


def play(
    name: str,
    scene: Scene,
    scenario: Callable[[Way], None] | None,
    slots: int | None,
    ram: int | None,
    folder: Path,
) -> Way | None:
    """One run on a fresh server."""
    if scenario is None:
        return None
    text = template(scene.template) if scene.template else template("chatml_tools")
    with way(
        name,
        folder,
        {**_SETTINGS, **scene.settings},
        flags(slots, ram),
        text,
    ) as found:
        scenario(found)
        return found
