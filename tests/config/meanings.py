"""What the schema says of each setting for people: the text below its field, and its unit."""

import ast
import inspect
import typing
from collections.abc import Mapping

from warmprefix.config import schema
from warmprefix.config.schema import Key


def meanings(of: type[object]) -> Mapping[str, str]:
    """The meaning of each field of a section, those of the classes that it extends included."""
    found: dict[str, str] = {}
    for cls in reversed(of.__mro__[:-1]):
        body = ast.parse(inspect.getsource(cls)).body[0]
        assert isinstance(body, ast.ClassDef)
        for setting, below in zip(body.body, body.body[1:], strict=False):
            match setting, below:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    found[name] = " ".join(text.split())
    return found


def section_of(key: Key) -> type[object]:
    """The class of the section that a setting is in."""
    return type(getattr(schema.Config(), key.section))


def unit_of(key: Key) -> str:
    """The text in the annotation of a setting; empty for one without a unit."""
    annotation = typing.get_type_hints(section_of(key), include_extras=True)[key.name]
    return next((said for said in typing.get_args(annotation) if said in UNITS), "")


UNITS = ("bytes", "files", "seconds", "tokens")

MEANINGS: Mapping[str, str] = {
    key.path: meanings(section_of(key))[key.name] for key in schema.KEYS.values()
}
"""The meaning of every setting by its path; a setting without one is a KeyError."""

TABLE_MEANINGS: Mapping[str, str] = {
    name: meanings(schema.NamedBackend)[name] for name in schema.TABLE_KEYS
}
"""The meaning of every setting of a `[[backends]]` table."""
