"""Names and messages of the cluster and the account send no control sequence to the terminal."""

import json
import unicodedata

import pytest

from irsa.__main__ import main
from irsa.chain.audit.findings import AuditFacts, audit
from irsa.chain.facts import Facts
from irsa.chain.link import failed
from irsa.commands import cli
from irsa.commands.audit import text as audit_text
from irsa.commands.pictures.chain import Explained, chain_tree
from irsa.commands.pictures.mermaid import flowchart
from irsa.commands.pictures.picture import Picture
from irsa.commands.printable import line
from irsa.commands.verify import Question
from irsa.commands.verify import text as verify_text
from irsa.observe.facts import ServiceAccount

THEIRS = "\x1b]0;owned\a\x1b[2J\n0 findings\x9b2J\u202e"
SHOWN = r"\x1b]0;owned\x07\x1b[2J\n0 findings\x9b2J\u202e"
FAILED = failed("annotation", "a role", THEIRS, f"ask {THEIRS}", ["kubectl", THEIRS])


def facts(role_arn: str) -> AuditFacts:
    account = ServiceAccount("dev", "app", {"eks.amazonaws.com/role-arn": role_arn})
    return AuditFacts(
        issuer_url="https://issuer",
        account="111122223333",
        service_accounts=[account],
        roles=[],
        providers=[],
        now=0,
    )


def audit_report() -> str:
    return audit_text(facts(THEIRS), audit(facts(THEIRS)))


def verify_report() -> str:
    return verify_text(Question(namespace="dev", name="app"), [FAILED])


def explain_report() -> str:
    facts = Facts(namespace="dev", name=THEIRS, service_account=None, keys=None, now=0)
    return str(chain_tree(Explained(facts, [FAILED], {}, {}), []))


@pytest.mark.parametrize(
    "report",
    [audit_report, verify_report, explain_report],
    ids=["audit", "verify", "explain"],
)
def test_no_control_sequence_reaches_the_terminal(report):
    shown = report()

    assert all(each.isprintable() for each in shown.split("\n"))
    assert SHOWN in shown
    assert not any(each.startswith("0 findings") for each in shown.splitlines())


def test_no_control_sequence_of_a_picture_reaches_the_terminal():
    picture = Picture()
    picture.box("service account", f"dev/{THEIRS}")
    shown = flowchart(picture)

    assert not any(unicodedata.category(each) == "Cc" for each in shown.replace("\n", ""))
    assert not any(each.startswith("0 findings") for each in shown.splitlines())


def test_no_control_sequence_of_an_error_reaches_the_terminal(monkeypatch, capsys):
    def run(_: object) -> int:
        raise cli.Stop(f"no workload {THEIRS}")

    monkeypatch.setattr("irsa.commands.verify.run", run)

    assert main(["verify"]) == 2
    assert capsys.readouterr().err == f"irsa verify: no workload {SHOWN}\n"


def test_json_has_the_text_unchanged():
    [finding] = [each for each in audit(facts(THEIRS)) if THEIRS in each.found]

    assert THEIRS in json.loads(json.dumps(finding.as_json()))["found"]


@pytest.mark.parametrize("text", ["", "dev/s3-app: ✓ passed, naïve $ kubectl -n dev 'x'"])
def test_printable_text_is_unchanged(text):
    assert line(text) == text
