"""The README's tables are what the sources say."""

import re

import pytest

from tools.docs.tables import ROOT, component_tables, config_tables, replace_block, updated


def test_the_tables_of_the_readme_are_current():
    text = (ROOT / "README.md").read_text()

    assert "<!-- begin: config -->" in text
    assert "<!-- begin: components -->" in text
    assert text == updated(text), "run `python tools/docs/tables.py`"


def test_only_the_block_is_replaced():
    text = "a\n<!-- begin: x -->\nold\n<!-- end: x -->\nb\n<!-- begin: y -->\n<!-- end: y -->\n"

    assert replace_block(text, "x", "new\n") == text.replace("old", "new")


@pytest.mark.parametrize("text", ["", "<!-- begin: x -->\n", "<!-- begin: y -->\n<!-- end: x -->"])
def test_a_text_without_markers_is_refused(text):
    with pytest.raises(ValueError, match="the text has no lines '<!-- begin: x -->' and"):
        replace_block(text, "x", "new\n")


@pytest.mark.parametrize(
    "row",
    [
        "| `irsa:cluster.name` | text | **required** | Name of the cluster in EKS. |",
        "| `irsa:cluster.nodes.maxSize` | number | `3` | Most nodes. |",
        "| `irsa:workloads[].replicas` | number | `1` | Number of pods. |",
        (
            "| `irsa:accountId` | text | **required** | "
            "AWS account that everything is created in, 12 digits in quotes. |"
        ),
        "| `irsa:tags` | mapping |  | Tags of every AWS resource. |",
    ],
)
def test_every_key_is_a_row_with_its_default(row):
    assert config_tables().splitlines().count(row) == 1


def test_a_choice_shows_its_options():
    (row,) = re.findall(r"^\| `irsa:workloads\[\]\.access` .*$", config_tables(), re.MULTILINE)

    assert row.startswith(
        "| `irsa:workloads[].access` | `irsa`, `cross-account`, `access-key` | `irsa` |"
    )


@pytest.mark.parametrize(
    "row",
    [
        "| `role_arn` | `Input[str] \\| None` | `None` | Role that the pods assume. |",
        "| `deployment_name` | `Output[str]` | Name of the Deployment, once its pods are ready. |",
        "| `container` | `ContainerSpec` | **required** | What the pods run. |",
    ],
)
def test_arguments_and_outputs_are_rows(row):
    assert component_tables().splitlines().count(row) == 1


def test_a_key_that_only_the_settings_know_is_refused(tmp_path):
    (tmp_path / "account_b").mkdir()
    for part in ("components", "irsa"):
        (tmp_path / part).symlink_to(ROOT / part)
    text = (ROOT / "Pulumi.yaml").read_text()
    (tmp_path / "Pulumi.yaml").write_text(text.replace("irsa:tags:", "irsa:labels:"))

    with pytest.raises(ValueError, match="AccountASettings differ in irsa:labels, irsa:tags"):
        config_tables(tmp_path)
