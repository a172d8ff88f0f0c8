"""L1: what people of the cluster or the account wrote cannot speak to the terminal."""

import json
import unicodedata

import pytest

from irsa.__main__ import main
from irsa.audit.findings import AuditFacts, audit
from irsa.commands import cli
from irsa.commands.audit import text as audit_text
from irsa.commands.pictures.mermaid import flowchart
from irsa.commands.pictures.picture import Picture
from irsa.commands.pictures.tree import of_links, plain
from irsa.commands.printable import line
from irsa.commands.verify import Question
from irsa.commands.verify import text as verify_text
from irsa.observe.facts import ServiceAccount
from irsa.verify.link import failed
from irsa.verify.remedy import Command

THEIRS = "\x1b]0;owned\a\x1b[2J\n0 findings\x9b2J\u202e"
SHOWN = r"\x1b]0;owned\x07\x1b[2J\n0 findings\x9b2J\u202e"
FAILED = failed("annotation", "a role", THEIRS, f"ask {THEIRS}", Command(("kubectl", THEIRS)))


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


def of_audit() -> str:
    return audit_text(facts(THEIRS), audit(facts(THEIRS)))


def of_verify() -> str:
    return verify_text(Question(namespace="dev", name="app"), [FAILED])


@pytest.mark.parametrize(
    "report",
    [
        of_audit,
        of_verify,
        lambda: plain(of_links(f"dev/{THEIRS}", [FAILED], [])),
    ],
    ids=["audit", "verify", "explain"],
)
def test_l1_no_control_sequence_reaches_the_terminal(report):
    shown = report()

    assert all(each.isprintable() for each in shown.split("\n"))
    assert SHOWN in shown
    assert not any(each.startswith("0 findings") for each in shown.splitlines())


def test_l1_nor_does_one_in_a_picture():
    picture = Picture()
    picture.box("service account", f"dev/{THEIRS}")
    shown = flowchart(picture)

    assert not any(unicodedata.category(each) == "Cc" for each in shown.replace("\n", ""))
    assert not any(each.startswith("0 findings") for each in shown.splitlines())


def test_l1_nor_does_one_in_an_error(monkeypatch, capsys):
    def run(_: object) -> int:
        raise cli.Stop(f"no workload {THEIRS}")

    monkeypatch.setattr("irsa.commands.verify.run", run)

    assert main(["verify"]) == 2
    assert capsys.readouterr().err == f"irsa verify: no workload {SHOWN}\n"


def test_json_has_the_text_as_it_is():
    [finding] = [each for each in audit(facts(THEIRS)) if THEIRS in each.found]

    assert THEIRS in json.loads(json.dumps(finding.as_json()))["found"]


@pytest.mark.parametrize("text", ["", "dev/s3-app: ✓ passed, naïve $ kubectl -n dev 'x'"])
def test_what_can_be_printed_is_left_alone(text):
    assert line(text) == text
