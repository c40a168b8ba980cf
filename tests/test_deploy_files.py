"""The files for several proxies: what they name exists, and what must fit together does."""

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.kubernetes_fields import problems_of
from warmprefix.config import Config
from warmprefix.config.load import load
from warmprefix.config.schema import KEYS
from warmprefix.stores import store_kind

ROOT = Path(__file__).parents[1]
DOCKER = ROOT / "docker"
MANIFESTS = sorted((DOCKER / "kubernetes").glob("*.yaml"))
HAPROXY = shutil.which("haproxy")
PROXIES = ("warmprefix-1", "warmprefix-2", "warmprefix-3")

Yaml = dict[str, Any]


def yaml_of(path: Path) -> Yaml:
    yaml = pytest.importorskip("yaml")
    content: Yaml = yaml.safe_load(path.read_text())
    return content


@pytest.fixture(scope="module")
def compose() -> Yaml:
    return yaml_of(DOCKER / "compose.scale.yaml")


@pytest.fixture(scope="module")
def manifests() -> dict[str, Yaml]:
    return {path.stem: yaml_of(path) for path in MANIFESTS}


def test_the_three_proxies_are_the_same(compose: Yaml) -> None:
    services = compose["services"]

    one, *others = (services[name] for name in PROXIES)
    assert all(other == one for other in others)
    assert one["read_only"] is True
    assert one["cap_drop"] == ["ALL"]
    assert int(one["stop_grace_period"].removesuffix("s")) > Config().server.shutdown_grace_s


def test_only_the_balancer_is_published_and_on_loopback_alone(compose: Yaml) -> None:
    services = compose["services"]
    ports = {name: service["ports"] for name, service in services.items() if "ports" in service}

    assert ports == {"haproxy": [f"127.0.0.1:${{WARMPREFIX_PORT:-8484}}:{Config().server.port}"]}


def test_compose_gives_a_proxy_settings_that_are_right(compose: Yaml) -> None:
    """Under the environment of the image, which names a file for the ledger."""
    given = {k: v for k, v in compose["services"][PROXIES[0]]["environment"].items() if v}
    image = dict(re.findall(r"(WARMPREFIX_\w+)=(\S+)", (ROOT / "Dockerfile").read_text()))
    image = {name: value.strip("'") for name, value in image.items()}

    config = load(None, image | given, {}).config
    assert config.memory.path == "redis://valkey:6379/0"
    names = [backend.url.removeprefix("http://").split(":")[0] for backend in config.backends]
    assert names == ["llama-1", "llama-2"]
    assert {*names, "valkey"} <= {*compose["services"]}


def test_the_ledger_drops_the_oldest_before_it_is_full(compose: Yaml) -> None:
    command = compose["services"]["valkey"]["command"]
    most = int(command[command.index("--maxmemory") + 1].removesuffix("mb")) << 20

    assert most > Config().memory.max_bytes
    assert command[command.index("--maxmemory-policy") + 1] == "allkeys-lru"


def test_the_ledger_is_open_to_the_other_containers_of_any_image(compose: Yaml) -> None:
    valkey = compose["services"]["valkey"]
    command = valkey["command"]

    assert command[command.index("--protected-mode") + 1] == "no"
    assert "ports" not in valkey


def test_a_llama_server_listens_where_the_proxies_look_for_it(compose: Yaml) -> None:
    """Builds differ in their default port."""
    config = load(None, {"WARMPREFIX_BACKENDS": backends_of(compose)}, {}).config

    for backend in config.backends:
        name, port = backend.url.removeprefix("http://").split(":")
        service = compose["services"][name]
        listens = {key: service["environment"][f"LLAMA_ARG_{key}"] for key in ("HOST", "PORT")}
        assert listens == {"HOST": "0.0.0.0", "PORT": port}  # in its container
        assert f":{port}/" in service["healthcheck"]["test"][-1]


def backends_of(compose: Yaml) -> str:
    text: str = compose["services"][PROXIES[0]]["environment"]["WARMPREFIX_BACKENDS"]
    return text


def test_the_parts_that_debian_has_are_those_of_the_compose_file(compose: Yaml) -> None:
    stages = re.findall(r" AS (\w+)$", (DOCKER / "parts.Dockerfile").read_text(), re.MULTILINE)
    images = [service["image"] for service in compose["services"].values()]

    named = {name.lower() for image in images for name in re.findall(r"\$\{(\w+)_IMAGE", image)}
    assert {*stages} == named


