"""A remedy of a trust policy allows the caller that asks, and no other caller."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from command.tests.verify.links.pod_scenarios import container, pod, spec
from command.tests.verify.test_chain import (
    CLAIMS,
    DENIED,
    GOOD,
    ISSUER,
    NOW,
    PROVIDER_ARN,
    ROLE,
    links,
)
from command.tests.verify.test_remedy import document_in
from irsa.access import trusts_token
from irsa.decide.verdict import Verdict
from irsa.identity.token import Token
from irsa.observe.facts import RegisteredProvider, Role
from irsa.verify.link import Status
from irsa.verify.remedies.trust import TrustFixer, named_accounts
from tests.support.no_gain import no_gain

OTHER = f"{ISSUER}0"
OTHER_ARN = f"{PROVIDER_ARN}0"
OURS = "system:serviceaccount:dev:s3-app"
SUBJECTS = [
    OURS,
    "system:serviceaccount:dev:s3app",
    "system:serviceaccount:dev:worker-1",
    "system:serviceaccount:stage:s3-app",
    "system:serviceaccount:dev:*",
]
AUDIENCES = ["sts.amazonaws.com", "vault"]
CALLERS = [(i, s, a) for i in (ISSUER, OTHER) for s in SUBJECTS[:4] for a in AUDIENCES]
ASKED = (ISSUER, OURS, "sts.amazonaws.com")


def token(issuer, subject, audience):
    claims = {**CLAIMS, "iss": f"https://{issuer}", "sub": subject, "aud": [audience]}
    return Token("", {}, claims)


def fixer(document, *, registered=(PROVIDER_ARN,), neighbours=()):
    return TrustFixer(
        role=Role(ROLE.arn, "AROA", document),
        token=token(*ASKED),
        account=GOOD.account,
        audience="sts.amazonaws.com",
        issuer=ISSUER,
        session_name="irsa-verify",
        now=NOW,
        registered=frozenset(registered),
        neighbours=frozenset(neighbours),
    )


def verdict(document, caller):
    role = Role(ROLE.arn, "AROA", document)
    return trusts_token(role, token(*caller), session_name="irsa-verify", now=NOW).verdict


operators = st.sampled_from([
    "StringEquals", "StringLike", "StringNotEquals", "StringNotLike", "StringEqualsIfExists",
    "ForAllValues:StringLike", "ForAllValues:StringEquals", "ForAnyValue:StringEquals",
])  # fmt: skip
prefixes = st.sampled_from([ISSUER, ISSUER, ISSUER, OTHER, f"https://{ISSUER}"])


@st.composite
def conditions(draw):
    block = {}
    for claim, values in (("sub", SUBJECTS), ("aud", AUDIENCES)):
        for _ in range(draw(st.integers(0, 2))):
            key = f"{draw(prefixes)}:{claim}"
            listed = draw(st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True))
            block.setdefault(draw(operators), {})[key] = listed
    if draw(st.integers(0, 5)) == 0:
        key, value = draw(
            st.sampled_from(
                [
                    ("sts:RoleSessionName", "ledger"),
                    ("aws:SourceIp", "10.0.0.0/8"),
                    (f"{ISSUER}:amr", "mfa"),
                ]
            )
        )
        block.setdefault("IpAddress" if "Ip" in key else "StringEquals", {})[key] = value
    return block


principals = st.sampled_from(
    [
        {"Federated": PROVIDER_ARN},
        {"Federated": PROVIDER_ARN},
        {"Federated": PROVIDER_ARN},
        {"Federated": OTHER_ARN},
        {"Federated": [PROVIDER_ARN, OTHER_ARN]},
        {"AWS": "arn:aws:iam::444455556666:root"},
        "*",
    ]
)
statements = st.builds(
    lambda effect, principal, action, condition: {
        "Effect": effect,
        "Principal": principal,
        "Action": action,
        "Condition": condition,
    },
    st.sampled_from(["Allow", "Allow", "Allow", "Deny"]),
    principals,
    st.sampled_from(
        [
            "sts:AssumeRoleWithWebIdentity",
            "sts:AssumeRoleWithWebIdentity",
            ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"],
            "sts:*",
            "sts:AssumeRole",
        ]
    ),
    conditions(),
)
documents = st.builds(
    lambda listed: {"Version": "2012-10-17", "Statement": listed},
    st.lists(statements, min_size=0, max_size=3),
)


@settings(deadline=None)
@given(
    documents,
    st.sampled_from([(PROVIDER_ARN,), (PROVIDER_ARN, OTHER_ARN)]),
    st.sets(st.sampled_from(SUBJECTS[1:4])),
)
def test_after_the_remedy_no_other_caller_is_trusted(document, registered, neighbours):
    judging = fixer(document, registered=registered, neighbours=neighbours)
    before = {caller: verdict(document, caller) for caller in CALLERS}
    judged = trusts_token(judging.role, judging.token, session_name="irsa-verify", now=NOW)
    if judged.verdict is not Verdict.DENY:
        return

    fixed = judging.fix(judged)

    if fixed.document is None:
        assert fixed.text.startswith("meet the trust policy's condition")
        return
    after = {caller: verdict(fixed.document, caller) for caller in CALLERS}
    assert after[ASKED] is not Verdict.DENY
    # The same service account may gain, whatever the token is for.
    no_gain(before, after, but=lambda caller: caller[:2] == ASKED[:2])
    typos = {each.subject for each in named_accounts(document)} - neighbours
    users = [
        e for e in CALLERS if e[1] not in typos and (e[0] == ISSUER or OTHER_ARN in registered)
    ]
    no_gain(after, before, but=lambda caller: caller not in users or caller[:2] == ASKED[:2])


def one(condition, principal=PROVIDER_ARN, **more):
    """A trust policy of one statement."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": principal},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": condition,
    }
    return {"Version": "2012-10-17", "Statement": [{**statement, **more}]}


