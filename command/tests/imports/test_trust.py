"""A trust policy is read whole, or refused with the element that the component cannot express."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from irsa.access import trusts_service_account
from irsa.decide.truth import Verdict
from irsa.identity.pod_identity import pod_identity_trust_policy
from irsa.identity.policies import irsa_trust_policy
from irsa.identity.subjects import ServiceAccountPattern, ServiceAccountRef
from irsa.imports.trust import Trusted, Unsupported, read_trust
from irsa.observe.eks import Association
from irsa.observe.facts import Role, ServiceAccount
from tests.support.refusal import refusal
from tests.support.roles_of_others import eksctl_trust, terraform_trust, without_audience
from tests.support.world import CLUSTER_ARN, ISSUER, PROVIDER_ARN, ROLE_ARN

OTHER = PROVIDER_ARN.replace("us-east-1", "eu-west-1")
APP = ServiceAccountRef("dev", "app")
AUD, SUB = f"{ISSUER}:aud", f"{ISSUER}:sub"
STS = "sts.amazonaws.com"
DEV_APP = APP.subject


def trust(condition: Any = None, **changes: Any) -> dict[str, Any]:
    """Return a policy that trusts dev/app, with another condition or other elements."""
    document = terraform_trust(PROVIDER_ARN, "dev/app")
    statement = document["Statement"][0]
    statement.update(changes)
    if condition is not None:
        statement["Condition"] = condition
    return document


def both(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    return {**first, "Statement": first["Statement"] + second["Statement"]}


def subjects(*texts: str, operator: str = "StringEquals") -> dict[str, Any]:
    condition: dict[str, Any] = {"StringEquals": {AUD: STS}}
    condition.setdefault(operator, {})[SUB] = list(texts)
    return trust(condition)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (terraform_trust(PROVIDER_ARN, "dev/app"), [APP]),
        (eksctl_trust(PROVIDER_ARN, "dev/app"), [APP]),
        (terraform_trust(PROVIDER_ARN, "dev/app", audience_test="StringLike"), [APP]),
        (terraform_trust(PROVIDER_ARN, "dev/app", test="StringLike"), [APP]),
        (terraform_trust(PROVIDER_ARN, "dev/app", "ops/app"),
         [APP, ServiceAccountRef("ops", "app")]),
        (subjects(DEV_APP, "system:serviceaccount:dev:job-*", operator="StringLike"),
         [APP, ServiceAccountPattern("dev", "job-*")]),
        (subjects("system:serviceaccount:dev:*", operator="StringLike"),
         [ServiceAccountPattern("dev", "*")]),
        (both(terraform_trust(PROVIDER_ARN, "dev/app"), terraform_trust(PROVIDER_ARN, "ops/app")),
         [APP, ServiceAccountRef("ops", "app")]),
        ({**trust(), "Statement": trust()["Statement"][0]}, [APP]),
        (trust({"stringEquals": {AUD.upper(): STS, SUB: DEV_APP}}), [APP]),
        (trust(Action="STS:AssumeRoleWithWebIdentity"), [APP]),
        ({**trust(), "Version": "2008-10-17"}, [APP]),
        (trust(Sid="Loki"), [APP]),
    ],
)  # fmt: skip
def test_a_policy_that_the_component_can_express_is_read(document, expected):
    assert read_trust(document) == Trusted((PROVIDER_ARN,), tuple(sorted(expected)), STS)
    assert read_trust(document, "vault") == read_trust(document)


def test_a_policy_of_the_component_is_read():
    trusted = Trusted(
        (OTHER, PROVIDER_ARN), tuple(sorted([APP, ServiceAccountPattern("ops", "job-?")])), "vault"
    )

    assert read_trust(irsa_trust_policy(*trusted[:2], audience="vault")) == trusted


NOT_PRINCIPAL = {"Effect": "Allow", "NotPrincipal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
AND_ROLE = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
SAML = "arn:aws:iam::111122223333:saml-provider/x"
LIKE = {"operator": "StringLike"}


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (trust({"StringEquals": {SUB: DEV_APP}}), "no condition on aud"),
        (trust({"StringEquals": {AUD: STS}}), "no condition on sub"),
        (trust({}), "no condition on sub"),
        (trust({"StringEquals": {AUD: STS, SUB: DEV_APP, "aws:SourceVpc": "vpc-1"}}),
         "a condition on aws:SourceVpc"),
        (trust({"StringEquals": {AUD: STS, SUB.replace("us-east-1", "eu-west-1"): DEV_APP}}),
         "a condition on oidc.eks.eu-west-1"),
        (trust({"StringEquals": {AUD: STS}, "StringEqualsIfExists": {SUB: DEV_APP}}),
         f"the condition StringEqualsIfExists {SUB}"),
        (trust({"ForAnyValue:StringEquals": {AUD: STS}, "StringEquals": {SUB: DEV_APP}}),
         f"the condition ForAnyValue:StringEquals {AUD}"),
        (trust({"StringEquals": {AUD: STS, SUB: DEV_APP}, "StringLike": {SUB: DEV_APP}}),
         "two conditions on sub, which both have to match"),
        (subjects("system:serviceaccount:dev:*"), "where it is not a pattern and matches no"),
        (subjects("system:serviceaccount:dev-*:app", **LIKE), "it trusts every namespace that"),
        (subjects("system:serviceaccount:*", **LIKE), "does not name service accounts of one"),
        (subjects("*", **LIKE), "does not name service accounts of one namespace"),
        (subjects("system:serviceaccount:dev:App"), "service account name 'App' is not a DNS-1123"),
        (subjects("system:serviceaccount:dev:${aws:username}", **LIKE),
         "condition on sub has a policy variable"),
        (trust({"StringEquals": {AUD: [STS, "vault"], SUB: DEV_APP}}),
         "several audiences (sts.amazonaws.com, vault)"),
        (both(trust(), trust({"StringEquals": {AUD: "vault", SUB: DEV_APP}})),
         "several audiences (sts.amazonaws.com, vault)"),
        (trust({"StringLike": {AUD: "*", SUB: DEV_APP}}), "audiences by the pattern '*'"),
        (trust(Action=["sts:AssumeRoleWithWebIdentity", "sts:TagSession"]),
         "allows sts:AssumeRoleWithWebIdentity, sts:TagSession"),
        (trust(Action="sts:*"), "allows sts:*"),
        (both(trust(), {"Statement": [AND_ROLE]}), "allows sts:AssumeRole"),
        (trust(Principal={"Federated": PROVIDER_ARN, "Service": "ec2.amazonaws.com"}),
         "it trusts ec2.amazonaws.com as well"),
        (trust(Principal="*"), "it trusts * as well"),
        (trust(Principal={"Federated": [PROVIDER_ARN, OTHER]}), "names several OIDC providers"),
        (trust(Principal={"Federated": SAML}), "which is not an OIDC provider"),
        (both(trust(), trust(Effect="Deny")), "has a Deny"),
        ({"Statement": [NOT_PRINCIPAL]}, "NotPrincipal"),
        (both(trust(), terraform_trust(OTHER, "ops/app")),
         "other service accounts in one cluster than in another"),
        ({"Version": "2012-10-17", "Statement": []}, "IAM does not store such"),
        (trust(Comment="x"), "IAM does not store such"),
    ],
)  # fmt: skip
def test_any_other_policy_is_refused_with_the_reason(document, reason):
    before = copy.deepcopy(document)

    for default in ("", STS):
        if default and reason == "no condition on aud":
            continue  # the default stands in for it
        assert reason in refusal(read_trust, document, default)
    assert document == before


@pytest.mark.parametrize(
    "document",
    [
        without_audience(trust()),
        without_audience(terraform_trust(PROVIDER_ARN, "dev/app", test="StringLike")),
        both(without_audience(trust()), without_audience(terraform_trust(OTHER, "dev/app"))),
        both(trust(), without_audience(trust())),
    ],
    ids=["the module", "by StringLike", "two clusters", "one of two"],
)
def test_a_default_audience_stands_in_for_a_missing_condition(document):
    found = read_trust(document, STS)

    assert (found.audience, found.every_audience) == (STS, True)
    assert found.subjects == (APP,)
    assert "no condition on aud" in refusal(read_trust, document, raised=Unsupported)


LABELS = st.sampled_from(["app", "dev", "web.v2", "0", "App", "job-*", "*", "a?c"])
OPERATORS = st.sampled_from(["StringEquals", "StringLike"])


@st.composite
def statements(draw: Any) -> dict[str, Any]:
    """A statement of another tool for a cluster, perhaps one that matches no caller."""
    provider = draw(st.sampled_from([PROVIDER_ARN, OTHER]))
    issuer = provider.partition("oidc-provider/")[2]
    accounts = st.builds("system:serviceaccount:{}:{}".format, LABELS, LABELS)
    condition = {draw(OPERATORS): {f"{issuer}:sub": draw(st.lists(accounts, min_size=1))}}
    audience = draw(st.sampled_from([STS, "vault", "*"]))
    condition.setdefault(draw(OPERATORS), {})[f"{issuer}:aud"] = audience
    return trust(condition, Principal={"Federated": provider})["Statement"][0]


@settings(deadline=None, max_examples=60)
@given(st.lists(statements(), min_size=1, max_size=3))
def test_the_component_trusts_the_callers_of_the_policy_that_was_read(listed):
    before = {"Version": "2012-10-17", "Statement": listed}
    try:
        found = read_trust(before)
    except ValueError:
        return
    written = irsa_trust_policy(*found[:2], audience=found.audience, quota=8192)

    assert verdicts(written) == verdicts(before)


def verdicts(trust_policy: Any) -> list[Verdict]:
    """The evaluator's answers for the service accounts of a policy, and for similar ones."""
    return [
        trusts_service_account(
            Role(ROLE_ARN, "", trust_policy),
            ServiceAccount(namespace, name, {"eks.amazonaws.com/audience": audience}),
            issuer_url=issuer,
            session_name="import",
            now=1_700_000_000.0,
        ).verdict
        for issuer in (f"https://{ISSUER}", f"https://{ISSUER.replace('us-east-1', 'eu-west-1')}")
        for audience in (STS, "vault", "other")
        for namespace in ("dev", "app", "0")
        for name in ("app", "dev", "web.v2", "0", "job-1", "job-", "abc", "ac")
    ]


