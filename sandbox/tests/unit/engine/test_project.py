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
def copied(tmp_path):
    """Copies a project with these settings of the stack `dev`."""

    def copy(settings: str, pulumi: str = PROJECT, **config: str):
        (tmp_path / "Pulumi.yaml").write_text(pulumi)
        (tmp_path / "Pulumi.dev.yaml").write_text(settings)
        copy_settings(tmp_path, "dev", config, tmp_path / "copy")
        assert (tmp_path / "Pulumi.dev.yaml").read_text() == settings
        return yaml.safe_load((tmp_path / "copy" / "Pulumi.dev.yaml").read_text())

    return copy


def test_the_encryption_of_a_users_secrets_is_not_copied(copied, tmp_path):
    for foreign in (SALT, CLOUD_KEY):
        assert copied(f"{foreign}config:\n  irsa:a: b\n") == {"config": {"irsa:a": "b"}}
        with (tmp_path / "copy" / "Pulumi.dev.yaml").open("a") as file:
            file.write(SALT)  # for the next run


def test_a_reader_of_a_copy_reads_it_whole(copied, tmp_path):
    """Stacks of one project that run side by side share its Pulumi.yaml."""
    copied("")
    with (tmp_path / "copy" / "Pulumi.yaml").open() as reader:
        copied("", PROJECT + "description: new\n")
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
def test_an_encrypted_value_is_named_and_can_be_replaced(copied, tmp_path, settings, path):
    assert refusal(copied, settings, raised=SandboxError) == (
        f"{tmp_path}/Pulumi.dev.yaml: {path} is encrypted (`secure:`) with a key that the sandbox "
        "does not have; give the sandbox a value of its own: --config 'irsa:key=VALUE'"
    )
    assert copied(settings, **{"irsa:key": "x"}) == {"config": {"irsa:key": "x"}}


MAPPING = "it must be a mapping, lines of `key: value`"
TWICE = "config:\n  aws:region: x\n  a: b\n  aws:region: y\n"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("config:\n\taws:region: x\n", ", line 2: not YAML: found character '\\t' that cannot st"),
        ("config:\n  a: b\n c: d\n", ", line 3: not YAML: expected <block end>, but found"),
        ("config:\n  a: b: c\n", ", line 2: not YAML: mapping values are not allowed here"),
        (TWICE, ", line 4: not YAML: the key 'aws:region' is given twice"),
        ("config: []\n", f": `config` is a list; {MAPPING}"),
        ("just text\n", f" is text; {MAPPING}"),
        ("- a\n", f" is a list; {MAPPING}"),
        ("17\n", f" is `17`; {MAPPING}"),
        ("a: \x00\n", ": unacceptable character #x0000: special characters"),
    ],
    ids=["tab", "indent", "two-colons", "twice", "list", "text", "all-list", "number", "binary"],
)
def test_malformed_settings_are_one_line(copied, tmp_path, settings, message):
    line = refusal(copied, settings, raised=SandboxError)
    assert line.startswith(f"{tmp_path}/Pulumi.dev.yaml{message}")


def test_a_project_without_a_name_is_one_line(copied, tmp_path):
    assert refusal(copy_settings, tmp_path, "dev", {}, tmp_path / "copy", raised=SandboxError) == (
        f"{tmp_path} has no Pulumi.yaml; --project names the folder that has it"
    )
    for pulumi in ("runtime: python\n", "name: [a]\n"):
        line = refusal(copied, "", pulumi, raised=SandboxError)
        assert "/Pulumi.yaml: `name` is missing" in line


def test_a_stack_without_settings_is_refused_if_others_have_some(copied, tmp_path):
    copied("config: {}\n")
    copy = tmp_path / "copy"
    line = refusal(copy_settings, tmp_path, "prod", {}, copy, raised=SandboxError)
    assert line == f"{tmp_path} has no Pulumi.prod.yaml; it has Pulumi.dev.yaml"
    copy_settings(tmp_path, "prod", {"irsa:a": "b"}, copy)  # all of it is given
    (tmp_path / "Pulumi.dev.yaml").unlink()
    copy_settings(tmp_path, "dev", {}, copy)  # a project that needs none
