"""The check of the repository's language finds what it is for."""

import pytest

from tools.prose import check


@pytest.mark.parametrize(
    ("name", "text", "finding"),
    [
        ("page.md", "Nobody reads it.\n", "page.md:1: 'Nobody': name the user"),
        ("a.py", "def test_whom_it_trusts(): ...\n", "a.py:1: 'whom': name the user"),
        ("a.py", '"""What it does."""\n', "a.py:1: docstring begins with 'What'"),
        ("a.py", 'X = 1\n"""Whether it is one."""\n', "a.py:2: docstring begins with 'Whether'"),
        ("a.py", '"""Return it"""\n', "a.py:1: first sentence of the docstring has no full stop"),
        ("a.py", f"def test_{'x' * 70}(): ...\n", "a.py:1: name has 75 characters"),
        ("a.py", '"""Return an amendment of the trust policy."""\n', ""),
    ],
)
def test_words_docstrings_and_names_are_checked(tmp_path, name, text, finding):
    (tmp_path / name).write_text(text)

    found = list(check(name, tmp_path))

    assert len(found) == bool(finding)
    assert "".join(found).startswith(finding)


WORDS = " ".join(["word"] * 29)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param(f"First {WORDS}.\n", [], id="30 words"),
        pytest.param(f"# Page\n\nOne. First\n{WORDS} end.\n", [3], id="31 words"),
        pytest.param(f"First `a b` [{WORDS}](a b c d).\n", [1], id="code and the target of a link"),
        pytest.param(f"```sh\n{WORDS} end more\n```\n", [], id="a code block"),
        pytest.param(f"- {WORDS}\n- {WORDS}\n1. {WORDS}\n", [], id="items"),
        pytest.param(
            f"| {WORDS} | {WORDS} |\n|---|---|\n| a | Two more {WORDS} |\n", [3], id="cells"
        ),
    ],
)
def test_a_sentence_of_a_document_has_30_words(tmp_path, text, lines):
    (tmp_path / "page.md").write_text(text)

    found = [*check("page.md", tmp_path)]

    assert [int(each.split(":")[1]) for each in found] == lines
