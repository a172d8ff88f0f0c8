"""A remedy of a trust policy allows the caller that asks, and no other caller."""

import json
import shlex
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from command.tests.verify.chains import CLAIMS, DENIED, GOOD, ROLE, links
from command.tests.verify.commands import written
from command.tests.verify.pods import with_env
from command.tests.verify.remedies.strategies import documents
from irsa.access import trusts_token
from irsa.commands import verify
from irsa.decide.document import named_accounts
from irsa.decide.truth import Verdict
from irsa.identity.token import Token
from irsa.observe.facts import RegisteredProvider
from irsa.verify.link import Status
from irsa.verify.remedies.trust import TrustFixer
from tests.support.no_gain import no_gain
from tests.support.world import ISSUER, NOW, PROVIDER_ARN, SUBJECT

OTHER = f"{ISSUER}0"
OTHER_ARN = f"{PROVIDER_ARN}0"
DEV, STAGE = "system:serviceaccount:dev", "system:serviceaccount:stage:s3-app"
SUBJECTS = [
    SUBJECT,
    f"{DEV}:s3app",
    f"{DEV}:worker-1",
    STAGE,
    f"{DEV}:*",
]
AUDIENCES = ["sts.amazonaws.com", "vault"]
CALLERS = [(i, s, a) for i in (ISSUER, OTHER) for s in SUBJECTS[:4] for a in AUDIENCES]
ASKED = (ISSUER, SUBJECT, "sts.amazonaws.com")
OPERATORS = [
    "StringEquals", "StringLike", "StringNotEquals", "StringNotLike", "StringEqualsIfExists",
    "ForAllValues:StringLike", "ForAllValues:StringEquals", "ForAnyValue:StringEquals",
]  # fmt: skip
PREFIXES = [ISSUER, ISSUER, ISSUER, OTHER, f"https://{ISSUER}"]
LINES = [
    *[(OPERATORS, f"{prefix}:sub", SUBJECTS) for prefix in PREFIXES],
    *[(OPERATORS, f"{prefix}:aud", AUDIENCES) for prefix in PREFIXES],
    (["StringEquals"], "sts:RoleSessionName", ["ledger"]),
    (["IpAddress"], "aws:SourceIp", ["10.0.0.0/8"]),
    (["StringEquals"], f"{ISSUER}:amr", ["mfa"]),
]
PRINCIPALS = [
    *[{"Federated": PROVIDER_ARN}] * 3,
    *({"Federated": OTHER_ARN}, {"Federated": [PROVIDER_ARN, OTHER_ARN]}, "*"),
    {"AWS": "arn:aws:iam::444455556666:root"},
]
TOKENS = "sts:AssumeRoleWithWebIdentity"
ACTIONS = [TOKENS, TOKENS, [TOKENS, "sts:TagSession"], "sts:*", "sts:AssumeRole"]
STS = "sts.amazonaws.com"
OF_ISSUER = {f"{OTHER}:aud": STS, f"{OTHER}:sub": SUBJECT}
BESIDE = {"StringLike": {f"{ISSUER}:sub": f"{DEV}:worker-*"}}
WEAK = {"ForAllValues:StringEquals": {f"{ISSUER}:aud": STS, f"{ISSUER}:sub": f"{SUBJECT}s"}}
NOT_REGISTERED = "replace the issuer, which the account has not registered"
NOT_ITS_CALL = "replace sts:AssumeRole, which is not the call of a token"
AND_PATTERN = f"replace sub {SUBJECT} and StringLike sub {DEV}:worker-* by {SUBJECT}"
GONE = f"{DEV}:chart"
REMOVED = f"; remove {GONE}, as no service account of that name uses the role"
NO_KEY = {"ForAllValues:StringEquals": {f"https://{ISSUER}:sub": SUBJECT}, **BESIDE}
ROOT = {"AWS": "arn:aws:iam::111122223333:root", "Federated": PROVIDER_ARN}


def verdict(document, caller):
    role = replace(ROLE, trust_policy=document)
    return trusts_token(role, token(*caller), session_name="irsa-verify", now=NOW)


def token(issuer, subject, audience):
    claims = {**CLAIMS, "iss": f"https://{issuer}", "sub": subject, "aud": [audience]}
    return Token("", {}, claims)


@settings(deadline=None)
@given(
    documents(PRINCIPALS, ACTIONS, LINES, most=4),
    st.sampled_from([(PROVIDER_ARN,), (PROVIDER_ARN, OTHER_ARN)]),
    st.sets(st.sampled_from(SUBJECTS[1:4])),
)
def test_after_the_remedy_no_other_caller_is_trusted(document, registered, neighbours):
    before = {caller: verdict(document, caller).verdict for caller in CALLERS}
    judged = verdict(document, ASKED)
    if judged.verdict is not Verdict.DENY:
        return
    judging = TrustFixer(
        role=replace(ROLE, trust_policy=document),
        token=token(*ASKED),
        account=GOOD.account,
        audience="sts.amazonaws.com",
        issuer=ISSUER,
        session_name="irsa-verify",
        now=NOW,
        registered=frozenset(registered),
        neighbours=frozenset(neighbours),
    )

    fixed = judging.fix(judged)

    if fixed.document is None:
        assert fixed.text.startswith("meet the trust policy's condition")
        return
    after = {caller: verdict(fixed.document, caller).verdict for caller in CALLERS}
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
    return link, [written(each) for each in link.remedy.shell]


