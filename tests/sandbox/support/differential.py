"""Generated cases, each judged by our evaluator and by the code that MiniStack enforces with.

The vocabulary holds only what both are meant to do alike. MiniStack is known to differ in these:
it replaces no policy variables, ignores NotPrincipal, unique ids and the path of a role that a
principal names, ignores the case of principals and takes wildcards in them; its ARN operators cross
colons; a value or an operator that it cannot read, and several values without a set operator, are a
miss; boundary and session policy limit what everyone is granted; an account's root passes for a
service, and the AWS principal * does not name a web identity.
"""

import json
import random
import time
from collections.abc import Sequence
from typing import Any

from ministack.core import iam_evaluator as ministack

from command.tests.decide.scenarios import (
    ACCOUNT_A,
    ACCOUNT_B,
    ISSUER,
    PROVIDER_ARN,
    ROLE_A,
    SESSION_A,
    SUBJECT,
)
from irsa.decide.document import Kind
from irsa.decide.evaluate import Inquiry
from irsa.decide.policies import Policies
from irsa.decide.principals import Caller, caller_from_arn
from irsa.decide.request import Request
from irsa.decide.statements import compile_policy
from irsa.decide.truth import Verdict
from irsa_sandbox.json_types import Json

USER = f"arn:aws:iam::{ACCOUNT_A}:user/bob"
ROOT = f"arn:aws:iam::{ACCOUNT_A}:root"
ROLE_B = f"arn:aws:iam::{ACCOUNT_B}:role/s3-app-B"
BUCKET = "arn:aws:s3:::bucket"
POINT = f"arn:aws:s3:us-east-1:{ACCOUNT_A}:accesspoint/one"


STRING_OPERATORS = [
    f"String{name}"
    for name in (
        *("Equals", "NotEquals", "EqualsIgnoreCase", "NotEqualsIgnoreCase"),
        *("Like", "NotLike"),
    )
]
ORDER = ("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")
POINTS = [
    POINT,
    f"{POINT}/x",
    "arn:aws:s3:*:*:accesspoint/*",
    "arn:aws:s3:us-east-1:1?1122223333:accesspoint/o*",
    "arn:aws:sns:*:*:*",
]
TYPED = {
    "s3:max-keys": ([f"Numeric{name}" for name in ORDER], ["9", "10", "10.0", "11", "-1"]),
    "aws:CurrentTime": (
        [f"Date{name}" for name in ORDER],
        ["2001-01-01T00:00:00Z", "2099-01-01", "4000000000"],
    ),
    "aws:SecureTransport": (["Bool"], ["true", "false", "True"]),
    "aws:SourceIp": (
        ["IpAddress", "NotIpAddress"],
        ["10.0.0.0/8", "10.1.2.3", "192.0.2.0/24", "2001:db8::/32"],
    ),
    "s3:DataAccessPointArn": (["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"], POINTS),
    "s3:blob": (["BinaryEquals"], ["QmluYXJ5", "QmluYXJ6"]),
}
TEXTS = [
    *("a", "A", "ab", "a*", "*", "a?", "home/*", "home/x", ""),
    *(SUBJECT, "system:serviceaccount:dev:*", "system:serviceaccount:dev:s3-ap?"),
    *("sts.amazonaws.com", "tenant-42"),
]
CALL_KEYS = [
    *("s3:prefix", "s3:max-keys", "s3:blob", "s3:DataAccessPointArn", "s3:labels"),
    *("aws:SecureTransport", "aws:CurrentTime", "aws:SourceIp", "aws:RequestTag/none"),
]
VALUES = {
    "s3:prefix": "home/x",
    "s3:max-keys": "10",
    "s3:blob": "QmluYXJ5",
    "s3:DataAccessPointArn": POINT,
}


PRINCIPALS = (SESSION_A, ROLE_A, ROOT, ACCOUNT_A, USER, ACCOUNT_B, f"{ROLE_A}x")
CALLERS = (SESSION_A, SESSION_A, USER)


