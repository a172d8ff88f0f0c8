"""Our evaluator against an enforcer that we did not write.

The cases go through the functions that MiniStack's API enforces with (sandbox/tests/parts/aws).

The vocabulary holds only what both are meant to do alike. MiniStack is known to differ in these:
it replaces no policy variables, ignores NotPrincipal, unique ids and the path of a role that a
principal names, ignores the case of principals and takes wildcards in them; its ARN operators cross
colons; a value or an operator that it cannot read, and several values without a set operator, are a
miss; boundary and session policy limit what everyone is granted; an account's root passes for a
service, and the AWS principal * does not name a web identity.
"""

import random
import time
from dataclasses import replace

import pytest
from ministack.core import iam_evaluator as ministack

from core.tests.decide.policies import document
from core.tests.decide.principals import ROLE_A, ROLE_B, ROOT, SESSION_A, USER
from irsa_core.decide.condition_keys import Request
from irsa_core.decide.document import DocumentType
from irsa_core.decide.evaluate import Inquiry
from irsa_core.decide.policies import Policies
from irsa_core.decide.principals import Caller, caller_from_arn
from irsa_core.decide.statements import compile_policy
from tests.support.world import ACCOUNT_A, ACCOUNT_B, ISSUER, PROVIDER_ARN, SUBJECT

BUCKET = "arn:aws:s3:::bucket"
POINT = f"arn:aws:s3:us-east-1:{ACCOUNT_A}:accesspoint/one"
LIKE_ONE = "arn:aws:s3:us-east-1:1?1122223333:accesspoint/o*"
POINTS = [POINT, f"{POINT}/x", "arn:aws:s3:*:*:accesspoint/*", "arn:aws:sns:*:*:*", LIKE_ONE]
ADDRESSES = ["10.0.0.0/8", "10.1.2.3", "192.0.2.0/24", "2001:db8::/32"]
ORDER = ("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")
EQUAL = ("Equals", "NotEquals", "EqualsIgnoreCase", "NotEqualsIgnoreCase", "Like", "NotLike")
TYPED = {
    "s3:max-keys": ("Numeric", ORDER, ["9", "10", "10.0", "11", "-1"]),
    "aws:CurrentTime": ("Date", ORDER, ["2001-01-01T00:00:00Z", "2099-01-01", "4000000000"]),
    "aws:SecureTransport": ("Bool", ("",), ["true", "false", "True"]),
    "aws:SourceIp": ("", ("IpAddress", "NotIpAddress"), ADDRESSES),
    "s3:DataAccessPointArn": ("Arn", ("Equals", "Like", "NotEquals", "NotLike"), POINTS),
    "s3:blob": ("BinaryEquals", ("",), ["QmluYXJ5", "QmluYXJ6"]),
}
TEXTS = [
    *("a", "A", "ab", "a*", "*", "a?", "home/*", "home/x", "", "sts.amazonaws.com", "tenant-42"),
    *(SUBJECT, "system:serviceaccount:dev:*", "system:serviceaccount:dev:s3-ap?"),
]
OF_REQUEST = ["aws:SecureTransport", "aws:CurrentTime", "aws:RequestTag/none"]
VALUES = {"s3:prefix": "home/x", "s3:max-keys": "10", "s3:blob": "QmluYXJ5"}
VALUES["s3:DataAccessPointArn"] = POINT
ACTIONS = ["s3:ListBucket", "s3:List*", "s3:*", "*", "S3:listbucket", "s3:GetObject"]
OF_S3 = [f"arn:aws:s3:::{each}" for each in ("*", "buck?t", "BUCKET")]
RESOURCES = [BUCKET, f"{BUCKET}/*", "*", *OF_S3]
PRINCIPALS = (SESSION_A, ROLE_A, ROOT, ACCOUNT_A, USER, ACCOUNT_B, f"{ROLE_A}x")
WEB, PLAIN = "sts:AssumeRoleWithWebIdentity", "sts:AssumeRole"


