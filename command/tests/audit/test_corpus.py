"""Trust and permission policies as public programs write them.

corpus.jsonl has for each its source, its faults, whether a caller can come, and the page
on which that rests; accounts and issuers are placeholders. The labels were written before `audit`
saw the documents, and are not changed to fit it.
"""

import json
import re
from collections import Counter

import pytest

from command.tests.audit.audited import role
from irsa.audit.findings import AuditFacts, audit
from irsa.callers.lines import callers_of
from irsa.observe.facts import PermissionsPolicy
from irsa_core.rules.table import RULES
from tests.support.case_ids import LIMIT
from tests.support.paths import ROOT
from tests.support.world import ACCOUNT_A, NOW, ROLE_ARN

LINES = (ROOT / "command/tests/audit/corpus.jsonl").read_text().splitlines()
CORPUS = [json.loads(each) for each in LINES]
ANY_SUBJECT = {
    "no-sub", "broad-sub", "any-subject", "any-customer", "whole-organization", "whole-namespace",
}  # fmt: skip
NEVER = {"no-caller", "provider-arn", "issuer-url", "other-issuer", "malformed", "literal-wildcard"}
MISSED = {
    ("kary-ajrj/aws-gitlab-oidc-example", "passrole-any"),  # the role of an administrator
    ("happycuban/eks-karpenter", "passrole-any"),  # to EKS itself, which runs no program with it
    ("jeanbaptistemora/fluidattacks-universe2", "passrole-any"),  # without a call that takes a role
}
"""Labels that `audit` does not find, and why."""
SHAPES = {
    "no-aud": ("no condition on `aud`", {"no-aud"}),
    "no-sub": ("no condition on `sub`", ANY_SUBJECT),
    "any-subject": ("any service account of the cluster", ANY_SUBJECT),
    "wide-pattern": ("a pattern that reaches further namespaces or projects", ANY_SUBJECT),
    "weak-operator": ("an operator that holds without the key", {"weak-operator"}),
    "everyone": ("everyone", ANY_SUBJECT | {"everyone"}),
    "duplicate-key": ("a key that stands twice in the program", NEVER | {"no-sub", "no-aud"}),
    "output-as-text": ("an output as a text", {"output-as-text"}),
    "wrong-provider": ("a provider that cannot exist", NEVER),
    "wrong-issuer": ("a condition on a key that the tokens do not have", NEVER),
    "literal-wildcard": ("`*` under `StringEquals`", NEVER),
    "never": ("another condition that never holds", NEVER),
    "malformed": ("a document that IAM refuses", {"malformed"}),
    "default-account": ("the default service account", {"default-account"}),
    "no-conditions": ("EKS Pod Identity without conditions", {"pod-identity-any"}),
    "no-namespace": ("EKS Pod Identity for any service account", {"pod-identity-account"}),
    "foreign-root": ("another account, no condition on who", {"no-external-id", "root-principal"}),
    "no-external-id": ("a third party, no external id", {"no-external-id", "root-principal"}),
    "passrole-any": ("any role for Pods or instances", {"pass-any-role"}),
}  # fmt: skip
"""Faults of a document in words, and the rules of which one finds it."""


def findings(document, kind):
    trust, policies = (
        (document, []) if kind == "trust" else ({}, [PermissionsPolicy("p", document)])
    )
    one = role(trust, ROLE_ARN, "", policies=policies)
    own = {"roles": [one]} if kind == "trust" else {"roles": [], "untold": [one]}
    facts = AuditFacts(
        clusters=[], accounts=[ACCOUNT_A], providers=[], every_provider=False, now=NOW, **own
    )
    return {each.rule for each in audit(facts)}


def judged(entry):
    """The labels that are found, those that are not, and the alarms that no label explains."""
    rules = findings(entry["document"], entry["kind"])
    closed = entry["caller"] == "none" and rules & {"no-caller", "malformed", "output-as-text"}
    labels = [each for each in entry["errors"] if each in SHAPES]
    found = {each for each in labels if rules & SHAPES[each][1] or closed}
    expected = set().union(*(SHAPES[each][1] for each in labels), NEVER if closed else ())
    alarms = {each for each in rules - expected if RULES[each].severity != "note"}
    return found, {*labels} - found, alarms


def where(entry):
    """Return the repository and the file, with the notes where there is room."""
    source = re.sub(r"@\S+", "", entry["source"]).strip()
    return source if len(source) <= LIMIT else re.split(r" [+(]", source)[0]


def name(entry):
    return entry["source"].partition(" ")[0].partition("@")[0]


@pytest.fixture(scope="module")
def answers():
    return [(entry, *judged(entry)) for entry in CORPUS]


def test_the_corpus_is_public_documents_of_enough_sources():
    sources = Counter(map(name, CORPUS))
    assert (len(CORPUS) >= 80, len(sources) >= 60, max(sources.values()) <= 6) == (True, True, True)
    for entry in CORPUS:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f-]{1,12} .+", entry["source"])
        assert entry["page"].startswith("https://docs.aws.amazon.com/")
        accounts = re.findall(r"\b\d{12}\b", json.dumps(entry["document"]))
        assert {*accounts} <= {"111122223333", "444455556666"}


def test_what_is_wrong_is_found_and_nothing_else_is_an_alarm(answers):
    missed = {(name(entry), label) for entry, _, left, _ in answers for label in left}
    alarms = {(name(entry), rule) for entry, *_, extra in answers for rule in extra}
    assert (missed, alarms) == (MISSED, set())


@pytest.mark.parametrize("entry", [each for each in CORPUS if each["kind"] == "trust"], ids=where)
def test_explain_names_callers_of_those_that_admit_some(entry):
    callers = callers_of(entry["document"])
    assert bool(callers.lines) == (entry["caller"] == "someone"), callers


def test_the_table_of_shapes_is_that_of_the_corpus(answers):
    page = (ROOT / "docs/fleet.md").read_text()
    there, hits = Counter(), Counter()
    for entry, hit, left, _ in answers:
        there.update(hit | left)
        hits.update(hit)
        there["none"] += not [error for error in entry["errors"] if error in SHAPES]
    assert f"{len(CORPUS)} documents of {len({*map(name, CORPUS)})} public repositories" in page
    assert f"| nothing of these | {there['none']} | no alarm |" in page
    for label, (words, _) in SHAPES.items():
        if there[label]:
            assert f"| {words} | {there[label]} | {hits[label]} |" in page