def fixed(document, **facts):
    role = replace(ROLE, trust_policy=document)
    link = links(role=role, assumed=DENIED, **facts)["trust"]
    assert link.status is Status.FAILED
    return link, [document_in(each, "--policy-document") for each in link.remedy.shell]


def named(session):
    """A Pod whose sessions have a name."""
    return pod(spec(container("app", ("AWS_ROLE_SESSION_NAME", session))))


AUD = {f"{ISSUER}:aud": "sts.amazonaws.com"}
RIGHT = one({"StringEquals": {**AUD, f"{ISSUER}:sub": OURS}})


@pytest.mark.parametrize(
    ("document", "text"),
    [
        pytest.param(
            one({"StringEquals": {**AUD, f"{ISSUER}:sub": "system:serviceaccount:dev:s3app"}}),
            f"replace sub system:serviceaccount:dev:s3app by {OURS}",
            id="subject",
        ),
        pytest.param(
            one({"StringEquals": {**AUD, f"{ISSUER}:sub": "system:serviceaccount:dev:*"}}),
            f"replace sub system:serviceaccount:dev:* by {OURS}",
            id="wildcard-under-equals",
        ),
        pytest.param(
            one({"StringEquals": {f"{ISSUER}:aud": "vault", f"{ISSUER}:sub": OURS}}),
            "replace aud vault by sts.amazonaws.com",
            id="audience",
        ),
        pytest.param(
            one({"StringEquals": {f"{OTHER}:aud": "sts.amazonaws.com", f"{OTHER}:sub": OURS}},
                OTHER_ARN),
            "replace the issuer, which the account has not registered",
            id="issuer",
        ),
        pytest.param(
            one({"ForAllValues:StringEquals": {**AUD, f"{ISSUER}:sub": f"{OURS}s"}}),
            f"replace ForAllValues:StringEquals sub {OURS}s by {OURS}",
            id="for-all-values",
        ),
        pytest.param(
            one({"StringEquals": {**AUD, f"{ISSUER}:sub": OURS},
                 "StringLike": {f"{ISSUER}:sub": "system:serviceaccount:dev:worker-*"}}),
            f"replace sub {OURS} and StringLike sub system:serviceaccount:dev:worker-* by {OURS}",
            id="exact-and-pattern",
        ),
        pytest.param(
            one({"StringEquals": {**AUD, f"{ISSUER}:sub": OURS}}, Action="sts:AssumeRole"),
            "replace sts:AssumeRole, which is not the call of a token",
            id="action",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_fitting_statement_is_replaced(document, text):
    link, [found] = fixed(document)

    assert link.remedy.text == f"replace the trust policy: {text}"
    assert found == RIGHT


GONE = "system:serviceaccount:dev:chart"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([], ""),
        ([GONE], f"; remove {GONE}, as no service account of that name uses the role"),
    ],
)
def test_a_service_account_that_uses_the_role_keeps_it(more, said):
    other = "system:serviceaccount:stage:s3-app"
    document = one({"StringEquals": {**AUD, f"{ISSUER}:sub": [other, *more]}})

    link, [found] = fixed(document, neighbours=frozenset({other}))

    assert found == one({"StringEquals": {**AUD, f"{ISSUER}:sub": [other, OURS]}})
    assert link.remedy.text == f"replace the trust policy: add {OURS}{said}"


def test_another_cluster_of_the_account_keeps_its_statement():
    document = one({"StringEquals": {f"{OTHER}:sub": OURS}}, OTHER_ARN)
    known = (*GOOD.providers, RegisteredProvider(OTHER_ARN, ("sts.amazonaws.com",)))

    _, [found] = fixed(document, providers=known)

    assert found["Statement"] == [*document["Statement"], *RIGHT["Statement"]]


WORKERS = {f"{ISSUER}:sub": "system:serviceaccount:dev:worker-*"}
ROOT = {"AWS": "arn:aws:iam::111122223333:root", "Federated": PROVIDER_ARN}


@pytest.mark.parametrize(
    "document",
    [
        one({"StringLike": WORKERS}),
        one({"ForAllValues:StringLike": WORKERS}),
        one({"ForAllValues:StringEquals": {f"https://{ISSUER}:sub": OURS}, "StringLike": WORKERS}),
        one({"StringEquals": {f"{ISSUER}:sub": OURS}}, Action="sts:AssumeRole", Principal=ROOT),
    ],
    ids=["pattern", "weak-pattern", "beside-no-key", "of-a-role-too"],
)
def test_a_statement_that_others_may_use_stays(document):
    _, [found] = fixed(document)

    assert found["Statement"] == [*document["Statement"], *RIGHT["Statement"]]


@pytest.mark.parametrize(
    ("operator", "key", "value"),
    [
        ("StringLike", "sts:RoleSessionName", "ledger"),
        ("DateLessThan", "aws:CurrentTime", "2020-01-01T00:00:00Z"),
    ],
)
def test_a_condition_on_more_than_who_calls_is_met_and_not_lifted(operator, key, value):
    link, found = fixed(
        one({"StringEquals": {**AUD, f"{ISSUER}:sub": OURS}, operator: {key: value}}),
        pods=(named("reports"),),
    )

    assert found == []
    shown = f"{key} {operator} {value}"
    assert link.remedy.text == f"meet the trust policy's conditions ({shown}); they are not lifted"
