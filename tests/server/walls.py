"""What the source calls on a request's way: behind a wall (warmprefix/guard.py), or on the way itself.

A wall is `with guard(...)`, or `except Exception` whose first statement is a call of `failed`. What a listener
does when it is told of an end runs behind a wall as a whole (pipeline/listeners.py).
"""

import ast
from dataclasses import dataclass, field
from pathlib import Path

PROXY = Path(__file__).parents[2] / "proxy" / "warmprefix"

WAY = (
    "server/chat",
    "server/way",
    "server/parts",
    "server/count",
    "server/exchange",
    "server/relay",
    "server/ending",
    "log/turns",
)
"""The modules that a chat request goes through, from its body to its line in the log."""

LISTENERS = ("server/parts", "pipeline/listeners", "slots/seatings", "slots/compare")
"""Modules with listeners that call others."""


@dataclass
class Calls:
    """Names of what is called, `owner.method` or `function`; methods of `self` are left out."""

    walled: set[str] = field(default_factory=set)
    bare: set[str] = field(default_factory=set)
    handed: set[str] = field(default_factory=set)
    """What is handed to `run`, to be called in a thread (warmprefix/aside.py), methods of `self` included."""


def calls_of(module: str) -> Calls:
    """The calls of one module of the package, by its path without `.py`."""
    found = Calls()
    _collect(ast.parse((PROXY / f"{module}.py").read_text()), found, is_walled=False)
    return found


def _collect(node: ast.AST, found: Calls, *, is_walled: bool) -> None:
    if isinstance(node, ast.With) and any(_is_wall(item.context_expr) for item in node.items):
        for statement in node.body:
            _collect(statement, found, is_walled=True)
        return
    if isinstance(node, ast.Try) and any(map(_is_handler, node.handlers)):
        for statement in node.body:
            _collect(statement, found, is_walled=True)
        for other in (*node.handlers, *node.orelse, *node.finalbody):
            _collect(other, found, is_walled=is_walled)
        return
    if isinstance(node, ast.Call) and (name := _name(node.func)) is not None:
        (found.walled if is_walled else found.bare).add(name)
        if name == "run":
            found.handed.add(ast.unparse(node.args[0]).removeprefix("self."))
    listens = isinstance(node, ast.ClassDef) and any(map(_is_reason, node.body))
    for inner in ast.iter_child_nodes(node):
        is_told = listens and isinstance(inner, ast.FunctionDef) and inner.name == "ended"
        _collect(inner, found, is_walled=is_walled or is_told)


def _is_wall(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and ast.unparse(value.func) in ("guard", "self._guard")


def _is_handler(handler: ast.ExceptHandler) -> bool:
    if handler.type is None or ast.unparse(handler.type) != "Exception":
        return False
    match handler.body[0]:
        case ast.Expr(ast.Call(func=called)):
            return ast.unparse(called) in ("failed", "self._failed")
        case _:
            return False


def _is_reason(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "reason"


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
