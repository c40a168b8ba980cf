"""The import directions and size budgets of docs/design.md, read from the source."""

import ast
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted(path.relative_to(ROOT) for path in (ROOT / "proxy" / "warmprefix").rglob("*.py"))
PURE_STDLIB = frozenset({
    "ast", "bisect", "collections", "collections.abc", "dataclasses", "difflib", "enum", "functools", "hashlib",
    "itertools", "json", "re", "string", "sys", "types", "typing",
})  # fmt: skip
"""What the core may use of the standard library: no network, clock, file, log, process or chance."""

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50


@cache
def imports(path: Path) -> tuple[str, ...]:
    """Every module that a file imports, by full name, in functions and for type checking too."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports by a relative name"
            assert node.module is not None
            yield node.module
            if (ROOT / "proxy" / node.module.replace(".", "/")).is_dir():
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(path: Path, *folders: str) -> bool:
    return any(path.as_posix().startswith(f"proxy/warmprefix/{folder}") for folder in folders)


def belongs(module: str, *names: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in names)


CORE = [path for path in FILES if within(path, "core/")]


@pytest.mark.parametrize("path", CORE, ids=str)
def test_the_core_is_pure(path: Path) -> None:
    for module in imports(path):
        assert module in PURE_STDLIB or belongs(module, "warmprefix.core", "orjson"), module


class Layer(NamedTuple):
    """Files of `folder` import no other part of the project than `allowed`."""

    folder: str
    allowed: tuple[str, ...]


LAYERS = [
    Layer("dialects/", ("warmprefix.core", "warmprefix.dialects")),
    # A request is parsed by a dialect; what it is stands in dialects/base.py, beside the core.
    Layer("profiles/", ("warmprefix.core", "warmprefix.profiles", "warmprefix.dialects.base")),
    # Background tasks are started through warmprefix.tasks alone: it keeps a reference.
    Layer(
        "backends/",
        ("warmprefix.core", "warmprefix.backends", "warmprefix.tasks", "warmprefix.dialects.base"),
    ),
    Layer("stores/", ("warmprefix.core", "warmprefix.stores")),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.folder)
def test_a_layer_imports_the_core_alone(layer: Layer) -> None:
    for path in FILES:
        if within(path, layer.folder):
            for module in imports(path):
                assert not belongs(module, "warmprefix") or belongs(module, *layer.allowed), path


FLOORS = (
    ("core",),
    ("dialects", "profiles", "backends", "stores", "config", "embedded", "connect"),
    ("pipeline",),
    ("slots", "capture", "log", "library", "telemetry"),
    ("server",),
    ("cli",),
)
"""The picture of docs/design.md, "Layout", from the bottom up."""


@pytest.mark.parametrize("floor", range(len(FLOORS)), ids=lambda floor: "-".join(FLOORS[floor]))
def test_imports_point_downwards(floor: int) -> None:
    above = [f"warmprefix.{room}" for rooms in FLOORS[floor + 1 :] for room in rooms]
    files = [path for path in FILES if within(path, *(f"{room}/" for room in FLOORS[floor]))]

    assert files
    assert not [path for path in files if any(belongs(name, *above) for name in imports(path))]


def test_every_room_has_its_floor() -> None:
    package = Path("proxy", "warmprefix")
    rooms = {path.relative_to(package).parts[0] for path in FILES if len(path.parts) > 3}

    assert rooms == {room for rooms in FLOORS for room in rooms}


class Only(NamedTuple):
    """`modules` are imported by `folders` alone. `but`: the exceptions, each with its reason."""

    id: str
    modules: tuple[str, ...]
    folders: tuple[str, ...]
    but: Mapping[str, str] = MappingProxyType({})


ONLY = [
    Only(
        "http-clients",
        ("aiohttp", "httpx", "requests", "urllib.request", "http.client"),
        ("backends/",),
        {
            "proxy/warmprefix/cli/follow_url.py": "is a client of our own HTTP interface, not of a backend",
        },
    ),
    Only("yaml", ("ruamel",), ("connect/",)),
    Only("re2", ("re2",), ("config/patterns",)),
    Only("sqlite", ("sqlite3",), ("stores/",)),
    Only("pydantic", ("pydantic", "pydantic_core"), ("config/",)),
    Only("prometheus", ("prometheus_client",), ("log/metrics",)),
    Only("redis", ("redis", "valkey"), ("stores/",)),
    Only("telemetry", ("opentelemetry",), ("telemetry/sdk",)),
    Only("ciphers", ("cryptography",), ("stores/redis/",)),
    Only("asgi", ("fastapi", "starlette", "uvicorn"), ("server/",)),
    Only("server", ("warmprefix.server",), ("server/", "cli/")),
    Only("command-line", ("typer", "rich"), ("cli/",)),
    Only("commands", ("warmprefix.cli",), ("cli/", "__main__.py")),
]


@pytest.mark.parametrize("rule", ONLY, ids=lambda rule: rule.id)
def test_a_module_is_imported_in_one_place_only(rule: Only) -> None:
    found = {
        path.as_posix()
        for path in FILES
        if not within(path, *rule.folders)
        and any(belongs(module, *rule.modules) for module in imports(path))
    }

    assert found == set(rule.but)


TERMINAL = frozenset({"print", "sys.stderr.write", "sys.stdout.write"})


def called(path: Path) -> Iterator[str]:
    """Everything that a file calls, as it is written there."""
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


@pytest.mark.parametrize("path", FILES, ids=str)
def test_only_commands_write_to_the_terminal(path: Path) -> None:
    """A write to standard error waits for whoever reads it. The proxy says what it has to say through logging,
    and warmprefix.log.operator writes it in a thread."""
    if not within(path, "cli/"):
        names = set(called(path))

        assert not names & TERMINAL
        assert not any(name.startswith("traceback.print") for name in names)


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_file_and_its_functions_keep_to_the_budget(path: Path) -> None:
    lines = len((ROOT / path).read_text().splitlines())

    assert lines <= MAX_FILE_LINES
    for node in functions(path):
        assert node.end_lineno is not None
        assert node.end_lineno - node.lineno < MAX_FUNCTION_LINES, node.name


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_module_says_what_it_is_for(path: Path) -> None:
    text = (ROOT / path).read_text()

    assert not text or ast.get_docstring(ast.parse(text))


def test_the_allowed_modules_exist() -> None:
    assert {name.partition(".")[0] for name in PURE_STDLIB} <= set(sys.stdlib_module_names)


def test_the_files_are_found() -> None:
    assert len(CORE) > 20
    assert Path("proxy/warmprefix/core/rules/__init__.py") in CORE


MEMBERS = frozenset({
    "tool_calls", "reasoning_content", "tool_call_id", "choices", "delta", "finish_reason", "id_slot",
    "cache_prompt", "cache_control", "chat_template_kwargs", "input_schema", "tool_use", "tool_use_id",
    "tool_result",
})  # fmt: skip
"""Names that only a body of some dialect has. Others, such as "content", are words of ours too."""

SPEAK_THEMSELVES = {
    "backends/experiment.py": "asks llama-server's own /completion",
    "backends/llama.py": "asks llama-server's own /completion",
    "backends/template.py": "asks llama-server's own /apply-template, which takes a chat completion",
    "backends/template_probes.py": "asks llama-server's own /apply-template, which takes a chat completion",
    "core/types.py": "fills in a field of ours that is called so",
    "telemetry/messages.py": "writes the messages of OpenTelemetry, which have a member of that name",
    "backends/lemonade.py": "rewrites members that Lemonade alone reads",
}


def test_only_a_dialect_knows_the_name_of_a_member() -> None:
    found = set()
    for path in FILES:
        if within(path, "dialects/"):
            continue
        for node in ast.walk(ast.parse((ROOT / path).read_text())):
            if isinstance(node, ast.Constant) and node.value in MEMBERS:
                found.add(path.relative_to("proxy/warmprefix").as_posix())

    assert found == set(SPEAK_THEMSELVES)


LISTED = frozenset(
    {
        "DIALECTS",
        "answering",
        "dialect_by_shape",
        "dialect_of",
        "to_render",
        "with_open_end",
    }
)
"""What the list of dialects answers for all of them."""


def test_a_dialect_is_imported_by_the_list_of_them_alone() -> None:
    for path in FILES:
        if within(path, "dialects/"):
            continue
        for module in imports(path):
            known = module in ("warmprefix.dialects", "warmprefix.dialects.base")
            known = known or belongs(module, "warmprefix.dialects.canonical_body")
            is_name = module.rpartition(".")[2] in LISTED
            assert known or is_name or not belongs(module, "warmprefix.dialects"), (path, module)
