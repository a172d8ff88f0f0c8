"""Findings of an audit."""

import json
import re
from dataclasses import replace
from hashlib import sha256

import pytest

from irsa.audit.findings import AuditFacts, ClusterFacts, audit
from irsa.commands.audit import sarif
from irsa.commands.audit import text as audit_text
from irsa.identity.policies import irsa_trust_policy, service_trust_policy
from irsa.identity.subjects import ServiceAccountPattern, ServiceAccountRef
from irsa.observe.facts import RegisteredProvider, Role, ServiceAccount
from irsa.rules.finding import Finding
from irsa.rules.table import RULES, SEVERITIES
from irsa.rules.tokens import TrustContext
from irsa.rules.trust_policy import check_trust_policy

ISSUER = "oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF"
PROVIDER = f"arn:aws:iam::111122223333:oidc-provider/{ISSUER}"
ROLE_ARN = "arn:aws:iam::111122223333:role/s3-app"
SUBJECT = ServiceAccountRef("dev", "s3-app")
GITHUB = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"
GOOD = irsa_trust_policy([PROVIDER], [SUBJECT])
ANNOTATED = ServiceAccount("dev", "s3-app", {"eks.amazonaws.com/role-arn": ROLE_ARN})


def cluster(service_accounts=(), issuer=ISSUER, name=""):
    return ClusterFacts(
        issuer_url=f"https://{issuer}",
        account="111122223333",
        service_accounts=service_accounts,
        name=name,
    )


def facts(*, trust=GOOD, service_accounts=(ANNOTATED,), providers=(PROVIDER,), roles=None):
    """One role with this trust policy."""
    return AuditFacts(
        clusters=[cluster(service_accounts)],
        accounts=["111122223333"],
        roles=[Role(ROLE_ARN, "AROA1", trust)] if roles is None else roles,
        providers=[RegisteredProvider(arn, ("sts.amazonaws.com",)) for arn in providers],
        now=1_795_561_309,
    )


def findings(**changes):
    """Rule and finding, for one role with this trust policy."""
    return [(each.rule, each.found) for each in audit(facts(**changes))]


def findings_of(trust):
    return [each.as_json() for each in audit(facts(trust=trust))]


def with_condition(condition, **changes):
    return {"Statement": [{**GOOD["Statement"][0], "Condition": condition, **changes}]}


AUD = {f"{ISSUER}:aud": "sts.amazonaws.com"}
SUB = {f"{ISSUER}:sub": SUBJECT.subject}


def test_what_the_components_make_has_no_findings():
    assert findings() == []


def test_a_pattern_of_ours_has_no_findings():
    pattern = ServiceAccountPattern("dev", "s3-*")
    assert findings(trust=irsa_trust_policy([PROVIDER], [pattern])) == []


OTHER_ROLE = "arn:aws:iam::444455556666:role/other"
ROOT = "arn:aws:iam::444455556666:root"


def trusting(principal, condition=None):
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return {"Statement": {**statement, **({"Condition": condition} if condition else {})}}


def test_two_clusters_through_a_deleted_provider():
    gone = PROVIDER.replace("0123", "FFFF")
    trust = irsa_trust_policy([PROVIDER, gone], [SUBJECT])
    assert findings(trust=trust) == [("deleted-provider", f"statement 2: {gone}")]


def test_a_role_that_is_not_there():
    assert findings(roles=[]) == [("role-missing", ROLE_ARN)]


def test_an_annotation_that_is_no_role():
    account = ServiceAccount("dev", "s3-app", {"eks.amazonaws.com/role-arn": "s3-app"})
    assert findings(service_accounts=[account], roles=[]) == [("annotation", "s3-app")]


def test_a_role_of_another_account_is_only_noted():
    account = ServiceAccount("dev", "s3-app", {"eks.amazonaws.com/role-arn": OTHER_ROLE})
    assert findings(service_accounts=[account], roles=[]) == [("other-account", OTHER_ROLE)]


GREEN = ISSUER.replace("0123", "9999")
GREEN_PROVIDER = PROVIDER.replace(ISSUER, GREEN)


def of_both(*, blue=(ANNOTATED,), green=(ANNOTATED,), trust=None, **more):
    """Findings about a role of two audited clusters that trusts its service account in both."""
    trust = trust or irsa_trust_policy([PROVIDER, GREEN_PROVIDER], [SUBJECT])
    clusters = [cluster(blue, name="blue"), cluster(green, GREEN, "green")]
    given = facts(trust=trust, providers=(PROVIDER, GREEN_PROVIDER))
    return audit(replace(given, clusters=clusters, **more))


def test_a_role_that_two_clusters_use_is_meant_for_both():
    pattern = ServiceAccountPattern("dev", "s3-*")

    assert of_both() == []
    assert of_both(trust=irsa_trust_policy([PROVIDER, GREEN_PROVIDER], [pattern])) == []


