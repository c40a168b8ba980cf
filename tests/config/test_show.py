"""The settings in force as text: TOML again, with sources and without secrets."""

import json
import re
from pathlib import Path

from warmprefix.config import effective_lines, load
from warmprefix.config.schema import KEYS


def test_the_effective_configuration_is_toml_that_loads_to_the_same(tmp_path: Path) -> None:
    hosts = json.dumps(['quo"te', "ünï"])
    before = load(None, {"WARMPREFIX_SERVER__ALLOWED_HOSTS": hosts}, {"server.port": 5})
    file = tmp_path / "printed.toml"
    file.write_text("\n".join(effective_lines(before)))

    assert load(file, {}, {}).config == before.config


def test_the_effective_configuration_names_sources_and_masks_the_key() -> None:
    lines = effective_lines(load(None, {}, {"server.port": 5, "server.api_key": "secret"}))

    assert any(re.fullmatch(r"server\.port = 5 +# flag --port", line) for line in lines)
    assert len({line.index("   # ") for line in lines}) == 1
    assert "secret" not in "".join(lines)
    assert len(lines) == len(KEYS)