def equals(**claims):
    """A trust policy with claims of this cluster's tokens under StringEquals."""
    return one({"StringEquals": {f"{ISSUER}:{name}": value for name, value in claims.items()}})


RIGHT = equals(aud=STS, sub=SUBJECT)
EXACT = RIGHT["Statement"][0]["Condition"]


@pytest.mark.parametrize(
    ("document", "text"),
    [
        (equals(aud=STS, sub=f"{DEV}:s3app"), f"replace sub {DEV}:s3app by {SUBJECT}"),
        (equals(aud=STS, sub=f"{DEV}:*"), f"replace sub {DEV}:* by {SUBJECT}"),
        (equals(aud="vault", sub=SUBJECT), "replace aud vault by sts.amazonaws.com"),
        (one({"StringEquals": OF_ISSUER}, OTHER_ARN), NOT_REGISTERED),
        (one(WEAK), f"replace ForAllValues:StringEquals sub {SUBJECT}s by {SUBJECT}"),
        (one({**EXACT, **BESIDE}), AND_PATTERN),
        (one(EXACT, Action="sts:AssumeRole"), NOT_ITS_CALL),
    ],
)
def test_what_is_wrong_in_a_fitting_statement_is_replaced(document, text):
    others = one(BESIDE)["Statement"]

    link, [found] = fixed({**document, "Statement": others + document["Statement"]})

    assert link.remedy.text == f"replace the trust policy: {text}"
    assert found["Statement"] == others + RIGHT["Statement"]


@pytest.mark.parametrize(("more", "said"), [([], ""), ([GONE], REMOVED)])
def test_a_service_account_that_uses_the_role_keeps_it(more, said):
    link, [found] = fixed(equals(aud=STS, sub=[STAGE, *more]), neighbours=frozenset({STAGE}))

    assert found == equals(aud=STS, sub=[STAGE, SUBJECT])
    assert link.remedy.text == f"replace the trust policy: add {SUBJECT}{said}"


@pytest.mark.parametrize(
    "document",
    [
        one(BESIDE),
        one({"ForAllValues:StringLike": BESIDE["StringLike"]}),
        one(NO_KEY),
        one({"StringEquals": {f"{ISSUER}:sub": SUBJECT}}, Action="sts:AssumeRole", Principal=ROOT),
        one({"StringEquals": {f"{OTHER}:sub": SUBJECT}}, OTHER_ARN),
    ],
    ids=["pattern", "weak-pattern", "beside-no-key", "of-a-role-too", "of-another-cluster"],
)
def test_a_statement_that_others_may_use_stays(document):
    _, [found] = fixed(document, providers=(*GOOD.providers, RegisteredProvider(OTHER_ARN, (STS,))))

    assert found["Statement"] == [*document["Statement"], *RIGHT["Statement"]]


@pytest.mark.parametrize(
    ("operator", "key", "value"),
    [
        ("StringLike", "sts:RoleSessionName", "ledger"),
        ("DateLessThan", "aws:CurrentTime", "2020-01-01T00:00:00Z"),
    ],
)
def test_a_condition_on_more_than_who_calls_is_met_and_not_lifted(operator, key, value):
    pods = (with_env(("AWS_ROLE_SESSION_NAME", "reports")),)
    link, found = fixed(one({**EXACT, operator: {key: value}}), pods=pods)

    met = f"meet the trust policy's conditions ({key} {operator} {value}); they are not lifted"
    assert (found, link.remedy.text) == ([], met)


def test_a_condition_on_what_is_not_known_stays():
    address = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
    wrong = equals(aud=STS, sub=f"{DEV}:s3app")["Statement"][0]["Condition"]
    _, [found] = fixed(one({**wrong, **address}))
    assert found == one({**EXACT, **address})


def test_a_policy_in_a_command_can_be_read_and_pasted():
    found = links(role=replace(ROLE, trust_policy={"Statement": []}), assumed=DENIED)
    [command] = found["trust"].remedy.shell

    shown = verify.text(GOOD, list(found.values())).splitlines()

    start = next(i for i, line in enumerate(shown) if "$ aws iam update-assume-role" in line)
    pasted = [line.strip() for line in shown[start:] if line.startswith(" " * 16)]
    assert max(map(len, shown[start : start + len(pasted)])) < 150
    program = "import json, sys; print(json.dumps(sys.argv))"
    printer = f"aws() {{ {shlex.quote(sys.executable)} -c '{program}' \"$@\"; }}"
    script = "\n".join([printer, pasted[0].removeprefix("$ "), *pasted[1:]])
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    words = json.loads(done.stdout)
    assert json.loads(words[-1]) == written(command)
