"""The check of the repository's language finds what it is for."""

import pytest

from tools.prose import check

WORDS = " ".join(["word"] * 29)
LONG = "page.md:3: sentence of 31 words"


@pytest.mark.cases(("name", "text", "finding"), {
    "nobody": ("page.md", "Nobody reads it.\n", "page.md:1: 'Nobody': name the user"),
    "whom": ("a.py", "def test_whom_it_trusts(): ...\n", "a.py:1: 'whom': name the user"),
    "docstring with What": ("a.py", '"""What it does."""\n',
        "a.py:1: docstring begins with 'What'"),
    "docstring with Whether": ("a.py", 'X = 1\n"""Whether it is one."""\n',
        "a.py:2: docstring begins with 'Whether'"),
    "no full stop": ("a.py", '"""Return it"""\n',
        "a.py:1: first sentence of the docstring has no full stop"),
    "name of 75 characters": ("a.py", f"def test_{'x' * 70}(): ...\n",
        "a.py:1: name has 75 characters"),
    "30 words": ("page.md", f"First {WORDS}.\n", ""),
    "31 words": ("page.md", f"# Page\n\nFirst\n{WORDS} end. Next.\n", LONG),
    "31 words with a link": ("page.md", f"\n\nFirst `a b` [{WORDS}](a b c d).\n", LONG),
    "code and lists": ("page.md",
        f"```sh\n{WORDS} end more\n```\n- {WORDS}\n- {WORDS}\n1. {WORDS}\n", ""),
    "31 words in a table": ("page.md",
        f"| {WORDS} | {WORDS} |\n|---|---|\n| a | Two more {WORDS} |\n", LONG),
    "good docstring": ("a.py", '"""Return an amendment of the trust policy."""\n', ""),
})  # fmt: skip
def test_words_docstrings_and_names_are_checked(tmp_path, name, text, finding):
    (tmp_path / name).write_text(text)

    found = list(check(name, tmp_path))

    assert len(found) == bool(finding)
    assert "".join(found).startswith(finding)


@pytest.mark.parametrize(
    "line", ["given = 1", "[found for found in ()]", "lambda own: 1", "for known, _ in (): pass"]
)
def test_a_vague_name_is_found_in_a_long_function(tmp_path, line):
    for path, lines, count in (("a.py", 9, 1), ("a.py", 8, 0)):
        (tmp_path / path).write_text(f"def do():\n    {line}\n" + "    pass\n" * lines)
        assert len([*check(path, tmp_path)]) == count
