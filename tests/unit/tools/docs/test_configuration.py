"""docs/configuration.md and the schemas are what the settings' classes say."""

import re

import pytest
import yaml

from components.config.keys import descriptions, keys_of
from tools.docs.configuration import PAGE, PROJECTS, pages
from tools.docs.markdown import anchor
from tools.docs.paths import ROOT


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.name)
def test_pulumi_yaml_declares_every_key_and_says_of_it_what_the_class_says(project):
    declared = yaml.safe_load((ROOT / project.folder / "Pulumi.yaml").read_text())["config"]
    texts = descriptions(project.settings)

    assert {key: entry["description"].strip() for key, entry in declared.items()} == {
        f"{project.name}:{key.name}": texts[key.field]
        for key in keys_of(project.settings, "region")
    }


@pytest.mark.parametrize(
    "row",
    [
        "| `name` | text | **required** | Name of the cluster in EKS. |",
        "| `maxSize` | number | `3` | Most nodes. |",
        "| `replicas` | number | `1` | Number of pods. |",
        "| `irsa:tags` | mapping of text |  | Tags of every AWS resource. |",
        "| `layout` | `injected`, `profile-only` | `injected` | `injected`: the webhook",
    ],
)
def test_every_key_is_a_row_with_its_default(row):
    assert pages()[PAGE].count(f"\n{row}") == 1


def test_every_link_leads_to_a_heading_of_the_page():
    text = pages()[PAGE]
    headings = {anchor(line.lstrip("# ")) for line in text.splitlines() if line.startswith("#")}

    assert set(re.findall(r"\]\((#[^)]*)\)", text)) <= headings


def test_every_key_has_a_meaning():
    empty = [line for line in pages()[PAGE].splitlines() if line.endswith("|  |")]

    assert empty == []
