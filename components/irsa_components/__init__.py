"""Pulumi components for pods in EKS that use AWS without keys.

An attribute of the package loads its own module, and no other's. The stub beside this file has the
names, which type checkers read there.
"""

import ast
import pkgutil
from importlib import import_module
from typing import Any

_STUB = ast.parse(pkgutil.get_data(__name__, "__init__.pyi") or b"")
_MODULES = {
    name.name: "." * line.level + str(line.module)
    for line in _STUB.body
    if isinstance(line, ast.ImportFrom)
    for name in line.names
}
__all__ = list(_MODULES)  # pyright: ignore[reportUnsupportedDunderAll] - the stub has them


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name], __name__), name)


def __dir__() -> list[str]:
    return [*globals(), *_MODULES]
