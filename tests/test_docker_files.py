"""What can be said about the container's files without Docker; docker/smoke.sh runs them."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.metric_names import metric_names
from warmprefix.config.schema import KEYS, Config

ROOT = Path(__file__).parents[1]
DOCKERFILE = ROOT / "Dockerfile"
SMOKE = ROOT / "docker" / "smoke.sh"
SMOKES = [SMOKE, ROOT / "docker" / "smoke_scale.sh"]
STEPS = ROOT / "docker" / "smoke_steps.sh"
DASHBOARD = ROOT / "docker" / "grafana-dashboard.json"
COMPOSE = [ROOT / "docker" / "compose.yaml", ROOT / "docker" / "compose.lemonade.yaml"]
FILES = [DOCKERFILE, SMOKE, ROOT / "docker" / "README.md", *COMPOSE]

Yaml = dict[str, Any]


def names(paths: list[Path]) -> list[str]:
    """The ids of a test that runs for each of `paths`."""
    return [path.name for path in paths]


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions in order: keyword and the rest, continued lines joined."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    pairs = [line.split(None, 1) for line in joined.splitlines() if line.strip()]
    return [(keyword, rest.strip()) for keyword, rest in pairs]


def arguments(keyword: str) -> list[str]:
    """What follows each instruction of that name."""
    return [rest for name, rest in instructions() if name == keyword]


def load(path: Path) -> Yaml:
    """A compose file; the test is skipped where PyYAML is missing."""
    yaml = pytest.importorskip("yaml")
    content: Yaml = yaml.safe_load(path.read_text())
    return content


@pytest.mark.parametrize("path", FILES, ids=names(FILES))
def test_every_setting_that_a_file_names_exists(path: Path) -> None:
    """A renamed setting must not leave a variable behind that nobody reads."""
    found = re.findall(r"WARMPREFIX_([A-Z]+)__([A-Z_]*[A-Z])", path.read_text())
    settings = {f"{section.lower()}.{key.lower()}" for section, key in found}

    assert settings - set(KEYS) == set()


def test_both_stages_are_built_on_the_image_that_the_builder_chose() -> None:
    """A venv works only beside the interpreter that made it."""
    assert arguments("ARG")[0].startswith("PYTHON_IMAGE=python:3.")
    assert [image.split()[0] for image in arguments("FROM")] == ["${PYTHON_IMAGE}"] * 2


def test_the_container_runs_the_proxy_as_a_fixed_user_that_is_not_root() -> None:
    assert arguments("USER") == ["10001:10001"]
    assert arguments("ENTRYPOINT") == ['["warmprefix"]']
    assert arguments("CMD")[-1] == '["serve"]'
    assert "WARMPREFIX_SERVER__HOST=0.0.0.0" in arguments("ENV")[-1]
    assert "WARMPREFIX_MEMORY__PATH=/data/ledger.db" in arguments("ENV")[-1]


def test_the_container_exposes_and_checks_the_default_port() -> None:
    port = str(Config().server.port)

    assert arguments("EXPOSE") == [port]
    assert f"'WARMPREFIX_SERVER__PORT', '{port}'" in arguments("HEALTHCHECK")[0]
    assert "/warmprefix/health" in arguments("HEALTHCHECK")[0]


def test_what_is_copied_exists_and_is_let_through_by_dockerignore() -> None:
    copied = {
        source
        for rest in arguments("COPY")
        if not rest.startswith("--from")
        for source in rest.split()[:-1]
    }
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    let_through = {line.removeprefix("!") for line in ignore if line.startswith("!")}

    assert copied == let_through
    assert [source for source in copied if not (ROOT / source).exists()] == []


@pytest.mark.parametrize("path", COMPOSE, ids=names(COMPOSE))
def test_compose_publishes_the_proxy_alone_and_on_loopback_alone(path: Path) -> None:
    services = load(path)["services"]
    ports = {name: service["ports"] for name, service in services.items() if "ports" in service}

    assert ports == {"warmprefix": [f"127.0.0.1:${{WARMPREFIX_PORT:-8484}}:{Config().server.port}"]}


@pytest.mark.parametrize("path", COMPOSE, ids=names(COMPOSE))
def test_compose_runs_the_proxy_read_only_with_time_to_drain(path: Path) -> None:
    proxy = load(path)["services"]["warmprefix"]

    assert proxy["read_only"] is True
    assert proxy["cap_drop"] == ["ALL"]
    assert "ledger:/data" in proxy["volumes"]
    assert int(proxy["stop_grace_period"].removesuffix("s")) > Config().server.shutdown_grace_s


@pytest.mark.parametrize("path", COMPOSE, ids=names(COMPOSE))
def test_compose_declares_the_volumes_it_uses_and_no_other(path: Path) -> None:
    compose = load(path)
    used = {
        re.sub(r"\$\{\w+:-(\w+)\}", r"\1", volume).split(":")[0]
        for service in compose["services"].values()
        for volume in service["volumes"]
    }

    assert used == set(compose["volumes"])


def test_compose_leaves_slots_and_caches_to_llama_server() -> None:
    """The proxy is measured on a server without flags; a number of slots or a kind of cache is the user's."""
    llama = load(ROOT / "docker" / "compose.yaml")["services"]["llama"]
    given = {name for name, value in llama["environment"].items() if value is not None}

    settings = {"HF_REPO", "CTX_SIZE", "ENDPOINT_METRICS", "HOST", "PORT"}
    assert given == {f"LLAMA_ARG_{setting}" for setting in settings}
    assert llama["command"] == ["--slot-save-path", "/slots"]


