"""What must be so of the three systems: each check asks AWS once, and says what it must answer.

Whoever knows the sandbox's demo knows these: a Pod's identity, its own bucket, and who is refused.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from irsa.identity.eks import TOKEN_FILE, TOKEN_FILE_VARIABLE
from tests.live.answers import GRANTED, Answer

KEY, IRSA, CHAIN = "s3-app-key", "s3-app", "s3-app-chain"
"""The three systems' workloads, as the example calls them."""

NAMESPACE, OTHER_NAMESPACE = "{prefix}-dev", "{prefix}-stage"
PATTERN_NAMESPACE = "{prefix}-crossplane-system"
OTHER = "other"
MATCHING, NOT_MATCHING = "aws-provider-s3-6f1a", "gcp-provider-storage"
OBJECT, CONTENT = "reports/2026/november.csv", "day,visits"

WHO = "aws sts get-caller-identity --query Arn --output text"
AS_B = "--profile B"
_LIST = "aws s3 ls --recursive s3://{%s}"
_GET = f"aws s3 cp s3://{{%s}}/{OBJECT} -"
_PUT = "aws s3api put-object --bucket {%s} --key written"
_ASSUME_B = (
    "aws sts assume-role --role-arn {role_b} --role-session-name live "
    "--query AssumedRoleUser.Arn --output text"
)
LIST_A, LIST_B = _LIST % "bucket_a", _LIST % "bucket_b"
GET_A, GET_B = _GET % "bucket_a", _GET % "bucket_b"
PUT_A, PUT_B = _PUT % "bucket_a", _PUT % "bucket_b"

NO_ASSUME = "is not authorized to perform: sts:AssumeRole "
NO_TOKEN = "Not authorized to perform sts:AssumeRoleWithWebIdentity"


class TrustContext(Protocol):
    """Where the checks are asked."""

    def in_pod(self, workload: str, command: str) -> Answer:
        """Run a command in a workload's Pod; ``{bucket_a}`` and its like are filled in."""
        ...

    def environment(self, workload: str) -> Answer:
        """The variables that decide who a workload's Pod is."""
        ...

    def assume(
        self, role: str, namespace: str, account: str, change: Callable[[str], str], audience: str
    ) -> Answer:
        """Assume a role with a service account's token, ``change``d before it is sent."""
        ...

    def deployer_becomes_b(self) -> Answer:
        """Assume role B as account A's profile."""
        ...

    def verify(self, workload: str) -> Answer:
        """What `python -m irsa verify` says of a workload."""
        ...


@dataclass(frozen=True)
class Check:
    """One thing that must be so."""

    key: str
    title: str
    ask: Callable[[TrustContext], Answer]
    code: str
    """The answer's code."""

    contains: tuple[str, ...] = ()
    """What its text contains; ``{role_a}`` and its like are filled in."""

    lacks: tuple[str, ...] = ()
    """What its text does not contain."""

    def holds(self, answer: Answer, fill: Callable[[str], str]) -> bool:
        """Whether the answer is as it must be."""
        return (
            answer.code == self.code
            and all(fill(part) in answer.text for part in self.contains)
            and not any(part in answer.text for part in self.lacks)
        )


def _pod(workload: str, command: str) -> Callable[[TrustContext], Answer]:
    return lambda world: world.in_pod(workload, command)


def _token(
    role: str,
    namespace: str = NAMESPACE,
    account: str = f"{{prefix}}-{IRSA}",
    *,
    change: Callable[[str], str] = lambda token: token,
    audience: str = "",
) -> Callable[[TrustContext], Answer]:
    return lambda world: world.assume(role, namespace, account, change, audience)


def claims_of(token: str) -> dict[str, Any]:
    """A token's claims, unverified."""
    body = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


def as_another(token: str) -> str:
    """`other`'s token with IRSA's subject and the old signature: what a forger would try."""
    header, _, signature = token.split(".")
    claims = claims_of(token)
    claims["sub"] = claims["sub"].removesuffix(OTHER) + IRSA
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"{header}.{body}.{signature}"


