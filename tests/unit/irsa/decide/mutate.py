"""Mutation run: ``python -m tests.unit.irsa.decide.mutate irsa/decide/evaluate.py`` lists what
lives.

Each mutant changes one thing in a copy of the code, and the unit tests of ``irsa`` (without the
generated ones) must fail on it. ``docs/evaluator.md`` explains the survivors.
"""

import ast
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cryptography.hazmat.primitives.asymmetric.rsa  # noqa: F401 - loaded once, before the forks
import hypothesis  # noqa: F401
import jwt  # noqa: F401
import pytest

from tests.support.paths import ROOT

REWRITE = "ignore::pytest.PytestAssertRewriteWarning"  # of what is loaded before the fork
TESTS = [
    "conditions", "condition_keys", "patterns", "resource_patterns", "role_paths", "principals",
    "evaluate", "statements", "facts", "fields", "assume_role", "assume_role_with_web_identity",
    "create_role", "other_calls", "raw_tokens", "token", "arns", "decide", "trust_policy",
]  # fmt: skip
ROOMS = {"token": "identity", "arns": "identity", "decide": "commands"}
"""Packages of those tests that are not in this one."""
OWN = {
    "assume": ["assume_role", "assume_role_with_web_identity", "condition_keys"],
    "request": ["condition_keys"],
    "statements": ["trust_policy", "statements", "evaluate"],
    "simulate": ["other_calls", "create_role", "fields"],
    "web_identity": ["assume_role_with_web_identity", "condition_keys", "other_calls"],
}
"""Tests that run first, being the quickest to fail; of other modules, those of the same name."""
OPPOSITES = {
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.In: ast.NotIn,
    ast.NotIn: ast.In, ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt,
    ast.And: ast.Or, ast.Or: ast.And, ast.Add: ast.Sub, ast.Sub: ast.Add,
}  # fmt: skip


def mutants(source: str) -> Iterator[tuple[int, str, str]]:
    """Line, what was changed, and the changed source."""
    whole = ast.parse(source)
    dull = {
        id(each)
        for node in ast.walk(whole)
        for part in declarations(node)
        for each in ast.walk(part)
    }
    for index, node in enumerate(ast.walk(whole)):
        for change in () if id(node) in dull else changes(node):
            tree = ast.parse(source)
            target = next(each for at, each in enumerate(ast.walk(tree)) if at == index)
            before = ast.unparse(target)
            change(target)
            after = ast.unparse(target)
            yield (
                getattr(target, "lineno", 0),
                f"{before[:70]}  ->  {after[:70]}",
                ast.unparse(tree),
            )


def declarations(node: ast.AST) -> list[ast.AST]:
    """The parts of a node that only say what it is: decorators and annotations."""
    found = [*getattr(node, "decorator_list", ())]
    return found + [
        part
        for name in ("annotation", "returns")
        if (part := getattr(node, name, None)) is not None
    ]


def changes(node: ast.AST) -> Iterator:
    """Functions that each change the node in one way."""
    if isinstance(node, ast.Compare):
        yield lambda n: setattr(n, "ops", [OPPOSITES[type(n.ops[0])](), *n.ops[1:]])
    elif isinstance(node, ast.BoolOp | ast.BinOp) and type(node.op) in OPPOSITES:
        yield lambda n: setattr(n, "op", OPPOSITES[type(n.op)]())
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool | None):
        for value in {True, False, None} - {node.value}:
            yield lambda n, value=value: setattr(n, "value", value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        yield lambda n: setattr(n, "value", n.value + 1)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield (
            lambda n: (
                setattr(n, "op", ast.UAdd())
                or setattr(n, "operand", ast.Call(ast.Name("bool", ast.Load()), [n.operand], []))
            )
        )
    elif isinstance(node, ast.IfExp):
        yield lambda n: setattr(n, "test", ast.Constant(value=True))
        yield lambda n: setattr(n, "test", ast.Constant(value=False))
    elif isinstance(node, ast.If):
        yield lambda n: setattr(n, "test", ast.Constant(value=False))


def lives(folder: Path, tests: list[str]) -> bool:
    """Whether the tests pass on the code in the folder; a run that hangs does not."""
    files = [f"tests/unit/irsa/{ROOMS.get(name, 'decide')}/test_{name}.py" for name in tests]
    child = os.fork()  # pytest is loaded already: a new process would load it for every mutant
    if child == 0:
        os.chdir(folder)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(1, 2)
        signal.alarm(120)
        os._exit(pytest.main(["-q", "-x", "-p", "no:cacheprovider", "-W", REWRITE, *files]))
    return os.waitpid(child, 0)[1] == 0


def main(modules: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("irsa", "tests/unit/irsa", "tests/support"):
            shutil.copytree(ROOT / part, folder / part)
        shutil.copy(ROOT / "pyproject.toml", folder)
        if not lives(folder, TESTS):
            sys.exit("the tests fail without a mutation")
        for module in modules:
            source = (ROOT / module).read_text()
            total = survivors = 0
            for line, what, text in mutants(source):
                (folder / module).write_text(text)
                total += 1
                stem = Path(module).stem
                own = OWN.get(stem, [name for name in TESTS if name == stem])
                if (not own or lives(folder, own)) and lives(folder, TESTS):
                    survivors += 1
                    print(f"{module}:{line}: {what}", flush=True)
            (folder / module).write_text(source)
            print(f"{module}: {total} mutants, {survivors} live", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
