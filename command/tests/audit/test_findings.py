"""Findings of an audit."""

import json
import re
from hashlib import sha256

import pytest

from command.tests.audit.audited import annotated, cluster, facts, provider, role
from irsa.audit.findings import audit
from irsa.commands.audit import sarif
from irsa.observe.facts import RegisteredProvider, ServiceAccountObject
from irsa_core.identity.policies import irsa_trust_policy, service_trust_policy
from irsa_core.identity.subjects import ServiceAccountPattern, ServiceAccountRef
from irsa_core.rules.table import RULES, SEVERITIES, Finding
from irsa_core.rules.tokens import TrustContext
from irsa_core.rules.trust_policy import check_trust_policy
from tests.support.world import ACCOUNT_A, ACCOUNT_B, ISSUER, PROVIDER_ARN, ROLE_ARN, SUBJECT

APP, ANY_APP = ServiceAccountRef("dev", "s3-app"), ServiceAccountPattern("dev", "s3-*")
GITHUB = PROVIDER_ARN.replace(ISSUER, "token.actions.githubusercontent.com")
GONE = PROVIDER_ARN.replace("0123", "FFFF")
OTHER_ROLE = f"arn:aws:iam::{ACCOUNT_B}:role/other"
GOOD = irsa_trust_policy([PROVIDER_ARN], [APP])
AUD, SUB = {f"{ISSUER}:aud": "sts.amazonaws.com"}, {f"{ISSUER}:sub": SUBJECT}
ANNOTATED, BARE = annotated(), ServiceAccountObject("dev", "default", {})
GREEN = ISSUER.replace("0123", "9999")
GREEN_PROVIDER = PROVIDER_ARN.replace(ISSUER, GREEN)
BOTH = irsa_trust_policy([PROVIDER_ARN, GREEN_PROVIDER], [APP])
SHA1 = "990f4193972f2becf12ddeda5237f9c952f20d9e"
NOT_NAMED = {
    "issuer-url": ["oidc.eks.us-east-1.amazonaws.com", f"{ISSUER}/", ISSUER.lower()],
    "dual-stack-issuer": ["oidc-eks.us-east-1.api.aws/id/0123456789ABCDEF"],
}
AWAY = {"Federated": GITHUB.replace(ACCOUNT_A, ACCOUNT_B)}


def with_condition(condition):
    return {"Statement": [{**GOOD["Statement"][0], "Condition": condition}]}


NO_SUB = with_condition({"StringEquals": AUD})


def test_a_subject_that_aud_is_compared_with_is_named():
    trust = with_condition({"StringEquals": {f"{ISSUER}:aud": SUBJECT}})
    found = dict(findings(role(trust), providers=[], every_provider=False))
    assert found["no-caller"].endswith(f"{ISSUER}:aud is {SUBJECT}, which no caller meets")
    trust["Statement"].append(GOOD["Statement"][0])
    found = dict(findings(role(trust), providers=[], every_provider=False))
    assert found["no-sub"].endswith(f"aud is compared with a subject, {SUBJECT}")


def findings(*roles, accounts=(ANNOTATED,), **changed):
    """Rule and finding, for the cluster with these service accounts."""
    given = facts(*roles, clusters=[cluster(service_accounts=accounts)], **changed)
    return [(each.rule, each.found) for each in audit(given)]


def of_both(*roles, blue=(ANNOTATED,), green=(ANNOTATED,), **more):
    """Findings about a role of two audited clusters that trusts its service account in both."""
    clusters = [cluster(name="blue", service_accounts=blue),
                cluster(GREEN, name="green", service_accounts=green)]  # fmt: skip
    both = {"clusters": clusters, "providers": [provider(), provider(GREEN_PROVIDER)]}
    return audit(facts(*roles or [role(BOTH)], **both | more))


