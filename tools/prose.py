"""Check the language of the repository: `python -m tools.prose`, a part of `make lint`.

Names banned words, docstrings that begin like a question, first sentences without an end, test
names and sentences of documents that are too long, and names of values that say nothing. Exit code
1 for findings, one on each line.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BANNED = re.compile(
    r"(?<![a-z])(nobody|somebody|anybody|whoever|whomever|whom|mend(?:s|ed|ing)?)(?![a-z])",
    re.IGNORECASE,
)
"""Words for which AWS's, Kubernetes' and Pulumi's documentation has an exact one."""
ALLOWED = frozenset(
    {
        ("tools/prose.py", ""),
        ("tests/unit/tools/test_prose.py", ""),
    }
)
"""Exceptions: a path and a word, or a path and an empty text for all words."""
QUESTION = re.compile(r"(What|Whether|How|Who|Whose|Which|Where|When|Why|The same)\b")
END = (".", ":", "!", "?", ")", "`")
TEST_NAME_MAX = 72
SENTENCE_MAX = 30
"""Words of a sentence; inline code is one."""
_CODE = re.compile(r"^ *```.*?^ *```$|`[^`]+`", re.DOTALL | re.MULTILINE)
_BREAK = re.compile(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.) )|^#.*$|^<!--.*$|\|", re.MULTILINE)
_END_OF_SENTENCE = re.compile(r"(?<=[.!?])\**\s+(?=[A-Z*\[])")
VAGUE = frozenset({"each", "found", "known", "given", "own", "wanted"})
"""Names that say nothing of their value; a function of at most `SHORT` lines may have them."""
SHORT = 10


def main() -> int:
    """Print the findings."""
    listed = subprocess.run(
        ["git", "ls-files", "*.py", "*.md", "*.yaml", "*.yml", "Makefile"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    present = (path for path in listed.stdout.splitlines() if (ROOT / path).exists())
    findings = [each for path in present for each in check(path)]
    print(*findings, sep="\n", end="\n" if findings else "")
    return 1 if findings else 0


def check(path: str, root: Path = ROOT) -> Iterator[str]:
    """Return the findings of one file."""
    text = (root / path).read_text("utf-8")
    for number, line in enumerate(text.splitlines(), start=1):
        for word in BANNED.findall(line):
            if not {(path, word.lower()), (path, "")} & ALLOWED:
                yield f"{path}:{number}: {word!r}: name the user, caller or principal, or the act"
    if path.endswith(".md"):
        for line, finding in _long_sentences(text):
            yield f"{path}:{line}: {finding}"
    if path.endswith(".py"):
        for line, finding in _names_and_docstrings(ast.parse(text)):
            yield f"{path}:{line}: {finding}"
        for line, name in sorted(set(_vague_names(ast.parse(text)))):
            yield f"{path}:{line}: {name!r}: name the value by a noun"


def _vague_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    functions = (f for f in ast.walk(tree) if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef))
    for function in functions:
        if (function.end_lineno or 0) - function.lineno >= SHORT:
            for node in ast.walk(function):
                match node:
                    case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name) if name in VAGUE:
                        yield node.lineno, name
                    case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) if (
                        name in VAGUE
                    ):
                        yield node.lineno, name
                    case _:
                        pass


def _long_sentences(text: str) -> Iterator[tuple[int, str]]:
    text = re.sub(
        r"\]\([^)]*\)", "]", _CODE.sub(lambda code: "X" + "\n" * code[0].count("\n"), text)
    )
    start = 0
    for paragraph in _BREAK.split(text):
        for sentence in _END_OF_SENTENCE.split(paragraph):
            start = text.index(sentence.strip(), start)
            if (words := len(sentence.split())) > SENTENCE_MAX:
                line = text.count("\n", 0, start) + 1
                first = " ".join(sentence.split()[:5])
                yield line, f"sentence of {words} words, {first!r}…; {SENTENCE_MAX} fit, split it"


def _names_and_docstrings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                sentence = text.strip().partition("\n\n")[0]
                if start := QUESTION.match(sentence):
                    yield node.lineno, f"docstring begins with {start[0]!r}; use a noun or a verb"
                if not sentence.endswith(END) and "https://" not in sentence:
                    yield node.lineno, "first sentence of the docstring has no full stop"
            case ast.FunctionDef(name=name) if name.startswith("test_"):
                if len(name) > TEST_NAME_MAX:
                    yield node.lineno, f"name has {len(name)} characters; {TEST_NAME_MAX} fit"
            case _:
                pass


if __name__ == "__main__":
    sys.exit(main())
