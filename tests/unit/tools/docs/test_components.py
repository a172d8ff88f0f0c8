"""docs/components.md is what the components say, and its examples run."""

import re
import runpy

import pytest

from tests.support.engine import Engine, deploy
from tools.docs.components import PAGE, components, example, pages


@pytest.mark.parametrize("name", components())
def test_the_example_runs_and_makes_the_component(name):
    file = example(components()[name])

    engine = deploy(lambda: runpy.run_path(str(file)), Engine())

    assert [entry for entry in engine.tree() if entry.startswith(f"irsa:index:{name}$")]


@pytest.mark.parametrize("name", components())
def test_the_example_fits_on_a_card(name):
    file = example(components()[name])
    lines = file.read_text().splitlines()

    assert 8 <= len(lines) <= 20
    assert {name, f"{name}Args"} <= set(re.findall(r"\w+", "\n".join(lines)))


@pytest.mark.parametrize(
    "row",
    [
        "| `role_arn` | `Input[str] \\| None` | `None` | Role that the pods assume. |",
        "| `deployment_name` | `Output[str]` | Name of the Deployment, once its pods are ready. |",
        "| `container` | `ContainerArgs` | **required** | The pods' container. |",
    ],
)
def test_arguments_and_outputs_are_rows(row):
    assert pages()[PAGE].splitlines().count(row) == 1
