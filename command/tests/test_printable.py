"""Names and messages of the cluster and the account send no control sequence to the terminal."""

import json

import pytest

from command.tests.audit.audited import facts, role
from irsa.__main__ import main
from irsa.audit.findings import audit
from irsa.commands import audit as audit_command
from irsa.commands import cli
from irsa.commands.explain import chain_tree
from irsa.commands.verify import text
from irsa.printable import code, line
from irsa.verify.facts import ByToken
from irsa.verify.link import Check, ShellCommand
from irsa_core.identity.policies import irsa_trust_policy
from irsa_core.identity.subjects import ServiceAccountRef
from tests.support.world import ISSUER, PROVIDER_ARN

THEIRS = "\x1b]0;owned\a\x1b[2J\n0 findings\x9b2J\u202e"
SHOWN = r"\x1b]0;owned\x07\x1b[2J\n0 findings\x9b2J\u202e"
TRUST = irsa_trust_policy([PROVIDER_ARN], [ServiceAccountRef("dev", "s3-app")])
TRUST["Statement"][0]["Condition"]["StringLike"] = {f"{ISSUER}:sub": f"*{THEIRS}"}
AUDITED = facts(role(TRUST))
FOUND = audit(AUDITED)
COMMAND = ShellCommand(("kubectl", THEIRS))
FAILED = Check("annotation", "a role").failed(THEIRS, f"ask {THEIRS}", COMMAND)
FACTS = ByToken(namespace="dev", name=THEIRS, service_account=None, keys=None, now=0)
REPORTS = {
    "verify": text(FACTS, [FAILED]),
    "explain": str(chain_tree(FACTS, [FAILED], lambda _: (), [])),
    "audit": audit_command.text(AUDITED, FOUND),
    "audit as Markdown": audit_command.markdown(AUDITED, FOUND),
    "audit as SARIF": json.dumps(audit_command.sarif(FOUND)),
    "audit as JSON": json.dumps([each.as_json() for each in FOUND]),
}


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_has_no_control_sequence(name):
    report = REPORTS[name]
    assert [each for each in report.split("\n") if not each.isprintable()] == []
    assert "0 findings" in report
    assert name.startswith("audit as") or SHOWN in report
    assert [each for each in report.splitlines() if each.startswith("0 findings")] == []


def test_an_error_has_no_control_sequence(monkeypatch, capsys):
    def run(_: object) -> int:
        raise cli.Stop(f"no workload {THEIRS}")

    monkeypatch.setattr("irsa.commands.verify.run", run)

    assert main(["verify"]) == 2
    assert capsys.readouterr().err == f"irsa verify: no workload {SHOWN}\n"


def test_a_text_in_a_markdown_table_is_one_cell_of_code():
    assert code("a|b `@acme`") == r"`a\|b '@acme'`"


@pytest.mark.parametrize("text", ["", "dev/s3-app: ✓ passed, naïve $ kubectl -n dev 'x'"])
def test_printable_text_is_unchanged(text):
    assert line(text) == text