BY_EKS = pod_identity_trust_policy([CLUSTER_ARN], [APP])
UNTAGGED = pod_identity_trust_policy([CLUSTER_ARN], [APP], disable_session_tags=True)
NAMELESS = {
    "Effect": "Allow",
    "Principal": {"Service": "pods.eks.amazonaws.com"},
    "Action": ["sts:TagSession", "sts:AssumeRole"],
}


def association(**changed: Any) -> Association:
    arn = CLUSTER_ARN.replace("cluster/dev", "podidentityassociation/dev/a-1")
    return Association(**{"arn": arn, "account": APP, "role_arn": ROLE_ARN} | changed)


def by_eks(**condition: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [NAMELESS | {"Condition": condition}]}


IN_CLUSTER = Trusted((), (APP,), STS, clusters=(CLUSTER_ARN,))
NO_TAGS = IN_CLUSTER._replace(disable_session_tags=True)
OFF = association(disable_session_tags=True)


@pytest.mark.parametrize(
    ("document", "own", "expected"),
    [
        (BY_EKS, association(), IN_CLUSTER),
        (UNTAGGED, OFF, NO_TAGS),
        (both(trust(), UNTAGGED), OFF, NO_TAGS._replace(providers=(PROVIDER_ARN,))),
        (both(BY_EKS, trust()), association(), IN_CLUSTER._replace(providers=(PROVIDER_ARN,))),
    ],
)
def test_a_policy_for_the_associations_of_a_role_is_read(document, own, expected):
    assert read_trust(document, associations=[own]) == expected


