"""Puts the tables into the README: `python tools/docs/tables.py [--check] [README.md]`.

The tables are read out of the sources, without running them: Pulumi.yaml's configuration with the
settings' field docstrings, and the components' arguments and outputs. A block stands between the
markers ``<!-- begin: NAME -->`` and ``<!-- end: NAME -->``.
"""

import argparse
import ast
import copy
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
PROJECTS = {"Pulumi.yaml": "AccountASettings", "account_b/Pulumi.yaml": "AccountBSettings"}
REGION = "aws:region"
REQUIRED = "**required**"
WORDS = {"str": "text", "AccountId": "text", "int": "number", "bool": "true or false"}


@dataclass(frozen=True)
class Field:
    """An annotated name in a class body, with the docstring under it."""

    name: str
    annotation: ast.expr
    default: ast.expr | None
    text: str

    @property
    def key(self) -> str:
        """Its name in configuration."""
        first, *rest = self.name.split("_")
        return first + "".join(word.capitalize() for word in rest)


@dataclass
class Sources:
    """What stands in the modules of a folder: classes with their fields, and constants."""

    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    constants: dict[str, ast.expr] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)

    @classmethod
    def read(cls, *folders: Path) -> "Sources":
        """Parse every module of the folders."""
        found = cls()
        for file in sorted(file for folder in folders for file in folder.rglob("*.py")):
            for node in ast.parse(file.read_text()).body:
                match node:
                    case ast.ClassDef(name=name):
                        found.classes[name] = node
                        found.files[name] = file
                    case (
                        ast.Assign(targets=[ast.Name(id=name)], value=value)
                        | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
                    ):
                        found.constants[name] = value
        return found

    def fields(self, name: str) -> list[Field]:
        """The documented fields of a class, in order."""
        body = self.classes[name].body
        return [
            Field(node.target.id, node.annotation, node.value, " ".join(text.split()))
            for node, after in pairwise(body)
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
            if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            if isinstance(text := after.value.value, str)
        ]

    def resolved(self, node: ast.expr) -> ast.expr:
        """The expression with what its constants stand for."""
        return _Resolver(self.constants).visit(copy.deepcopy(node))


class _Resolver(ast.NodeTransformer):
    def __init__(self, constants: Mapping[str, ast.expr]) -> None:
        self._constants = constants

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._constants.get(node.id, node)


def config_tables(root: Path = ROOT) -> str:
    """One table for each Pulumi project: every key of its configuration."""
    sources = Sources.read(root / "components", root / "irsa" / "identity")
    parts: list[str] = []
    for file, settings in PROJECTS.items():
        project = yaml.safe_load((root / file).read_text())
        rows = list(_config_rows(sources, settings, project["name"], project["config"]))
        parts.append(f"Project `{project['name']}` ([{file}]({file})): {project['description']}\n")
        parts.append(_folded("Keys", _table(("key", "value", "default", "meaning"), rows)))
    return "\n".join(parts)


def _config_rows(
    sources: Sources, settings: str, project: str, declared: dict[str, Any]
) -> Iterator[Sequence[str]]:
    fields = {f"{project}:{found.key}": found for found in sources.fields(settings)}
    region = fields.pop(f"{project}:region")
    if fields.keys() != declared.keys():
        raise ValueError(
            f"{project}'s Pulumi.yaml and {settings} differ in "
            f"{', '.join(sorted(fields.keys() ^ declared.keys()))}; bring them together"
        )
    yield f"`{REGION}`", "text", REQUIRED, region.text.replace(f", from ``{REGION}``", "")
    for key, entry in declared.items():
        default = REQUIRED if fields[key].default is None else _yaml(entry.get("default"))
        kind = _kind(sources, fields[key].annotation)
        yield f"`{key}`", kind, default, entry["description"].strip()
        yield from _nested(sources, fields[key].annotation, key)


def _nested(sources: Sources, annotation: ast.expr, path: str) -> Iterator[Sequence[str]]:
    """The keys inside a mapping, or inside the mappings of a list."""
    kind, many = _core(annotation)
    name = ast.unparse(kind)
    if name not in sources.classes:
        return
    path = f"{path}[]" if many else path
    for found in sources.fields(name):
        key = f"{path}.{found.key}"
        default = _default(sources, found)
        yield f"`{key}`", _kind(sources, found.annotation), default, found.text
        yield from _nested(sources, found.annotation, key)


