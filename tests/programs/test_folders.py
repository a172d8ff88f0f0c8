"""irsa:workloads and irsa:roles from a folder, with the same reader as a list."""

import json
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml
from jsonschema import Draft7Validator

from components.config.account_a import AccountASettings
from components.config.load import load_settings
from tests.support.engine import Engine, irsa_example, refusal, run_program
from tests.support.paths import ROOT


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Any]:
    """The example's configuration, with its lists in folders."""
    found = irsa_example()
    for key in ("workloads", "roles"):
        folder = tmp_path / key
        folder.mkdir()
        for entry in found[f"irsa:{key}"]:
            content = {name: value for name, value in entry.items() if name != "name"}
            (folder / f"{entry['name']}.yaml").write_text(yaml.safe_dump(content))
        found[f"irsa:{key}"] = str(folder)
    return found


def test_entries_of_files_are_what_entries_of_a_list_are(folders):
    def registered(engine: Engine) -> list[tuple[str, str, Any]]:
        return sorted((each.typ, each.name, json.dumps(each.inputs)) for each in engine.registered)

    assert registered(run_program(folders)) == registered(run_program(irsa_example()))


def change(folder: str, changes: dict[str, Any]) -> str:
    """Change the only file of a folder, and return its name."""
    (file,) = Path(folder).iterdir()
    content = {**yaml.safe_load(file.read_text()), **changes}
    given = {name: value for name, value in content.items() if value is not None}
    file.write_text(yaml.safe_dump(given))
    return str(file)


@pytest.mark.parametrize(
    ("key", "changes", "line"),
    [
        ("workloads", {"nmae": "x"}, ": unknown key 'nmae'; did you mean 'name'?"),
        ("workloads", {"name": "S3"}, ":name: workload name 'S3' is not a DNS-1123 label"),
        ("workloads", {"container": None}, ": 'container' is missing; add one with an image"),
        ("workloads", {"replicas": True}, ":replicas: True is not a whole number"),
        ("workloads", {"bucket": {"name": "X"}}, ":bucket.name: bucket name 'X'"),
        ("workloads", {"bucket": None}, ": role 's3-app' may do nothing; add bucket"),
        ("roles", {"serviceAccountPattern": None}, ": namespace 'crossplane-system' is trusted"),
    ],
)
def test_a_mistake_names_the_file_and_the_key(folders, key, changes, line):
    file = change(folders[f"irsa:{key}"], changes)

    assert refusal(folders).startswith(f"{file}{line}")


def test_a_folder_is_relative_to_the_programs(tmp_path, monkeypatch):
    """Wherever the program runs."""
    for name in ("project", "elsewhere"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    settings = {**irsa_example(), "irsa:workloads": "none", "irsa:roles": "./roles"}
    pulumi.runtime.set_all_config(
        {
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in settings.items()
        }
    )
    monkeypatch.setattr(pulumi, "get_project", lambda: "irsa")

    with pytest.raises(pulumi.RunError, match=f"no folder './roles' in {tmp_path}/project "):
        load_settings(AccountASettings, tmp_path / "project")


def test_only_lists_of_entries_may_be_folders():
    assert refusal({**irsa_example(), "irsa:namespaces": "./namespaces"}) == (
        "irsa:namespaces: './namespaces' is not a list"
    )


@pytest.mark.parametrize(("schema", "key"), [("workload", "workloads"), ("role", "roles")])
def test_the_schema_of_a_file_takes_what_the_reader_takes(folders, schema, key):
    validator = Draft7Validator(json.loads((ROOT / "schemas" / f"{schema}.json").read_text()))
    (file,) = Path(folders[f"irsa:{key}"]).iterdir()
    content = yaml.safe_load(file.read_text())

    assert validator.is_valid(content)
    assert validator.is_valid({**content, "name": "other"})
    assert not validator.is_valid({**content, "nmae": "other"})
    assert not validator.is_valid(
        {name: value for name, value in content.items() if name != "namespace"}
    )
