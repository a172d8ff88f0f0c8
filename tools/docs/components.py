"""Blocks of docs/components.md: every component with an example, its arguments and its outputs."""

import ast
import inspect
import sys
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from irsa_components import values
from irsa_components.package.provider import COMPONENTS
from tools.docs.markdown import anchor, table

EXAMPLES = Path(__file__).parent / "examples"
COMPARED = EXAMPLES.parent / "compared"
REQUIRED = "**required**"


def contents() -> str:
    """Return the list of the components."""
    return "".join(
        f"- [`{name}`]({anchor(name)}): {purpose(kind)}\n" for name, kind in components().items()
    )


def compared() -> str:
    """Return a whole program, which the page compares with the same by other tools."""
    return f"```python\n{(COMPARED / 'components.py').read_text()}```\n"


def components() -> dict[str, Any]:
    """Every component, by its name."""
    return {kind.__name__: kind for kind in COMPONENTS}


def example(name: str) -> Path:
    """The program that shows a component."""
    return EXAMPLES / f"{_module(name)}.py"


def _module(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)[1:]


def section(name: str) -> str:
    """Return an example of a component, its arguments and its outputs."""
    kind = components()[name]
    args = get_type_hints(kind.__init__)["args"]
    file = f"components/irsa_components/{_module(name)}.py"
    nested = "".join(
        f"`{nested_args.__name__}`: {purpose(nested_args)}\n\n{_arguments_table(nested_args)}\n"
        for nested_args in _nested(args)
    )
    return (
        f"{purpose(kind)} ([{file}](../{file}))\n\n"
        f"```python\n{example(name).read_text()}```\n\n"
        f"{_arguments_table(args)}\n{nested}"
        f"{table(('output', 'type', 'meaning'), list(_outputs(kind)))}"
    )


def purpose(kind: Any) -> str:
    """Return the first paragraph of a class's docstring."""
    return " ".join((inspect.getdoc(kind) or "").partition("\n\n")[0].split())


def _arguments_table(kind: Any) -> str:
    return table(("argument", "type", "default", "meaning"), list(_arguments(kind)))


def _nested(hint: Any) -> Iterator[Any]:
    for each in [each.type for each in fields(hint)] if is_dataclass(hint) else get_args(hint):
        if is_dataclass(each):
            yield each
        yield from _nested(each)


def _arguments(kind: Any) -> Iterator[tuple[str, str, str, str]]:
    defaults = {each.name: _default(each) for each in fields(kind)}
    for name, annotation, text in annotated(kind):
        if name in defaults:
            yield f"`{name}`", f"`{annotation}`", defaults[name], text


def _outputs(kind: Any) -> Iterator[tuple[str, str, str]]:
    for name, annotation, text in annotated(kind):
        yield f"`{name}`", f"`{annotation}`", text


def _default(field: "Field[Any]") -> str:
    if field.default_factory is not MISSING:
        return f"`{getattr(field.default_factory, '__name__', '')}()`"
    if field.default is values.FROM_OBJECT:
        return "the component's"
    return REQUIRED if field.default is MISSING else f"`{field.default!r}`"


def annotated(kind: Any) -> Iterator[tuple[str, str, str]]:
    """Yield name, annotation and docstring of a class's fields, inherited ones included."""
    for base in kind.__bases__:
        if base.__module__.startswith("irsa_components."):
            yield from annotated(base)
    (node,) = ast.parse(inspect.getsource(kind)).body
    unchecked = _Unchecked(kind.__module__)
    for member, after in pairwise([*getattr(node, "body", []), None]):
        match member, after:
            case ast.FunctionDef(name=name, decorator_list=[ast.Name(id="property")]), _ if (
                not name.startswith("_") and member.returns is not None
            ):
                text = (ast.get_docstring(member) or "").partition("\n\n")[0]
                yield name, ast.unparse(member.returns), " ".join(text.split())
            case (
                ast.AnnAssign(target=ast.Name(id=name), annotation=annotation),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                hint = ast.unparse(unchecked.visit(annotation)).strip("'")
                yield name, hint, " ".join(text.split())


class _Unchecked(ast.NodeTransformer):
    """Leaves out the checks that an annotation has, or a type that it names."""

    def __init__(self, module: str) -> None:
        self._module = sys.modules[module]

    def visit(self, node: ast.AST) -> Any:
        """Replace a type that is checked by the type of its values."""
        match node:
            case ast.Name(id=name):
                kind = getattr(self._module, name, None)
            case ast.Attribute(value=ast.Name(id="values"), attr=name):
                kind = getattr(values, name)
            case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[kind, *_])):
                return self.visit(kind)
            case _:
                return self.generic_visit(node)
        return ast.Name(get_args(kind)[0].__name__) if get_origin(kind) is Annotated else node
