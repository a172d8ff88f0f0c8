"""A folder in place of a list: one file for each entry."""

import json
from pathlib import Path

import pytest

from components.config.folder import read_folder
from tests.support.refusal import refusal

KEY = "irsa:workloads"
ENTRY = "namespace: dev\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project's folder with a folder of two entries."""
    folder = tmp_path / "workloads"
    folder.mkdir()
    (folder / "s3-app.yaml").write_text(ENTRY)
    (folder / "loki.json").write_text(json.dumps({"name": "logs", "namespace": "loki"}))
    return tmp_path


def write(project: Path, name: str, text: str | bytes) -> None:
    content = text.encode() if isinstance(text, str) else text
    (project / "workloads" / name).write_bytes(content)


def refused(project: Path, folder: str = "./workloads") -> str:
    return refusal(read_folder, KEY, folder, project)


def test_each_file_is_an_entry_named_as_the_file_unless_it_says_a_name(project):
    write(project, "b.yml", "{name: null, namespace: b}")

    assert read_folder(KEY, "./workloads", project).places == (
        ("workloads/b.yml:", {"name": "b", "namespace": "b"}),
        ("workloads/loki.json:", {"name": "logs", "namespace": "loki"}),
        ("workloads/s3-app.yaml:", {"name": "s3-app", "namespace": "dev"}),
    )


def test_an_editors_files_and_documents_may_lie_beside_the_entries(project):
    write(project, "README.md", "what these are")
    write(project, ".s3-app.yaml.swp", b"\xff")

    assert len(read_folder(KEY, "workloads", project).places) == 2


def test_files_may_stand_elsewhere(project, tmp_path_factory):
    """A symlink, and an absolute path: whoever has the project decides what it reads."""
    elsewhere = tmp_path_factory.mktemp("shared")
    (elsewhere / "other.yaml").write_text(ENTRY)
    (project / "workloads" / "other.yaml").symlink_to(elsewhere / "other.yaml")

    places = [place for place, _ in read_folder(KEY, "workloads", project).places]
    assert places[1] == "workloads/other.yaml:"
    (found,) = read_folder(KEY, str(elsewhere), project).places
    assert found == (f"{elsewhere}/other.yaml:", {"name": "other", "namespace": "dev"})


@pytest.mark.parametrize(
    ("folder", "why"),
    [
        ("./workload", "No such file or directory"),
        ("workloads/s3-app.yaml", "Not a directory"),
        ("name: s3-app\n" * 30, "File name too long"),
    ],
)
def test_a_folder_that_is_not_there_is_one_line(project, folder, why):
    assert refused(project, folder) == (
        f"irsa:workloads: there is no folder {folder!r} in {project} ({why}); name one that is "
        "there, or write a list, or 'none' if there should be nothing"
    )


@pytest.mark.parametrize("beside", ["README.md", ".gitkeep"])
def test_a_folder_without_entries_is_one_line(project, beside):
    for file in (project / "workloads").iterdir():
        file.unlink()
    write(project, beside, "")

    assert refused(project) == (
        "irsa:workloads: folder './workloads' holds no .json, .yaml, .yml file; add one, or write "
        "'none' if there should be nothing"
    )


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("a.yaml", "name: s3-app", "s3-app.yaml: 's3-app' is the name of workloads/a.yaml too"),
        ("s3-app.json", "{}", "s3-app.yaml: 's3-app' is the name of workloads/s3-app.json too"),
        ("a.yaml", "a: [1", "a.yaml, line 1, column 6: not YAML: expected ',' or ']'"),
        ("a.yaml", "\ta: 1", "a.yaml, line 1, column 1: not YAML: found character '\\t' that"),
        ("a.yaml", "b: 1\na: 1\nb: 2", "a.yaml, line 3, column 1: not YAML: 'b' is given twice"),
        ("a.yaml", "x: {b: 1, b: 2}", "a.yaml, line 1, column 11: not YAML: 'b' is given twice"),
        ("a.yaml", "a: 1\n---\nb: 1", "a.yaml, line 2, column 1: not YAML: but found another doc"),
        ("a.yaml", "!!python/name:os.system", "a.yaml, line 1, column 1: not YAML: could not"),
        ("a.yaml", "a: \x07", "a.yaml: unacceptable character #x0007"),
        ("a.yaml", b"a: \xff", "a.yaml: 'utf-8' codec can't decode byte 0xff in position 3"),
        ("a.json", '{"a": 1,}', "a.json, line 1, column 9: not JSON: "),
        ("a.json", '{"a": 1, "a": 2}', "a.json: 'a' is given twice"),
        ("a.yaml", "", "a.yaml is empty; it holds one entry, lines of `key: value`"),
        ("a.yaml", "[]", "a.yaml holds a list; it holds one entry, lines of `key: value`"),
        ("a.yaml", "a", "a.yaml holds a str; it holds one entry, lines of `key: value`"),
        ("a.yamll", ENTRY, "a.yamll would not be read; call it a.yaml if it is an entry, and"),
        ("a.yaml~", ENTRY, "a.yaml~ would not be read; call it a.yaml if it is an entry, and"),
    ],
)
def test_a_file_that_is_no_entry_is_one_line_with_its_name(project, name, text, line):
    write(project, name, text)

    assert refused(project).startswith(f"workloads/{line}")


def test_a_folder_inside_would_not_be_read_and_is_one_line(project):
    (project / "workloads" / "team").mkdir()

    assert refused(project).startswith("workloads/team is a folder, and would not be read")


def test_a_file_that_cannot_be_read_is_one_line(project):
    (project / "workloads" / "gone.yaml").symlink_to(project / "nowhere")

    assert refused(project).startswith("workloads/gone.yaml: [Errno 2] No such file or directory")
