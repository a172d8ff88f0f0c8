"""A project's settings files: wrong ones, and their copies in the sandbox."""

import pytest
import yaml

from irsa_sandbox.engine.project import copy_settings
from irsa_sandbox.state import SandboxError
from tests.support.refusal import refusal

PROJECT = "name: irsa\nruntime: python\n"
SALT = "encryptionsalt: v1:GkMrwKcN0ZE=:v1:aaaa:bbbb\n"
CLOUD_KEY = "secretsprovider: awskms://alias/ours\nencryptedkey: AQICAHg=\n"


@pytest.fixture
def project(tmp_path):
    """A project's folder with these settings of the stack `dev`."""

    def make(settings: str, pulumi: str = PROJECT):
        folder = tmp_path / "project"
        folder.mkdir(exist_ok=True)
        (folder / "Pulumi.yaml").write_text(pulumi)
        (folder / "Pulumi.dev.yaml").write_text(settings)
        return folder

    return make


def copied(folder, tmp_path, **config):
    copy_settings(folder, "dev", config, tmp_path / "copy")
    return yaml.safe_load((tmp_path / "copy" / "Pulumi.dev.yaml").read_text())


@pytest.mark.parametrize("foreign", [SALT, CLOUD_KEY], ids=["salt", "cloud-key"])
def test_the_encryption_of_a_users_secrets_is_not_copied(project, tmp_path, foreign):
    folder = project(f"{foreign}config:\n  irsa:a: b\n")
    before = {file: file.read_bytes() for file in folder.iterdir()}

    for _ in range(2):
        assert copied(folder, tmp_path) == {"config": {"irsa:a": "b"}}
        with (tmp_path / "copy" / "Pulumi.dev.yaml").open("a") as file:
            file.write(SALT)  # of an earlier run
    assert {file: file.read_bytes() for file in folder.iterdir()} == before


def test_a_reader_of_a_copy_reads_it_whole(project, tmp_path):
    """Stacks of one project that run side by side share its Pulumi.yaml."""
    copied(project(""), tmp_path)
    with (tmp_path / "copy" / "Pulumi.yaml").open() as reader:
        copied(project("", PROJECT + "description: new\n"), tmp_path)
        assert reader.read() == PROJECT

    files = {file.name for file in (tmp_path / "copy").iterdir()}
    assert files == {"Pulumi.dev.yaml", "Pulumi.yaml"}


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ("config:\n  irsa:key:\n    secure: v1:aaaa\n", "irsa:key"),
        ("config:\n  irsa:key:\n    - {inner: {secure: v1:aaaa}}\n", "irsa:key[0].inner"),
    ],
    ids=["plain", "nested"],
)
def test_an_encrypted_value_is_named_and_can_be_replaced(project, tmp_path, settings, path):
    folder = project(settings)

    assert refusal(copied, folder, tmp_path, raised=SandboxError) == (
        f"{folder}/Pulumi.dev.yaml: {path} is encrypted (`secure:`) with a key that the sandbox "
        "does not have; give the sandbox a value of its own: --config 'irsa:key=VALUE'"
    )
    assert copied(folder, tmp_path, **{"irsa:key": "x"}) == {"config": {"irsa:key": "x"}}


MAPPING = "it must be a mapping, lines of `key: value`"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            "config:\n\taws:region: x\n",
            ", line 2: not YAML: found character '\\t' that cannot start",
        ),
        ("config:\n  a: b\n c: d\n", ", line 3: not YAML: expected <block end>, but found"),
        ("config:\n  a: b: c\n", ", line 2: not YAML: mapping values are not allowed here"),
        (
            "config:\n  aws:region: x\n  a: b\n  aws:region: y\n",
            ", line 4: not YAML: the key 'aws:region' is given twice",
        ),
        ("config: []\n", f": `config` is a list; {MAPPING}"),
        ("just text\n", f" is text; {MAPPING}"),
        ("- a\n", f" is a list; {MAPPING}"),
        ("17\n", f" is `17`; {MAPPING}"),
        ("a: \x00\n", ": unacceptable character #x0000: special characters"),
    ],
    ids=["tab", "indent", "two-colons", "twice", "list", "text", "all-list", "number", "binary"],
)
def test_malformed_settings_are_one_line(project, tmp_path, settings, message):
    folder = project(settings)

    line = refusal(copied, folder, tmp_path, raised=SandboxError)
    assert line.startswith(f"{folder}/Pulumi.dev.yaml{message}")


def test_a_project_without_a_name_is_one_line(project, tmp_path):
    for pulumi in ("runtime: python\n", "name: [a]\n"):
        line = refusal(copied, project("", pulumi), tmp_path, raised=SandboxError)
        assert "/Pulumi.yaml: `name` is missing" in line
    assert refusal(copy_settings, tmp_path, "dev", {}, tmp_path / "copy", raised=SandboxError) == (
        f"{tmp_path} has no Pulumi.yaml; --project names the folder that has it"
    )


def test_a_stack_without_settings_is_refused_if_others_have_some(project, tmp_path):
    folder = project("config: {}\n")

    assert refusal(copy_settings, folder, "prod", {}, tmp_path / "copy", raised=SandboxError) == (
        f"{folder} has no Pulumi.prod.yaml; it has Pulumi.dev.yaml"
    )
    copy_settings(folder, "prod", {"irsa:a": "b"}, tmp_path / "copy")  # all of it is given
    (folder / "Pulumi.dev.yaml").unlink()
    copy_settings(folder, "dev", {}, tmp_path / "copy")  # a project that needs none
