"""docs/components.md: every component with an example that runs, its arguments and its outputs."""

import ast
import inspect
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import pulumi

from tools.docs.markdown import anchor, table
from tools.docs.paths import ROOT

EXAMPLES = Path(__file__).parent / "examples"
PAGE = "docs/components.md"
REQUIRED = "**required**"

INTRO = """# Components

<!-- Written by tools/docs/components.py from the components' classes and tools/docs/examples. -->

Pulumi components for Python. Each takes a name, its arguments and `ResourceOptions`, whose
providers its children inherit. An output that names a resource (`role_arn`, `bucket_name`) is known
once everything that belongs to the resource exists, so that a dependent finds it complete.
"""


def pages() -> dict[str, str]:
    """Return the generated page, by its path in the repository."""
    kinds = components()
    contents = "".join(f"- [`{name}`]({anchor(name)}): {_purpose(kinds[name])}\n" for name in kinds)
    sections = (_component(name, kind) for name, kind in kinds.items())
    nested = "".join(
        f"\n### {name}\n\n{_purpose(kind)}\n\n{_arguments(kind)}"
        for name, kind in _classes().items()
        if is_dataclass(kind) and name.endswith("Args") and name.removesuffix("Args") not in kinds
    )
    return {PAGE: f"{INTRO}\n{contents}{''.join(sections)}\n## Nested arguments\n{nested}"}


def components() -> dict[str, Any]:
    """Return every component by its name."""
    return {
        name: kind
        for name, kind in _classes().items()
        if issubclass(kind, pulumi.ComponentResource)
    }


def _classes() -> dict[str, Any]:
    """The classes that the files in components/ define."""
    modules = [
        import_module(f"components.{file.stem}")
        for file in sorted((ROOT / "components").glob("[a-z]*.py"))
    ]
    return {
        name: kind
        for module in modules
        for name, kind in inspect.getmembers(module, inspect.isclass)
        if kind.__module__ == module.__name__
    }


def example(kind: Any) -> Path:
    """Return the program that shows a component."""
    return EXAMPLES / Path(inspect.getfile(kind)).name


def _component(name: str, kind: Any) -> str:
    args = getattr(inspect.getmodule(kind), f"{name}Args")
    file = f"components/{example(kind).name}"
    return (
        f"\n## {name}\n\n{_purpose(kind)} ([{file}](../{file}))\n\n"
        f"```python\n{example(kind).read_text()}```\n\n"
        f"{_arguments(args)}\n{table(('output', 'type', 'meaning'), list(_outputs(kind)))}"
    )


def _purpose(kind: Any) -> str:
    return " ".join((inspect.getdoc(kind) or "").partition("\n\n")[0].split())


def _arguments(kind: Any) -> str:
    defaults = {each.name: _default(each) for each in fields(kind)}
    rows = [
        (f"`{name}`", f"`{annotation}`", defaults[name], text)
        for name, annotation, text in _annotated(kind)
    ]
    return table(("argument", "type", "default", "meaning"), rows)


def _outputs(kind: Any) -> Iterator[tuple[str, str, str]]:
    for name, annotation, text in _annotated(kind):
        yield f"`{name}`", f"`{annotation}`", text


def _default(field: "Field[Any]") -> str:
    if field.default_factory is not MISSING:
        return f"`{getattr(field.default_factory, '__name__', '')}()`"
    return REQUIRED if field.default is MISSING else f"`{field.default!r}`"


def _annotated(kind: Any) -> Iterator[tuple[str, str, str]]:
    """Name, annotation and docstring of the annotated attributes of a class, in order."""
    (node,) = ast.parse(inspect.getsource(kind)).body
    for each, after in pairwise(getattr(node, "body", [])):
        match each, after:
            case (
                ast.AnnAssign(target=ast.Name(id=name), annotation=annotation),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                yield name, ast.unparse(annotation), " ".join(text.split())