@pytest.mark.parametrize("path", SMOKES, ids=lambda path: path.name)
def test_a_smoke_test_can_be_run_and_is_valid_bash(path: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash here")
    for script in (path, STEPS):
        line = [bash, "-n", str(script)]
        checked = subprocess.run(line, capture_output=True, text=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, "")

    assert os.access(path, os.X_OK)


@pytest.mark.parametrize("path", SMOKES, ids=lambda path: path.name)
def test_a_smoke_test_explains_every_variable_it_reads(path: Path) -> None:
    script = path.read_text()
    read = set(re.findall(r"\$\{([A-Z_]+):[-+]", script + STEPS.read_text()))
    explained = set(re.findall(r"^  ([A-Z_]+)  ", script, re.MULTILINE))

    assert explained == read


def test_prometheus_reads_the_page_of_metrics_at_the_default_port() -> None:
    job = load(ROOT / "docker" / "prometheus.yml")["scrape_configs"][0]

    assert job["metrics_path"] == "/warmprefix/metrics"
    assert job["static_configs"] == [{"targets": [f"127.0.0.1:{Config().server.port}"]}]


def queries(dashboard: Yaml) -> list[str]:
    """Every expression that the dashboard asks Prometheus for, variables included."""
    targets = [target for panel in dashboard["panels"] for target in panel["targets"]]
    variables = dashboard["templating"]["list"]
    return [target["expr"] for target in targets] + [v.get("definition", "") for v in variables]


def test_the_dashboard_asks_for_metrics_and_labels_that_exist() -> None:
    """A renamed metric must not leave an empty panel behind."""
    asked = "\n".join(queries(json.loads(DASHBOARD.read_text())))
    named = set(re.findall(r"warmprefix_\w+", asked))
    grouped = {
        label for names in re.findall(r"by \(([\w, ]+)\)", asked) for label in names.split(", ")
    }
    documented = (ROOT / "docs" / "reference.md").read_text()

    assert {re.sub(r"_seconds_(bucket|count|sum)$", "_seconds", name) for name in named} <= set(
        metric_names()
    )
    assert all(f"`{label}`" in documented for label in grouped - {"le"})


def test_the_dashboard_shows_what_a_person_looks_for() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    titles = {panel["title"] for panel in panels}

    assert {"Reuse ratio", "Breaks by cause", "Time to first token", "Ledger size"} <= titles
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert overlapping([panel["gridPos"] for panel in panels]) == []


def overlapping(places: list[dict[str, int]]) -> list[tuple[int, int]]:
    """Cells of the grid that two panels cover."""
    cells = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    return [cell for cell, times in Counter(cells).items() if times > 1]


@pytest.mark.parametrize("path", SMOKES, ids=lambda path: path.name)
def test_a_smoke_test_ends_a_build_that_hangs(path: Path, tmp_path: Path) -> None:
    """What the build says is seen, and the build is gone afterwards."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash here")
    docker, model = tmp_path / "docker", tmp_path / "model.gguf"
    docker.write_text('#!/bin/sh\n[ "$1" = build ] || exit 0\necho "Step 1"\nexec sleep 600\n')
    docker.chmod(0o755)
    model.touch()
    own = {"DOCKER": str(docker), "PYTHON": sys.executable, "LIMIT_S": "1", "MODEL": str(model)}
    command = [bash, str(path)]
    ran = subprocess.run(
        command, env={**os.environ, **own}, capture_output=True, text=True, check=False
    )

    assert ran.returncode == 1
    assert "\nStep 1\n" in ran.stderr
    assert ran.stderr.endswith("smoke: FAILED: docker build took more than 1 seconds (LIMIT_S)\n")