class Generator:
    """Cases out of the vocabulary; the same seed gives the same cases."""

    def __init__(
        self,
        seed: int,
        *,
        principals: Sequence[str] = PRINCIPALS,
        principal_types: Sequence[str] = ("AWS", "Federated", "*"),
    ) -> None:
        self._random = random.Random(seed)  # noqa: S311 - cases, not secrets
        self._principals = principals
        self._principal_types = principal_types

    def pick(self, values: Any) -> Any:
        return self._random.choice(list(values))

    def some(self, values: list[str]) -> str | list[str]:
        if self._random.random() < 0.6:
            return self.pick(values)
        return [self.pick(values) for _ in range(self._random.randint(1, 3))]

    def condition(self, keys: list[str]) -> Json:
        found: dict[str, Json] = {}
        for _ in range(self.pick([0, 0, 1, 1, 2])):
            key = self.pick(keys)
            if self._random.random() < 0.1:
                found.setdefault("Null", {})[key] = self.pick(["true", "false"])
                continue
            operators, values = TYPED.get(key, (STRING_OPERATORS, TEXTS))
            operator = self.pick(operators) + self.pick(["", "", "IfExists"])
            if key == "s3:labels":
                operator = self.pick(["ForAllValues:", "ForAnyValue:"]) + operator
            found.setdefault(operator, {})[self.pick([key, key, key.upper()])] = self.some(values)
        return {"Condition": found} if found else {}

    def principal(self, *, web: bool, everyone: bool = True) -> Json:
        kind = self.pick(self._principal_types)
        if kind == "*" and everyone:
            return {"Principal": "*"}
        if kind in ("Federated", "*"):
            return {"Principal": {"Federated": self.some([PROVIDER_ARN, f"{PROVIDER_ARN}x"])}}
        more = ["*"] if everyone and not web else []
        return {"Principal": {kind: self.some([*self._principals, *more])}}

    def trust(self, *, web: bool) -> Json:
        keys = (
            [f"{ISSUER}:sub", f"{ISSUER}:aud"] if web else ["sts:ExternalId", "sts:RoleSessionName"]
        )
        keys += ["aws:RequestTag/none", "aws:SecureTransport", "aws:CurrentTime"]
        own = "sts:AssumeRoleWithWebIdentity" if web else "sts:AssumeRole"
        actions = [own, own.lower(), "sts:*", "sts:AssumeRole*", "sts:TagSession", "sts:AssumeRol?"]
        return document(
            {
                "Effect": self.pick(["Allow", "Allow", "Deny"]),
                self.pick(["Action", "Action", "Action", "NotAction"]): self.some(actions),
                **self.principal(web=web),
                **self.condition(keys),
            }
            for _ in range(self.pick([1, 1, 2, 3]))
        )

    def call_policy(self, bucket: str, *, principal: bool) -> Json:
        """A policy of an API call: only the keys that a plain listing carries."""
        keys = ["s3:prefix", "aws:SecureTransport", "aws:CurrentTime", "aws:RequestTag/none"]
        policy = self.policy(principal=principal, keys=keys)
        return json.loads(json.dumps(policy).replace(BUCKET, f"arn:aws:s3:::{bucket}"))

    def policy(
        self, *, principal: bool = False, everyone: bool = True, keys: list[str] = CALL_KEYS
    ) -> Json:
        actions = ["s3:ListBucket", "s3:List*", "s3:*", "*", "S3:listbucket", "s3:GetObject"]
        resources = [
            BUCKET,
            "arn:aws:s3:::*",
            f"{BUCKET}/*",
            "*",
            "arn:aws:s3:::buck?t",
            "arn:aws:s3:::BUCKET",
        ]
        return document(
            {
                "Effect": self.pick(["Allow", "Allow", "Allow", "Deny"]),
                self.pick(["Action", "Action", "Action", "NotAction"]): self.some(actions),
                self.pick(["Resource", "Resource", "Resource", "NotResource"]): self.some(
                    resources
                ),
                **(self.principal(web=False, everyone=everyone) if principal else {}),
                **self.condition(keys),
            }
            for _ in range(self.pick([1, 1, 2]))
        )