@pytest.mark.parametrize(
    "document",
    [
        {"Version": "2012-10-17", "Statement": NAMELESS},
        by_eks(StringEquals={"aws:RequestTag/kubernetes-namespace": ["dev", "ops"]}),
        by_eks(ArnLike={"aws:SourceArn": f"{CLUSTER_ARN}*"}),
        pod_identity_trust_policy([CLUSTER_ARN, f"{CLUSTER_ARN}-2"], [APP]),
        UNTAGGED,
    ],
)
def test_a_policy_for_more_is_limited_to_the_associations_of_the_role(document):
    assert "--only-associations" in refusal(read_trust, document, associations=[association()])
    found = read_trust(document, associations=[association()], limit=True)
    assert found == IN_CLUSTER._replace(limited=True)


EC2_TOO = {"Service": ["pods.eks.amazonaws.com", "ec2.amazonaws.com"]}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"Principal": EC2_TOO}, "it trusts ec2.amazon"),
        ({"Action": "sts:AssumeRole"}, "allows sts:AssumeRole"),
        (
            {"Condition": {"StringNotEquals": {"aws:SourceArn": CLUSTER_ARN}}},
            "StringNotEquals aws:SourceArn",
        ),
        (
            {"Condition": {"StringEquals": {"aws:SourceOrgID": "o-1"}}},
            "the condition StringEquals aws:SourceOrgID",
        ),
    ],
    ids=["another-service", "without-tags", "weak-operator", "organization"],
)
def test_any_other_policy_for_pod_identity_is_refused(changes, reason):
    document = {"Version": "2012-10-17", "Statement": [{**NAMELESS, **changes}]}

    for limit in (False, True):
        found = refusal(read_trust, document, associations=[association()], limit=limit)
        assert reason in found


def test_the_service_accounts_of_associations_are_those_of_irsa():
    other = both(terraform_trust(PROVIDER_ARN, "dev/x"), BY_EKS)

    assert "other service accounts" in refusal(read_trust, other, associations=[association()])
    assert "no association of this cluster" in refusal(read_trust, BY_EKS)
    refused = association(account=ServiceAccountRef("ops", "app"))
    assert "does not trust its association of ops/app" in refusal(
        read_trust, BY_EKS, associations=[refused], limit=True
    )