_TOKEN = f"sh -c 'cat ${TOKEN_FILE_VARIABLE}'"
_NO_KEY = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_INJECTED = (f"{TOKEN_FILE_VARIABLE}=", TOKEN_FILE, "AWS_REGION={region}")


def _claims(workload: str) -> Callable[[TrustContext], Answer]:
    def ask(world: TrustContext) -> Answer:
        answer = world.in_pod(workload, _TOKEN)
        if answer.code != GRANTED:
            return answer
        claims = claims_of(answer.text)
        place = claims["kubernetes.io"]
        told = {name: claims[name] for name in ("aud", "iss", "sub")}
        told["kubernetes.io"] = [place["namespace"], place["serviceaccount"]["name"]]
        return Answer(GRANTED, json.dumps(told, indent=1))

    return ask


def _told(workload: str) -> tuple[str, ...]:
    """What the claims of a workload's token say."""
    subject = f"system:serviceaccount:{NAMESPACE}:{{prefix}}-{workload}"
    return (f'"sub": "{subject}"', '"aud": [\n  "sts.amazonaws.com"\n ]', '"iss": "{issuer}"')


SYSTEM_1 = (
    Check(
        "key-env",
        "the Pod has the user's key from its Secret, and no role",
        lambda world: world.environment(KEY),
        GRANTED,
        _NO_KEY,
        ("AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"),
    ),
    Check("key-caller", "it is that user", _pod(KEY, WHO), GRANTED, ("{user}",)),
    Check("key-list", "it lists its bucket", _pod(KEY, LIST_A), GRANTED, (OBJECT,)),
    Check("key-get", "it reads an object of it", _pod(KEY, GET_A), GRANTED, (CONTENT,)),
    Check("key-refused-put", "it may not write to it", _pod(KEY, PUT_A), "AccessDenied"),
    Check("key-refused-bucket-b", "nor list account B's", _pod(KEY, LIST_B), "AccessDenied"),
    Check(
        "key-refused-role-b",
        "nor become role B",
        _pod(KEY, _ASSUME_B),
        "AccessDenied",
        (NO_ASSUME,),
    ),
)

SYSTEM_2 = (
    Check(
        "irsa-env",
        "the webhook injected role, token file and region, and no key",
        lambda world: world.environment(IRSA),
        GRANTED,
        ("AWS_ROLE_ARN={role}", *_INJECTED),
        _NO_KEY,
    ),
    Check(
        "irsa-claims",
        "the token names this service account, STS and the cluster",
        _claims(IRSA),
        GRANTED,
        _told(IRSA),
    ),
    Check("irsa-caller", "the Pod is its role", _pod(IRSA, WHO), GRANTED, ("{session}",)),
    Check("irsa-list", "it lists its bucket", _pod(IRSA, LIST_A), GRANTED, (OBJECT,)),
    Check("irsa-get", "it reads an object of it", _pod(IRSA, GET_A), GRANTED, (CONTENT,)),
    Check("irsa-refused-put", "it may not write to it", _pod(IRSA, PUT_A), "AccessDenied"),
    Check("irsa-refused-bucket-b", "nor list account B's", _pod(IRSA, LIST_B), "AccessDenied"),
    Check(
        "irsa-refused-role-b",
        "nor become role B",
        _pod(IRSA, _ASSUME_B),
        "AccessDenied",
        (NO_ASSUME,),
    ),
    Check(
        "irsa-refused-account",
        "another service account of the namespace cannot become its role",
        _token("{role}", account=f"{{prefix}}-{OTHER}"),
        "AccessDenied",
        (NO_TOKEN,),
    ),
    Check(
        "irsa-refused-namespace",
        "nor one of the same name in another namespace",
        _token("{role}", OTHER_NAMESPACE),
        "AccessDenied",
        (NO_TOKEN,),
    ),
    Check(
        "irsa-refused-role-a",
        "nor can it become role A, which is another service account's",
        _token("{role_a}"),
        "AccessDenied",
        (NO_TOKEN,),
    ),
    Check(
        "irsa-refused-tampered",
        "a token whose subject was changed is refused",
        _token("{role}", account=f"{{prefix}}-{OTHER}", change=as_another),
        "InvalidIdentityToken",
    ),
    Check(
        "irsa-refused-audience",
        "a token for another audience is refused",
        _token("{role}", audience="https://vault.example.com"),
        "InvalidIdentityToken",
        ("Incorrect token audience",),
    ),
    Check(
        "pattern-matches",
        "a service account that fits the pattern becomes the pattern's role",
        _token("{pattern_role}", PATTERN_NAMESPACE, MATCHING),
        GRANTED,
        ("{pattern_session}",),
    ),
    Check(
        "pattern-refuses",
        "one that does not fit is refused",
        _token("{pattern_role}", PATTERN_NAMESPACE, NOT_MATCHING),
        "AccessDenied",
        (NO_TOKEN,),
    ),
    Check(
        "irsa-verify",
        "`irsa verify` finds every link in order",
        lambda world: world.verify(IRSA),
        GRANTED,
    ),
)

