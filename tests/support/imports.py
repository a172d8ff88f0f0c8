"""The names that Python files import."""

import ast
from pathlib import Path


def imports_of(*files: Path) -> set[str]:
    """Return each name with its module (`irsa.access.assumes`); relative ones are left out."""
    names = set()
    for node in (node for file in files for node in ast.walk(ast.parse(file.read_text()))):
        match node:
            case ast.Import():
                names |= {alias.name for alias in node.names}
            case ast.ImportFrom(module=str(module), level=0):
                names |= {f"{module}.{alias.name}" for alias in node.names}
    return names
