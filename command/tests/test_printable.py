"""Names and messages of the cluster and the account send no control sequence to the terminal.

For `audit`, command/tests/audit/test_findings.py.
"""

import pytest

from irsa.__main__ import main
from irsa.commands import cli
from irsa.commands.explain import chain_tree
from irsa.commands.verify import text
from irsa.printable import line
from irsa.verify.facts import Facts
from irsa.verify.link import Check, ShellCommand

THEIRS = "\x1b]0;owned\a\x1b[2J\n0 findings\x9b2J\u202e"
SHOWN = r"\x1b]0;owned\x07\x1b[2J\n0 findings\x9b2J\u202e"
FAILED = Check("annotation", "a role").failed(
    THEIRS, f"ask {THEIRS}", ShellCommand(("kubectl", THEIRS))
)
FACTS = Facts(namespace="dev", name=THEIRS, service_account=None, keys=None, now=0)


@pytest.mark.parametrize(
    "report",
    [
        text(FACTS, [FAILED]),
        str(chain_tree(FACTS, [FAILED], lambda _: (), [])),
    ],
    ids=["verify", "explain"],
)
def test_a_report_has_no_control_sequence(report):
    assert all(each.isprintable() for each in report.split("\n"))
    assert SHOWN in report
    assert not any(each.startswith("0 findings") for each in report.splitlines())


def test_an_error_has_no_control_sequence(monkeypatch, capsys):
    def run(_: object) -> int:
        raise cli.Stop(f"no workload {THEIRS}")

    monkeypatch.setattr("irsa.commands.verify.run", run)

    assert main(["verify"]) == 2
    assert capsys.readouterr().err == f"irsa verify: no workload {SHOWN}\n"


@pytest.mark.parametrize("text", ["", "dev/s3-app: ✓ passed, naïve $ kubectl -n dev 'x'"])
def test_printable_text_is_unchanged(text):
    assert line(text) == text
