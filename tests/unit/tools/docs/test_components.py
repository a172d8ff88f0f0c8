"""docs/components.md is what the components say, and its examples run."""

import re
import runpy

import pytest

from tests.support.engine import Engine, deploy
from tests.support.paths import ROOT
from tests.support.world import CLUSTER_OUTPUTS
from tools.docs.components import COMPARED, components, example

PAGE = (ROOT / "docs/components.md").read_text()
CHILDREN = {
    name: dict(re.findall(r"(?m)^\| `([\w:/]+)` \| (.*) \|$", rows))
    for name, rows in re.findall(r"(?s)\n## (\w+)\n.*?\| child \| when \|\n(.*?)(?=\n## |\Z)", PAGE)
}


@pytest.mark.parametrize("name", components())
def test_the_example_runs_and_makes_what_the_page_says(name):
    engine = deploy(lambda: runpy.run_path(str(example(name))), Engine())
    parent = f"irsa:index:{name}$"
    made = {entry.removeprefix(parent) for entry in engine.tree() if entry.startswith(parent)}

    assert made <= CHILDREN[name].keys()
    assert {typ for typ, when in CHILDREN[name].items() if not when} <= made


def test_the_program_that_is_compared_runs():
    stacks = {"organization/platform/dev": CLUSTER_OUTPUTS}
    engine = deploy(lambda: runpy.run_path(str(COMPARED / "components.py")), Engine(stacks=stacks))

    assert engine.one("aws:iam/role:Role").name == "orders"
    assert engine.one("kubernetes:apps/v1:Deployment")
    for file, number in re.findall(r"tools/docs/compared/(\S+)\) \| (\d+) \|", PAGE):
        lines = filter(None, map(str.strip, (COMPARED / file).read_text().splitlines()))
        assert sum(not line.startswith(("import ", "from ", "#")) for line in lines) == int(number)


def test_every_component_has_its_section():
    a_component = re.compile(
        r"^class \w+\((Component|RoleComponent|WorkloadIdentity|Cluster)\)", re.M
    )
    files = (ROOT / "components/irsa_components").glob("[!_]*.py")
    classes = {file.stem for file in files if a_component.search(file.read_text())}

    assert {example(name).stem for name in components()} == classes - {"cluster"}