class Generator:
    """Cases out of the vocabulary; the same seed gives the same cases."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - cases, not secrets

    def pick(self, values):
        return self._random.choice(list(values))

    def some(self, values: list[str]) -> str | list[str]:
        if self._random.random() < 0.6:
            return self.pick(values)
        return [self.pick(values) for _ in range(self._random.randint(1, 3))]

    def condition(self, keys):
        block = {}
        for _ in range(self.pick([0, 0, 1, 1, 2])):
            key = self.pick(keys)
            if self._random.random() < 0.1:
                block.setdefault("Null", {})[key] = self.pick(["true", "false"])
                continue
            kind, operators, values = TYPED.get(key, ("String", EQUAL, TEXTS))
            operator = kind + self.pick(operators) + self.pick(["", "", "IfExists"])
            if key == "s3:labels":
                operator = self.pick(["ForAllValues:", "ForAnyValue:"]) + operator
            block.setdefault(operator, {})[self.pick([key, key, key.upper()])] = self.some(values)
        return {"Condition": block} if block else {}

    def principal(self, *, web=False, everyone=True):
        kind = self.pick(["AWS", "Federated", "*"])
        if kind == "*" and everyone:
            return {"Principal": "*"}
        if kind in ("Federated", "*"):
            return {"Principal": {"Federated": self.some([PROVIDER_ARN, f"{PROVIDER_ARN}x"])}}
        more = ["*"] if everyone and not web else []
        return {"Principal": {kind: self.some([*PRINCIPALS, *more])}}

    def statement(self, effects, actions):
        word = self.pick(["Action", "Action", "Action", "NotAction"])
        return {"Effect": self.pick(effects), word: self.some(actions)}

    def trust(self, *, web):
        action = WEB if web else PLAIN
        actions = [action, action.lower(), "sts:*"]
        actions += ["sts:AssumeRole*", "sts:TagSession", "sts:AssumeRol?"]
        claims = [f"{ISSUER}:sub", f"{ISSUER}:aud"]
        keys = claims if web else ["sts:ExternalId", "sts:RoleSessionName"]
        return document(
            *(
                {
                    **self.statement(["Allow", "Allow", "Deny"], actions),
                    **self.principal(web=web),
                    **self.condition([*keys, *OF_REQUEST]),
                }
                for _ in range(self.pick([1, 1, 2, 3]))
            )
        )

    def policy(self, *, principal=False, everyone=True):
        return document(
            *(
                {
                    **self.statement(["Allow", "Allow", "Allow", "Deny"], ACTIONS),
                    self.pick(["Resource", "Resource", "NotResource"]): self.some(RESOURCES),
                    **(self.principal(everyone=everyone) if principal else {}),
                    **self.condition([*TYPED, "s3:prefix", "s3:labels", *OF_REQUEST]),
                }
                for _ in range(self.pick([1, 1, 2]))
            )
        )


def trust_answers(make):
    """A trust policy, and what ours and MiniStack's code make of it."""
    web = make.pick([True, False])
    policy = make.trust(web=web)
    keys = {f"{ISSUER}:sub".lower(): SUBJECT, f"{ISSUER}:aud".lower(): "sts.amazonaws.com"}
    if not web:
        name, external = make.pick(["a", "ab"]), make.pick(["tenant-42", None])
        keys = {"sts:rolesessionname": name} | ({"sts:externalid": external} if external else {})
    arn = make.pick([SESSION_A, SESSION_A, USER])
    caller = Caller("web-identity", PROVIDER_ARN, ACCOUNT_A) if web else caller_from_arn(arn)
    action = WEB if web else PLAIN
    request = Request(action, ROLE_B, caller, keys, context={}, now=time.time())
    every = document({"Effect": "Allow", "Action": "*", "Resource": "*"})
    grant = compile_policy(every, "all", DocumentType.IDENTITY)  # the trust policy alone decides
    trust = compile_policy(policy, "t", DocumentType.TRUST)
    policies = Policies(resource_policy=trust, identity=[grant])
    ours = Inquiry(request, policies, same_account=False).decide().verdict.value
    context = their_context(caller.arn, action, ROLE_B, keys)
    theirs = ministack.evaluate_trust_policy(policy, caller.arn, context)
    return policy, ours, "allow" if theirs else "deny"


def call_answers(make):
    """An S3 call under policies of every kind, and what both make of it."""
    identity = [make.policy() for _ in range(make.pick([0, 1, 1, 2]))]
    boundary, session = (make.policy() if make.pick([1, 0, 0]) else None for _ in range(2))
    everyone = boundary is None and session is None
    resource = make.policy(principal=True, everyone=everyone) if make.pick([1, 1, 0]) else None
    owner, arn = make.pick([ACCOUNT_A, ACCOUNT_A, ACCOUNT_B]), make.pick([SESSION_A, USER])
    absent = make.pick(["s3:prefix", "s3:max-keys", ""])
    keys = {k.lower(): v for k, v in VALUES.items() if k != absent}
    labels = make.pick([["a", "ab"], ["a"], ["home/x", "b"]])
    action, address = "s3:ListBucket", {"aws:sourceip": "10.1.2.3", "aws:securetransport": "true"}
    values = {**keys, "s3:labels": tuple(labels)}

    def compiled(document, kind=DocumentType.IDENTITY):
        return document and compile_policy(document, "policy", kind)

    caller = replace(caller_from_arn(arn), session_policy=compiled(session))
    request = Request(action, BUCKET, caller, values, context=address, now=time.time())
    policies = Policies(
        resource_policy=compiled(resource, DocumentType.RESOURCE),
        identity=[*map(compiled, identity)],
        boundary=compiled(boundary),
    )
    ours = Inquiry(request, policies, same_account=owner == ACCOUNT_A)
    context = their_context(arn, action, BUCKET, {**keys, "s3:labels": labels})
    limits = [[ministack.parse_policy_document(policy)] for policy in (boundary, session) if policy]
    granted = [ministack.parse_policy_document(policy) for policy in identity]
    result = ministack.combine_resource_policy(
        ministack.evaluate(context, granted, *limits), context, resource, owner,
        limits=tuple(limits),
    )  # fmt: skip
    case = (identity, boundary, session, resource, arn, owner, keys, labels)
    return case, ours.decide().verdict.value, "allow" if result.decision == "Allow" else "deny"


def their_context(arn, action, resource, keys):
    return ministack.EvalContext(
        principal_arn=arn,
        principal_type="User" if ":user/" in arn else "AssumedRole",
        principal_account=ACCOUNT_A,
        action=action,
        resource_arn=resource,
        region="us-east-1",
        source_ip="10.1.2.3",
        secure_transport=True,
        service_context=keys,
    )


@pytest.mark.parametrize("judge", [trust_answers, call_answers])
def test_both_judge_thousands_of_cases_alike(judge):
    make, cases = Generator(20261125), 3_500
    answers = [judge(make) for _ in range(cases)]
    assert [each for each in answers if each[1] != each[2]] == []
    # The cases must be worth something: both answers often, and never "unknown".
    counted = [sum(ours == verdict for _, ours, _ in answers) for verdict in ("allow", "deny")]
    assert (sum(counted), min(counted) > cases // 10) == (cases, True)