@pytest.mark.parametrize("missing", ["blue", "green"])
def test_the_cluster_that_does_not_use_a_role_is_found_once(missing):
    issuer, arn = (GREEN, GREEN_PROVIDER) if missing == "green" else (ISSUER, PROVIDER)

    assert [(each.rule, each.cluster, each.found) for each in of_both(**{missing: ()})] == [
        ("other-cluster", "", f"{arn}: {SUBJECT.subject}"),
        ("unused-role", missing, issuer),
    ]


def test_an_audience_of_one_cluster_is_none_too_many():
    vault = replace(
        ANNOTATED, annotations={**ANNOTATED.annotations, "eks.amazonaws.com/audience": "vault"}
    )
    trust = irsa_trust_policy([PROVIDER, GREEN_PROVIDER], [SUBJECT])
    for statement in trust["Statement"]:
        for key in statement["Condition"]["StringEquals"]:
            if key.endswith(":aud"):
                statement["Condition"]["StringEquals"][key] = ["sts.amazonaws.com", "vault"]

    both, alone = of_both(green=[vault], trust=trust), of_both(trust=trust)

    assert "broad-aud" not in {each.rule for each in both}
    assert "broad-aud" in {each.rule for each in alone}


def test_a_role_of_another_audited_account_is_checked():
    role = Role(OTHER_ROLE, "AROA2", irsa_trust_policy([PROVIDER], [SUBJECT]))
    account = ServiceAccount("dev", "s3-app", {"eks.amazonaws.com/role-arn": OTHER_ROLE})
    accounts = ["111122223333", role.account]

    found = of_both(blue=[account], green=(), roles=[role], accounts=accounts)

    assert {each.rule: each.account for each in found} == {
        "foreign-provider": role.account,
        "trust-mismatch": "111122223333",
    }
    [mismatch] = [each for each in found if each.rule == "trust-mismatch"]
    assert mismatch.title == "service account dev/s3-app in cluster blue"
    assert " verify --context blue --namespace dev --service-account s3-app " in mismatch.remedy


def test_an_unused_role_is_only_noted():
    assert findings(service_accounts=()) == [("unused-role", ISSUER)]


def test_a_role_that_does_not_trust_the_cluster_is_no_unused_role():
    assert findings(trust=service_trust_policy("ec2.amazonaws.com"), service_accounts=()) == []


def test_service_accounts_without_annotation_are_left_alone():
    assert findings(service_accounts=[ANNOTATED, ServiceAccount("dev", "default", {})]) == []


def test_the_severest_come_first():
    trust = with_condition({"StringEquals": AUD})
    found = [rule for rule, _ in findings(trust=trust, service_accounts=(), providers=())]
    assert found == ["no-sub", "deleted-provider", "unused-role"]


