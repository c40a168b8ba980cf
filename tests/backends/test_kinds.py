"""What the registry of kinds promises. What each kind wants done differently: test_lemonade.py."""

import pytest

from tests.fakes.scripted import ScriptedBackend
from tests.fakes.scripted_replies import json_response
from warmprefix.backends.base import EVERYTHING, Ability, Kind
from warmprefix.backends.client import Asker
from warmprefix.backends.kinds import KINDS, OTHER, kind_named
from warmprefix.backends.probe import Props, Silence, props_of

ABILITIES: dict[str, frozenset[Ability]] = {
    "lemonade": EVERYTHING,  # those of the llama-server behind it
    "llamacpp": EVERYTHING,
    "vllm": frozenset(),
    "sglang": frozenset(),
    "mlx": frozenset(),
    "lm-studio": frozenset(),
    "ollama": frozenset(),
    "openai-compatible": frozenset(),
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_can_do_what_is_said_here(kind: Kind) -> None:
    assert kind.can == ABILITIES[kind.name]
    assert kind_named(kind.name) is kind


def test_only_the_last_kind_has_no_mark() -> None:
    assert [kind for kind in KINDS if kind.mark is None] == [KINDS[-1]] == [OTHER]


def test_what_needs_the_properties_has_them() -> None:
    for kind in KINDS:
        assert "props" in kind.can or not kind.can - {"counts"}


def test_who_has_no_slots_says_how_it_counts() -> None:
    for kind in KINDS:
        engine = kind.engine
        assert (engine is None) is (kind is OTHER or "slots" in kind.can)
        if engine is not None:
            assert bool(engine.option) is (engine.counts == "with-option")
            assert engine.source.startswith("https://")


@pytest.mark.parametrize("name", ["auto", "llama", ""])
def test_no_kind_has_another_name(name: str) -> None:
    assert kind_named(name) is None


PROPS = {"total_slots": 3, "chat_template": "t"}


@pytest.mark.parametrize(
    ("can", "found"),
    [
        pytest.param(EVERYTHING, 3, id="everything"),
        pytest.param({"props"}, 0, id="no-slots"),
        pytest.param(set(), None, id="no-props"),
    ],
)
async def test_properties_are_read_as_far_as_the_kind_has_them(
    can: set[Ability], found: int | None
) -> None:
    kind = Kind("some", frozenset(can))
    async with (
        ScriptedBackend(otherwise=json_response(PROPS)) as backend,
        Asker() as client,
    ):
        props = await props_of(client, backend.url, kind)

    if found is None:
        assert props is Silence.NO_LLAMA_SERVER
        assert backend.requests == []
    else:
        assert isinstance(props, Props)
        assert props.total == found