@pytest.mark.cases(("roles", "accounts", "expected"), {
    "annotated account": ([GOOD], [ANNOTATED], []),
    "annotated and bare account": ([GOOD], [ANNOTATED, BARE], []),
    "trusted by pattern": ([irsa_trust_policy([PROVIDER_ARN], [ANY_APP])], [ANNOTATED], []),
    "statement of a deleted provider": ([irsa_trust_policy([PROVIDER_ARN, GONE], [APP])],
        [ANNOTATED], [("deleted-provider", f"statement 2: {GONE}")]),
    "role missing": ([], [ANNOTATED], [("role-missing", ROLE_ARN)]),
    "annotation without an ARN": ([], [annotated("s3-app")], [("annotation", "s3-app")]),
    "role of another account": ([], [annotated(OTHER_ROLE)], [("other-account", OTHER_ROLE)]),
    "no account uses the role": ([GOOD], [], [("unused-role", ISSUER)]),
    "role of EC2": ([service_trust_policy("ec2.amazonaws.com")], [], []),
})  # fmt: skip
def test_roles_and_the_service_accounts_that_use_them(roles, accounts, expected):
    assert findings(*map(role, roles), accounts=accounts) == expected


def test_the_severest_come_first():
    found = findings(role(NO_SUB), accounts=(), providers=())
    assert [rule for rule, _ in found] == ["no-caller", "deleted-provider", "unused-role"]


@pytest.mark.parametrize("missing", ["blue", "green"])
def test_a_role_of_two_clusters_is_found_once_where_one_does_not_use_it(missing):
    issuer, arn = (GREEN, GREEN_PROVIDER) if missing == "green" else (ISSUER, PROVIDER_ARN)
    pattern = irsa_trust_policy([PROVIDER_ARN, GREEN_PROVIDER], [ANY_APP])
    assert of_both() == of_both(role(pattern)) == []
    other, unused = of_both(**{missing: ()})
    assert (other.rule, other.cluster, other.found) == ("other-cluster", "", f"{arn}: {SUBJECT}")
    assert (unused.rule, unused.cluster, unused.found) == ("unused-role", missing, issuer)


def test_a_stack_finds_neither_deleted_providers_nor_other_clusters():
    """Its own OIDC providers may not be all of the account."""
    for providers in ([], [provider(), provider(GREEN_PROVIDER)]):
        found = of_both(green=(), providers=providers, every_provider=False)
        assert [each.rule for each in found] == ["unused-role"]


def test_an_audience_that_a_service_account_asks_for_is_expected():
    text = json.dumps(BOTH).replace('"sts.amazonaws.com"', '["sts.amazonaws.com", "vault"]')
    both, vault = json.loads(text), annotated(audience="vault")
    role_a = role({**both, "Statement": both["Statement"][:1]})

    unasked = ("client-ids", "asked for: vault; client ids: sts.amazonaws.com")
    assert findings(role_a) == [("broad-aud", f"statement 1: vault of {ISSUER}")]
    assert findings(role_a, accounts=[vault]) == [unasked]
    # One cluster that asks for it is enough.
    assert "broad-aud" in {finding.rule for finding in of_both(role(both))}
    assert "broad-aud" not in {finding.rule for finding in of_both(role(both), green=[vault])}


def test_a_role_of_another_audited_account_is_checked():
    other, accounts = role(GOOD, OTHER_ROLE), [ACCOUNT_A, ACCOUNT_B]

    report = of_both(other, blue=[annotated(OTHER_ROLE)], green=(), accounts=accounts)

    by_rule = {finding.rule: finding for finding in report}
    assert by_rule.keys() == {"no-caller", "foreign-provider", "trust-mismatch"}
    foreign, mismatch = by_rule["foreign-provider"], by_rule["trust-mismatch"]
    assert (foreign.account, mismatch.account) == (ACCOUNT_B, ACCOUNT_A)
    assert mismatch.title == "service account dev/s3-app in cluster blue"
    assert " verify --context blue --namespace dev --service-account s3-app " in mismatch.remedy


