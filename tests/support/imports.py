"""The names that Python files import."""

import ast
from collections.abc import Iterator
from importlib.util import resolve_name
from pathlib import Path


def imports_of(file: Path, root: Path) -> Iterator[str]:
    """Return absolute names, each with its module: `irsa.observe.errors.Refused`."""
    package = ".".join(file.relative_to(root).parts[:-1])
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = resolve_name("." * node.level + (node.module or ""), package)
            yield from (f"{module}.{alias.name}" for alias in node.names)