def test_the_balancer_knows_the_proxies_and_their_page(compose: Yaml) -> None:
    text = (DOCKER / "haproxy.cfg").read_text()

    servers = dict(re.findall(r"^  server (\S+) (\S+)", text, re.MULTILINE))
    assert servers == {name: f"{name}:{Config().server.port}" for name in PROXIES}
    assert "uri /warmprefix/health" in text
    assert "./haproxy.cfg:" in compose["services"]["haproxy"]["volumes"][0]


@pytest.mark.skipif(HAPROXY is None, reason="no haproxy (Debian: apt-get install haproxy)")
def test_haproxy_reads_its_file() -> None:
    """Its warnings are that the names of the containers are not known here."""
    line = [str(HAPROXY), "-c", "-f", str(DOCKER / "haproxy.cfg")]
    checked = subprocess.run(line, capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stderr
    warnings = re.findall(r"^\[WARNING\].*", checked.stderr, re.MULTILINE)
    assert [line for line in warnings if "could not resolve address" not in line] == []


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_a_manifest_has_the_fields_of_its_kind_and_no_others(path: Path) -> None:
    assert problems_of(yaml_of(path)) == []


def test_a_field_in_the_wrong_place_is_named() -> None:
    service = yaml_of(DOCKER / "kubernetes" / "service.yaml")
    service["spec"]["ports"][0] |= {"port": "8484", "probe": {}}
    service["spec"]["selector"] = ["warmprefix"]

    assert problems_of(service) == [
        ".spec.selector is no table of texts",
        ".spec.ports[0].port is no <class 'int'>",
        ".spec.ports[0].probe is no field",
    ]
    assert problems_of({"kind": "Service"}) != []


def test_the_manifests_belong_together(manifests: dict[str, Yaml]) -> None:
    deployment, service = manifests["deployment"], manifests["service"]
    pod = deployment["spec"]["template"]
    (container,) = pod["spec"]["containers"]

    labels = pod["metadata"]["labels"].items()
    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels
    assert service["spec"]["selector"].items() <= labels
    assert service["spec"]["ports"][0]["targetPort"] == container["ports"][0]["name"]
    target = manifests["hpa"]["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", deployment["metadata"]["name"])
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == {*volumes}
    assert volumes["config"]["configMap"]["name"] == manifests["config"]["metadata"]["name"]
    assert volumes["secret"]["secret"]["secretName"] == manifests["secret"]["metadata"]["name"]


def test_a_pod_is_probed_at_pages_that_exist_and_has_time_to_drain(
    manifests: dict[str, Yaml],
) -> None:
    spec = manifests["deployment"]["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    documented = (ROOT / "docs" / "reference.md").read_text()

    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        probe = container[name]["httpGet"]
        assert f"`{probe['path']}`" in documented
        assert probe["httpHeaders"] == [{"name": "Host", "value": "localhost"}]
    assert container["ports"][0]["containerPort"] == Config().server.port
    assert spec["terminationGracePeriodSeconds"] > Config().server.shutdown_grace_s + 5
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert spec["securityContext"]["runAsUser"] == 10001


def test_the_settings_in_the_config_map_are_right(
    manifests: dict[str, Yaml], tmp_path: Path
) -> None:
    """Its secrets are files of the secret, in the folder where the pod has them."""
    text = manifests["config"]["data"]["warmprefix.toml"]
    spec = manifests["deployment"]["spec"]["template"]["spec"]
    mounts = {mount["name"]: mount for mount in spec["containers"][0]["volumeMounts"]}
    files = re.findall(r'"(/run/secrets/[^"]+)"', text)
    for name, value in manifests["secret"]["stringData"].items():
        (tmp_path / name).write_text(value)
    file = tmp_path / "warmprefix.toml"
    file.write_text(text.replace(mounts["secret"]["mountPath"], str(tmp_path)))

    config = load(file, {}, {}).config
    assert {Path(name).name for name in files} == {*manifests["secret"]["stringData"]}
    assert store_kind(config.memory.store).place == "address"
    assert len(config.backends) == 2
    assert tomllib.loads(text)["memory"]["store"] == config.memory.path


def test_every_variable_in_the_deployment_is_a_setting(manifests: dict[str, Yaml]) -> None:
    (container,) = manifests["deployment"]["spec"]["template"]["spec"]["containers"]
    ours = {each["name"]: each["value"] for each in container["env"] if "value" in each}

    names = {name.removeprefix("WARMPREFIX_").lower().replace("__", ".") for name in ours}
    assert names <= {*KEYS}
    assert "$(POD_IP)" in json.loads(ours["WARMPREFIX_SERVER__ALLOWED_HOSTS"])