def test_a_trust_policy_that_only_a_call_can_decide_is_said_to_be_unknown():
    from_net = {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}
    [finding] = audit(facts(role(with_condition({"StringEquals": {**AUD, **SUB}, **from_net}))))
    assert (finding.rule, finding.severity) == ("trust-unknown", "note")
    assert finding.remedy == (
        "python -m irsa verify --namespace dev --service-account s3-app makes the call"
    )


def at(issuer, **more):
    return provider(PROVIDER_ARN.replace(ISSUER, issuer), **more)


def asked(has):
    return [("client-ids", f"asked for: sts.amazonaws.com; client ids: {has}")]


@pytest.mark.cases(("registered", "expected"), {
    "sts.amazonaws.com and more": (provider(PROVIDER_ARN, "sts.amazonaws.com", "more"), []),
    "client id vault alone": (provider(PROVIDER_ARN, "vault"), asked("vault")),
    "no client id": (RegisteredProvider(GONE, ()), asked("none")),
    "GitHub's own client id": (provider(GITHUB, "https://github.com/org"), []),
    # Thumbprints are shown where IAM may use them.
    "thumbprint that IAM may use": (at("k8s.example.com", thumbprints=(SHA1,)),
        [("thumbprint", SHA1)]),
    "thumbprint of EKS": (provider(PROVIDER_ARN, thumbprints=(SHA1,)), []),
    "thumbprint of GitHub": (provider(GITHUB, "x", thumbprints=(SHA1,)), []),
    "EKS in China": (at("oidc.eks.cn-north-1.amazonaws.com.cn/id/0123456789ABCDEF"), []),
    "slash at the end, not EKS": (at("k8s.example.com/"), []),
    **{f"no token names {each}": (at(each), [(rule,
        each)]) for rule in NOT_NAMED for each in NOT_NAMED[rule]},
})  # fmt: skip
def test_findings_about_a_registered_provider(registered, expected):
    found = audit(facts(role(GOOD), providers=[registered]))
    about = [each for each in found if each.subject.startswith("OIDC provider")]
    assert [(each.rule, each.found) for each in about] == expected


def test_what_is_not_known_is_not_found():
    by_token = {"Effect": "Allow", "Principal": AWAY, "Action": "sts:AssumeRoleWithWebIdentity"}
    by_root = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT_B}, "Action": "sts:AssumeRole"}
    in_org = {**by_root, "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o"}}}

    def rules(statement, context):
        return {alarm.rule for alarm in check_trust_policy({"Statement": statement}, context, "x")}

    unknown, context_a = TrustContext(), TrustContext(ACCOUNT_A)
    assert "foreign-provider" in rules(by_token, context_a) - rules(by_token, unknown)
    assert "root-principal" in rules(by_root, unknown) - rules(in_org, unknown)


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
    [finding] = audit(facts(role(NO_SUB)))

    rule = RULES["no-sub"]
    assert finding.as_json() == {
        "rule": "no-sub",
        "severity": "error",
        "cluster": None,
        "account": ACCOUNT_A,
        "subject": f"role {ROLE_ARN}",
        **{name: getattr(rule, name) for name in ("text", "why", "remedy", "page")},
        "found": f"statement 1: conditions on aud of {ISSUER}",
    }


def test_sarif_names_the_rule_the_level_and_the_place():
    subject, where = f"role {ROLE_ARN}", "statement 1: conditions on aud"
    [run] = sarif([Finding("no-sub", subject, where)])["runs"]

    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == list(RULES)
    artifact = {"uri": f"role%20{ROLE_ARN.replace(':', '%3A')}"}
    place = {"artifactLocation": artifact, "region": {"startLine": 1}}
    hashed = sha256(f"{subject} {where}".encode()).hexdigest()
    [result] = run["results"]
    assert result == {
        "ruleId": "no-sub",
        "level": "error",
        "message": {"text": f"{subject}: {RULES['no-sub'].text} ({where})"},
        "locations": [
            {"logicalLocations": [{"fullyQualifiedName": subject}], "physicalLocation": place}
        ],
        "partialFingerprints": {"primaryLocationLineHash": hashed},
    }