def test_a_trust_policy_that_only_a_call_can_decide_is_said_to_be_unknown():
    trust = with_condition(
        {"StringEquals": {**AUD, **SUB}, "IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}
    )

    [finding] = audit(facts(trust=trust))

    assert (finding.rule, finding.severity) == ("trust-unknown", "note")
    assert finding.remedy == (
        "python -m irsa verify --namespace dev --service-account s3-app makes the call"
    )


def test_an_audience_that_a_service_account_asks_for_is_expected():
    annotations = {**ANNOTATED.annotations, "eks.amazonaws.com/audience": "vault"}
    account = ServiceAccount("dev", "s3-app", annotations)
    trust = with_condition(
        {"StringEquals": {**SUB, f"{ISSUER}:aud": ["sts.amazonaws.com", "vault"]}}
    )

    assert findings(trust=trust) == [("broad-aud", f"statement 1: vault of {ISSUER}")]
    assert findings(trust=trust, service_accounts=[account]) == [
        ("client-ids", "asked for: vault; client ids: sts.amazonaws.com")
    ]


def of_providers(*providers, **changes):
    found = audit(replace(facts(**changes), providers=providers))
    return [(each.rule, each.found) for each in found if each.subject.startswith("OIDC provider")]


def test_client_ids_of_clusters():
    second = PROVIDER.replace("0123", "FFFF")
    missing = "asked for: sts.amazonaws.com; client ids: "

    assert of_providers(RegisteredProvider(PROVIDER, ("sts.amazonaws.com", "more"))) == []
    assert of_providers(RegisteredProvider(PROVIDER, ("vault",))) == [
        ("client-ids", f"{missing}vault")
    ]
    assert of_providers(RegisteredProvider(second, ())) == [("client-ids", f"{missing}none")]
    assert of_providers(RegisteredProvider(GITHUB, ("https://github.com/org",))) == []


@pytest.mark.parametrize(
    ("issuer", "rules"),
    [
        (ISSUER, []),
        ("oidc.eks.cn-north-1.amazonaws.com.cn/id/0123456789ABCDEF", []),
        ("oidc.eks.us-east-1.amazonaws.com", ["issuer-url"]),
        (f"{ISSUER}/", ["issuer-url"]),
        (ISSUER.lower(), ["issuer-url"]),
        ("oidc-eks.us-east-1.api.aws/id/0123456789ABCDEF", ["dual-stack-issuer"]),
        ("k8s.example.com/", []),
    ],
)
def test_addresses_that_no_token_names(issuer, rules):
    arn = f"arn:aws:iam::111122223333:oidc-provider/{issuer}"
    found = of_providers(RegisteredProvider(arn, ("sts.amazonaws.com",)))
    assert [rule for rule, _ in found] == rules


def rules_of(trust, context):
    return [each.rule for each in check_trust_policy(trust, context, "role x")]


def test_what_is_not_known_is_not_found():
    foreign = PROVIDER.replace("111122223333", "444455556666")
    trust = irsa_trust_policy([foreign], [SUBJECT])
    conditions = {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}
    root = trusting({"AWS": ROOT}, conditions)
    alone = trusting({"AWS": ROOT}, {"Bool": {"aws:SecureTransport": "true"}})

    assert rules_of(trust, TrustContext()) == []
    assert rules_of(trust, TrustContext("111122223333")) == ["foreign-provider"]
    assert rules_of(root, TrustContext()) == []
    assert rules_of(alone, TrustContext()) == ["root-principal"]


def test_thumbprints_are_shown_where_iam_may_use_them():
    sha1 = "990f4193972f2becf12ddeda5237f9c952f20d9e"
    private = "arn:aws:iam::111122223333:oidc-provider/k8s.example.com"

    assert of_providers(RegisteredProvider(private, ("sts.amazonaws.com",), (sha1,))) == [
        ("thumbprint", sha1)
    ]
    for arn in (PROVIDER, GITHUB):
        assert of_providers(RegisteredProvider(arn, ("sts.amazonaws.com",), (sha1,))) == []


@pytest.mark.parametrize("key", RULES)
def test_every_rule_is_whole(key):
    rule = RULES[key]

    assert rule.severity in SEVERITIES
    assert rule.page.startswith("https://")
    for text in (rule.text, rule.why, rule.remedy):
        # No placeholders: who copies a remedy would copy them, too.
        assert text
        assert not re.search("[<>…]|NAMESPACE|ROLE_ARN", text)


def test_the_json_has_all_that_the_table_says():
    [finding] = findings_of(with_condition({"StringEquals": AUD}))

    assert finding == {
        "rule": "no-sub",
        "severity": "error",
        "cluster": None,
        "account": "111122223333",
        "subject": f"role {ROLE_ARN}",
        "text": RULES["no-sub"].text,
        "why": RULES["no-sub"].why,
        "found": f"statement 1: conditions on aud of {ISSUER}",
        "remedy": RULES["no-sub"].remedy,
        "page": RULES["no-sub"].page,
    }


THEIRS = "\x1b]0;owned\a\x1b[2J\n0 findings\x9b2J\u202e"


def test_no_output_speaks_to_the_terminal():
    trust = with_condition({"StringEquals": AUD, "StringLike": {f"{ISSUER}:sub": f"*{THEIRS}"}})
    found = audit(facts(trust=trust))
    outputs = [
        audit_text(facts(trust=trust), found),
        json.dumps(sarif(found)),
        json.dumps([each.as_json() for each in found]),
    ]

    assert "broad-sub" in {each.rule for each in found}
    for output in outputs:
        assert "0 findings" in output
        assert all(each.isprintable() and each.isascii() for each in output.split("\n"))
        assert not any(each.startswith("0 findings") for each in output.splitlines())


def test_json_has_a_text_as_it_is():
    assert Finding("annotation", "service account dev/s3-app", THEIRS).as_json()["found"] == THEIRS


def test_sarif_names_the_rule_the_level_and_the_place():
    report = sarif([Finding("no-sub", f"role {ROLE_ARN}", "statement 1: conditions on aud")])

    [run] = report["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == list(RULES)
    assert run["results"] == [
        {
            "ruleId": "no-sub",
            "level": "error",
            "message": {
                "text": f"role {ROLE_ARN}: no condition on sub: every service account of the "
                "cluster may assume the role (statement 1: conditions on aud)"
            },
            "locations": [
                {
                    "logicalLocations": [{"fullyQualifiedName": f"role {ROLE_ARN}"}],
                    "physicalLocation": {
                        "artifactLocation": {"uri": f"role%20{ROLE_ARN.replace(':', '%3A')}"},
                        "region": {"startLine": 1},
                    },
                }
            ],
            "partialFingerprints": {
                "primaryLocationLineHash": sha256(
                    f"role {ROLE_ARN} statement 1: conditions on aud".encode()
                ).hexdigest()
            },
        }
    ]
