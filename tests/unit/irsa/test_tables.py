"""The tables of the parts, as files."""

import pytest

from irsa_core import tables
from irsa_sandbox.engine.project import parse_yaml
from tests.support.paths import ROOT

FILES = ("command/irsa/commands/known_errors.yaml", "core/irsa_core/rules/audit_rules.yaml")


@pytest.mark.parametrize("name", FILES)
def test_no_row_of_a_table_stands_twice(name):
    assert parse_yaml((ROOT / name).read_text()) == tables.load(ROOT / name)