def _core(annotation: ast.expr) -> tuple[ast.expr, bool]:
    """The annotation without ``| None``, or what a tuple of it holds; and whether it is many."""
    match annotation:
        case ast.BinOp(left=left, right=ast.Constant(value=None)):
            return _core(left)
        case ast.Subscript(value=ast.Name(id="tuple"), slice=ast.Tuple(elts=[item, _])):
            return item, True
        case _:
            return annotation, False


def _kind(sources: Sources, annotation: ast.expr) -> str:
    kind, many = _core(annotation)
    if many:
        return f"list of {_kind(sources, kind)}"
    if isinstance(kind, ast.Name) and kind.id in WORDS:
        return WORDS[kind.id]
    match sources.resolved(kind):
        case ast.Subscript(value=ast.Name(id="Literal"), slice=ast.Tuple(elts=options)):
            return ", ".join(f"`{ast.literal_eval(option)}`" for option in options)
        case _:
            return "mapping"


def _default(sources: Sources, found: Field) -> str:
    if found.default is None:
        return REQUIRED
    try:
        return _yaml(ast.literal_eval(sources.resolved(found.default)))
    except ValueError:  # made by a factory: empty
        return ""


def _yaml(value: Any) -> str:
    """A value as one would write it in Pulumi.yaml; nothing for an empty one."""
    if value in (None, "", (), {}):
        return ""
    plain = list(value) if isinstance(value, tuple) else value
    return f"`{yaml.safe_dump(plain, default_flow_style=True, width=1000).splitlines()[0]}`"


def component_tables(root: Path = ROOT) -> str:
    """For each component: its module, its arguments and its outputs."""
    sources = Sources.read(root / "components", root / "irsa" / "identity")
    parts: list[str] = []
    for name, node in sources.classes.items():
        if not any(ast.unparse(base) == "pulumi.ComponentResource" for base in node.bases):
            continue
        file = sources.files[name].relative_to(root)
        summary = (ast.get_docstring(node) or "").partition("\n")[0]
        parts.append(f"[`{name}`]({file}): {summary}\n")
        rows = [(f"`{f.name}`", _code(f.annotation), f.text) for f in sources.fields(name)]
        outputs = _table(("output", "type", "meaning"), rows)
        arguments = _arguments(sources, f"{name}Args")
        parts.append(_folded("Arguments and outputs", f"{arguments}\n{outputs}"))
    return "\n".join(parts)


def _arguments(sources: Sources, name: str) -> str:
    rows = [
        (
            f"`{found.name}`",
            _code(found.annotation),
            REQUIRED if found.default is None else _python_default(sources, found.default),
            found.text,
        )
        for found in sources.fields(name)
    ]
    return _table(("argument", "type", "default", "meaning"), rows)


def _python_default(sources: Sources, default: ast.expr) -> str:
    match default:
        case ast.Call(keywords=[ast.keyword(value=factory)]):
            return f"`{ast.unparse(factory)}()`"
        case _:
            return _code(sources.resolved(default))


def _code(node: ast.expr) -> str:
    return f"`{ast.unparse(node)}`"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([_text(cell) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _text(text: str) -> str:
    """A docstring's text as a cell of a Markdown table: a tag outside of code would be HTML."""
    parts = text.replace("``", "`").replace("\n", " ").replace("|", r"\|").split("`")
    parts[::2] = [part.replace("<", r"\<") for part in parts[::2]]
    return "`".join(parts)


def _folded(summary: str, content: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{content}\n</details>\n"


TABLES = {"config": config_tables, "components": component_tables}


def replace_block(text: str, name: str, content: str) -> str:
    """``text`` with another block between the markers of ``name``; ValueError without markers."""
    begin, end = f"<!-- begin: {name} -->\n", f"<!-- end: {name} -->"
    before, first, rest = text.partition(begin)
    _, second, after = rest.partition(end)
    if not first or not second:
        raise ValueError(f"the text has no lines {begin.strip()!r} and {end!r}; add them")
    return f"{before}{begin}{content}{end}{after}"


def updated(text: str) -> str:
    """``text`` with every table renewed whose markers it has."""
    for name, table in TABLES.items():
        if f"<!-- begin: {name} -->" in text:
            text = replace_block(text, name, table())
    return text


def main() -> int:
    """Renew the tables of a file, or say that they are old (exit code 1)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, nargs="?", default=ROOT / "README.md")
    parser.add_argument("--check", action="store_true", help="change nothing")
    options = parser.parse_args()
    old = options.file.read_text()
    new = updated(old)
    if options.check and new != old:
        print(
            f"{options.file}: the tables are old; run `python tools/docs/tables.py`",
            file=sys.stderr,
        )
        return 1
    if new != old:
        options.file.write_text(new)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
