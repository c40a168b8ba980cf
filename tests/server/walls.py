"""What the source calls on a request's way: behind a wall (warmprefix/guard.py), or on the way itself."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PROXY = Path(__file__).parents[2] / "proxy" / "warmprefix"

WAY = (
    "server/chat",
    "server/way",
    "server/parts",
    "server/exchange",
    "server/renamed",
    "server/ending",
    "log/turns",
)
"""The modules that a chat request goes through, from its body to its line in the log."""


@dataclass
class Calls:
    """Names of what is called, `owner.method` or `function`; methods of `self` are left out."""

    walled: set[str] = field(default_factory=set)
    bare: set[str] = field(default_factory=set)


def calls_of(module: str) -> Calls:
    """The calls of one module of the package, by its path without `.py`.

    A step at the end of a turn runs behind a wall as a whole.
    """
    tree = ast.parse((PROXY / f"{module}.py").read_text())
    steps = set(_steps(tree))
    found = Calls()
    _collect(tree, found, steps, is_walled=False)
    return found


def _steps(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "STEPS":
            assert isinstance(node.value, ast.Tuple)
            for pair in node.value.elts:
                assert isinstance(pair, ast.Tuple)
                yield ast.unparse(pair.elts[1])


def _collect(node: ast.AST, found: Calls, steps: set[str], *, is_walled: bool) -> None:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in steps:
        is_walled = True
    if isinstance(node, ast.With) and any(_is_wall(item.context_expr) for item in node.items):
        for statement in node.body:
            _collect(statement, found, steps, is_walled=True)
        return
    if isinstance(node, ast.Call) and (name := _name(node.func)) is not None:
        (found.walled if is_walled else found.bare).add(name)
    for inner in ast.iter_child_nodes(node):
        _collect(inner, found, steps, is_walled=is_walled)


def _is_wall(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and ast.unparse(value.func) in ("guard", "self._guard")


def _name(called: ast.expr) -> str | None:
    if isinstance(called, ast.Name):
        return called.id
    if not isinstance(called, ast.Attribute):
        return None
    match called.value:
        case ast.Name(id="self"):
            return None
        case ast.Name(id=owner) | ast.Attribute(attr=owner):
            return f"{owner.lstrip('_')}.{called.attr}"
        case _:
            return None