SYSTEM_3 = (
    Check(
        "chain-env",
        "the Pod has role A and an AWS config file, and no key",
        lambda world: world.environment(CHAIN),
        GRANTED,
        ("AWS_ROLE_ARN={role_a}", "AWS_CONFIG_FILE=", "/etc/aws/", *_INJECTED),
        _NO_KEY,
    ),
    Check(
        "chain-claims", "its token names its service account", _claims(CHAIN), GRANTED, _told(CHAIN)
    ),
    Check("chain-caller-a", "the Pod is role A", _pod(CHAIN, WHO), GRANTED, ("{session_a}",)),
    Check(
        "chain-refused-list-a",
        "as role A it may not list account B's bucket",
        _pod(CHAIN, LIST_B),
        "AccessDenied",
    ),
    Check(
        "chain-caller-b",
        "with profile B it is role B's session xactarget",
        _pod(CHAIN, f"{WHO} {AS_B}"),
        GRANTED,
        ("{session_b}xactarget",),
    ),
    Check(
        "chain-list",
        "as role B it lists the bucket",
        _pod(CHAIN, f"{LIST_B} {AS_B}"),
        GRANTED,
        (OBJECT,),
    ),
    Check(
        "chain-get",
        "and reads an object of it",
        _pod(CHAIN, f"{GET_B} {AS_B}"),
        GRANTED,
        (CONTENT,),
    ),
    Check(
        "chain-refused-put",
        "it may not write to it",
        _pod(CHAIN, f"{PUT_B} {AS_B}"),
        "AccessDenied",
    ),
    Check(
        "chain-refused-bucket-a",
        "nor list account A's bucket",
        _pod(CHAIN, f"{LIST_A} {AS_B}"),
        "AccessDenied",
    ),
    Check(
        "chain-refused-hour",
        "a chained session lasts an hour at most",
        _pod(CHAIN, f"{_ASSUME_B} --duration-seconds 3601"),
        "ValidationError",
        ("1 hour session limit",),
    ),
    Check(
        "chain-refused-token",
        "without the chain the Pod's token opens nothing in account B",
        _token("{role_b}", account=f"{{prefix}}-{CHAIN}"),
        "InvalidIdentityToken",
        ("No OpenIDConnect provider found in your account",),
    ),
    Check(
        "chain-refused-deployer",
        "nor can whoever deployed account A become role B",
        lambda world: world.deployer_becomes_b(),
        "AccessDenied",
        (NO_ASSUME,),
    ),
    Check(
        "chain-verify",
        "`irsa verify` finds every link in order",
        lambda world: world.verify(CHAIN),
        GRANTED,
    ),
)

CHECKS = (*SYSTEM_1, *SYSTEM_2, *SYSTEM_3)
