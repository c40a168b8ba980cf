"""The strict law on the scenes that were once made worse, each on the servers where it was."""

import pytest

from bench.never_worse.command import pair
from bench.never_worse.scenes import SCENES, Scene
from bench.never_worse.settings import MODELS, SETTINGS
from tests.servers.stock import stock_binary

pytestmark = [
    pytest.mark.backend,
    pytest.mark.skipif(stock_binary() is None, reason="no llama-server; make servers"),
]


@pytest.mark.parametrize(
    ("scene", "name"),
    [(scene, name) for scene in SCENES for name in scene.settings],
    ids=lambda value: value.name if isinstance(value, Scene) else value,
)
def test_a_scene_costs_no_more_through_the_proxy(scene: Scene, name: str) -> None:
    one = pair(scene.plan(), setting=SETTINGS[name], model=MODELS["full"])

    assert one.broken() is None