def document(statements: Any) -> Json:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def trust_answers(make: Generator) -> tuple[Json, str, str]:
    """A trust policy, and what ours and MiniStack's code make of it."""
    web = make.pick([True, False])
    policy = make.trust(web=web)
    keys: dict[str, Any] = {
        f"{ISSUER}:sub".lower(): SUBJECT,
        f"{ISSUER}:aud".lower(): "sts.amazonaws.com",
    }
    if not web:
        name, external = make.pick(["a", "ab"]), make.pick(["tenant-42", None])
        keys = {"sts:rolesessionname": name} | ({"sts:externalid": external} if external else {})
    arn = make.pick(CALLERS)
    caller = Caller("web-identity", PROVIDER_ARN, ACCOUNT_A) if web else caller_from_arn(arn)
    action = "sts:AssumeRoleWithWebIdentity" if web else "sts:AssumeRole"
    request = Request(action, ROLE_B, caller, keys, context={}, now=time.time())
    ours = Inquiry(
        request,
        # Only the trust policy is compared: the caller's own policies allow everything.
        Policies(resource=compile_policy(policy, "trust", Kind.TRUST), identity=[EVERYTHING]),
        same_account=False,
    )
    theirs = ministack.evaluate_trust_policy(
        policy, caller.arn, their_context(caller.arn, action, ROLE_B, keys)
    )
    return policy, ours.decide().verdict.value, "allow" if theirs else "deny"


def call_answers(make: Generator) -> tuple[Json, str, str]:
    """An S3 call under policies of every kind, and what both make of it."""
    identity = [make.policy() for _ in range(make.pick([0, 1, 1, 2]))]
    boundary = make.policy() if make.pick([True, False, False]) else None
    session = make.policy() if make.pick([True, False, False]) else None
    everyone = boundary is None and session is None
    resource = (
        make.policy(principal=True, everyone=everyone) if make.pick([True, True, False]) else None
    )
    owner, arn = make.pick([ACCOUNT_A, ACCOUNT_A, ACCOUNT_B]), make.pick(CALLERS)
    absent = make.pick(["s3:prefix", "s3:max-keys", ""])
    keys: dict[str, Any] = {k.lower(): v for k, v in VALUES.items() if k != absent}
    keys["s3:labels"] = make.pick([["a", "ab"], ["a"], ["home/x", "b"]])
    ours = Inquiry(
        Request(
            "s3:ListBucket",
            BUCKET,
            caller_from_arn(arn),
            {k: tuple(v) if isinstance(v, list) else v for k, v in keys.items()},
            context={"aws:sourceip": "10.1.2.3", "aws:securetransport": "true"},
            now=time.time(),
        ),
        Policies(
            resource=resource and compile_policy(resource, "resource", Kind.RESOURCE),
            identity=[compile_policy(each, "identity", Kind.IDENTITY) for each in identity],
            boundary=boundary and compile_policy(boundary, "boundary", Kind.IDENTITY),
            session=session and compile_policy(session, "session", Kind.IDENTITY),
        ),
        same_account=owner == ACCOUNT_A,
    )
    context = their_context(arn, "s3:ListBucket", BUCKET, keys)
    limits = [[ministack.parse_policy_document(each)] for each in (boundary, session) if each]
    result = ministack.evaluate(
        context, [ministack.parse_policy_document(i) for i in identity], *limits
    )
    result = ministack.combine_resource_policy(
        result, context, resource, owner, limits=tuple(limits)
    )
    case = {"identity": identity, "boundary": boundary, "session": session, "resource": resource,
            "caller": arn, "owner": owner, "keys": keys}  # fmt: skip
    return case, ours.decide().verdict.value, "allow" if result.decision == "Allow" else "deny"


def their_context(arn: str, action: str, resource: str, keys: Json) -> ministack.EvalContext:
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


EVERYTHING = compile_policy(
    document([{"Effect": "Allow", "Action": "*", "Resource": "*"}]), "all", Kind.IDENTITY
)

DECIDED = (Verdict.ALLOW.value, Verdict.DENY.value)
