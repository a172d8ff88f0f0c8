"""What AWS and SDK error texts mean for a Pod: causes, the likeliest first, and the check for each.

Pure. `python -m irsa doctor` looks a text up here, and docs/troubleshooting.md is made from it.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cause:
    """Something that leads to the error."""

    cause: str
    check: str
    """How to find out, as a command or in words."""
    link: str = ""
    """The link of `verify` that shows it."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """An error text and what may be behind it."""

    key: str
    error: str
    """The text, as AWS or the SDK writes it."""
    pattern: re.Pattern[str]
    meaning: str
    causes: tuple[Cause, ...]


VERIFY = "python -m irsa verify --namespace NAMESPACE --service-account NAME"


def _trouble(key: str, error: str, pattern: str, meaning: str, *causes: Cause) -> Trouble:
    return Trouble(key, error, re.compile(pattern, re.IGNORECASE), meaning, causes)


_SERVICE_ACCOUNT = Cause(
    "the trust policy names another namespace or service account than the token does",
    VERIFY,
    "trust",
)
_OPERATOR = Cause(
    "`*` or `?` in `sub` under StringEquals, which compares it literally", VERIFY, "trust"
)
_PROPAGATION = Cause(
    "role, policy or provider was made or changed just now; IAM takes seconds, seldom a minute",
    f"{VERIFY} (it waits up to 90 s)",
    "assume",
)

TROUBLES = (
    _trouble(
        "web-identity-denied",
        "AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity",
        r"not authorized to perform:? sts:assumerolewithwebidentity",
        "STS took the token, and the role's trust policy does not; or there is no such role.",
        _SERVICE_ACCOUNT,
        _OPERATOR,
        Cause("exact subject and pattern in one statement, which are ANDed", VERIFY, "trust"),
        Cause("condition keys with https:// or of another cluster's issuer", VERIFY, "trust"),
        Cause("`aud` in the trust policy is not the token's audience", VERIFY, "trust"),
        Cause("the annotation names a role that does not exist, or lacks its path", VERIFY, "role"),
        _PROPAGATION,
        Cause(
            "a service or resource control policy of the organization denies it", VERIFY, "assume"
        ),
    ),
    _trouble(
        "no-provider",
        "InvalidIdentityToken: No OpenIDConnect provider found in your account for https://…",
        r"no openidconnect provider found",
        "The token's issuer is not registered in the role's account.",
        Cause("the IAM OIDC provider was never made, or was deleted", VERIFY, "provider"),
        Cause("it is in another account than the role", VERIFY, "provider"),
        Cause("the cluster was made again, and so has another issuer", VERIFY, "provider"),
    ),
    _trouble(
        "audience",
        "InvalidIdentityToken: Incorrect token audience",
        r"incorrect token audience|missing a required claim: aud",
        "The token is for an audience that the OIDC provider does not have among its client ids.",
        Cause("sts.amazonaws.com is not among the provider's client ids", VERIFY, "audience"),
        Cause("the annotation eks.amazonaws.com/audience asks for another one", VERIFY, "audience"),
        Cause("the SDK reads the Kubernetes API's own token file", VERIFY, "injection"),
    ),
    _trouble(
        "keys",
        "InvalidIdentityToken: Couldn't retrieve verification key from your identity provider",
        r"couldn'?t retrieve verification key|idpcommunicationerror|jwt signature",
        "AWS could not verify the token's signature with the issuer's published keys.",
        Cause("the token is of another cluster, or its key was rotated away", VERIFY, "token"),
        Cause(
            "the issuer cannot be reached from AWS", "curl ISSUER/.well-known/openid-configuration"
        ),
        Cause("the token was changed on its way", VERIFY, "token"),
    ),
    _trouble(
        "expired",
        "ExpiredTokenException: Token expired: current date/time … must be before …",
        r"expiredtoken|token (has )?expired|security token included in the request is expired",
        "The web identity token, or the session made with it, is past its end.",
        Cause(
            "the application keeps the token instead of reading the file again", "restart the Pods"
        ),
        Cause("an SDK without web identity support that was given a session's keys", "upgrade it"),
        Cause("the clock of the machine is wrong", "date -u"),
        Cause("a chained session is over after an hour and nobody renewed it", VERIFY, "profile"),
    ),
    _trouble(
        "assume-role-denied",
        "AccessDenied: User: … is not authorized to perform: sts:AssumeRole on resource: …",
        r"not authorized to perform:? sts:assumerole(?!with)",
        "Role B was not granted: both role A's policy and role B's trust policy must allow it.",
        Cause(
            "role A has no policy that allows sts:AssumeRole on role B", VERIFY, "chain-permission"
        ),
        Cause("role B trusts another role, account or external id", VERIFY, "chain-trust"),
        Cause(
            "role A was deleted and made again: role B trusts the AROA id of the old one",
            VERIFY,
            "chain-trust",
        ),
        Cause("the caller is not role A (static keys, the node's role)", VERIFY, "precedence"),
        _PROPAGATION,
    ),
    _trouble(
        "data-denied",
        "AccessDenied when calling the ListObjectsV2 operation",
        r"access ?denied.*(listobjects|getobject|putobject|headobject|listbuckets)"
        r"|not authorized to perform:? s3:|(listobjects|getobject|putobject).*access ?denied",
        "There is a session, and it may not do this.",
        Cause(
            "the session is not the role's: static keys or the node's role", VERIFY, "precedence"
        ),
        Cause("the role has no policy that allows it", VERIFY, "permissions"),
        Cause("permissions boundary, bucket policy or an explicit deny", VERIFY, "permissions"),
        Cause("the bucket is in account B, and no profile was chosen", f"{VERIFY} --profile B"),
        Cause(
            "the object is encrypted with a KMS key that the role may not use",
            "aws kms get-key-policy",
        ),
    ),
    _trouble(
        "no-credentials",
        "Unable to locate credentials",
        r"unable to locate credentials|nocredentialserror|no valid credential ?(sources|providers)?"
        r"|could not load credentials|failed to (refresh|retrieve) cached credentials"
        r"|no ec2 imds role",
        "The SDK found nothing to use: the webhook did not mutate the Pod, or something hides it.",
        Cause("the Pod is older than the annotation", VERIFY, "injection"),
        Cause("the annotation is missing or misspelt", VERIFY, "annotation"),
        Cause("the Pod runs as another service account", VERIFY, "pod"),
        Cause(
            "the Pod or container is skipped, or sets the variables by hand", VERIFY, "injection"
        ),
        Cause("a profile without credentials was asked for", VERIFY, "precedence"),
        Cause("the SDK is too old for web identity", "see the minimum versions in the EKS guide"),
    ),
    _trouble(
        "node-role",
        "User: …:assumed-role/dev-NodeInstanceRole/i-0123456789abcdef0 is not authorized to …",
        r"assumed-role/[^/ ]*node[^/ ]*/i-[0-9a-f]+",
        "The call was made as the node, not as the Pod's role: the SDK fell back without a word.",
        Cause("the webhook did not mutate the Pod", VERIFY, "injection"),
        Cause("the SDK is too old for web identity", "see the minimum versions in the EKS guide"),
        Cause("a profile without credentials was asked for", VERIFY, "precedence"),
    ),
    _trouble(
        "no-region",
        "You must specify a region",
        r"you must specify a region|noregionerror|region is missing|missing region|invalid ?region",
        "The SDK does not know which region's STS or service to ask.",
        Cause(
            "AWS_REGION is not in the Pod: AWS_DEFAULT_REGION was set by hand", VERIFY, "injection"
        ),
        Cause("a webhook of your own without --aws-default-region", VERIFY, "injection"),
    ),
    _trouble(
        "token-file",
        "No such file or directory: '/var/run/secrets/eks.amazonaws.com/serviceaccount/token'",
        r"no such file.*token|web_?identity_?token_?file|permission denied.*token",
        "The variable points to a file that the container does not have or may not read.",
        Cause("the token's volume is mounted elsewhere, or not at all", VERIFY, "injection"),
        Cause("the container's user may not read the file: set fsGroup", "kubectl get pod -o yaml"),
    ),
    _trouble(
        "session-duration",
        "ValidationError: The requested DurationSeconds exceeds …",
        r"durationseconds exceeds|1 hour session limit",
        "The session was asked to last longer than it may.",
        Cause("role chaining: an hour at most, whatever the role allows", VERIFY, "profile"),
        Cause("above the role's maximum session duration", "aws iam get-role --role-name ROLE"),
    ),
    _trouble(
        "invalid-principal",
        'MalformedPolicyDocument: Invalid principal in policy: "AWS":"arn:…"',
        r"invalid principal in policy|malformedpolicydocument",
        "IAM does not store a trust policy that names a role or user which does not exist.",
        Cause(
            "role B before role A", "bring account A's stack up first, or use trust: principal-arn"
        ),
        Cause("the role was made some seconds ago", "try again in a minute"),
        Cause("a misspelt ARN, or a wildcard in it", "python -m irsa decide (step iam:CreateRole)"),
    ),
    _trouble(
        "request-arn",
        "ValidationError: Request ARN is invalid",
        r"request arn is invalid",
        "The annotation's value is not the ARN of a role.",
        Cause(
            "an instance profile's, user's or session's ARN, or white space", VERIFY, "annotation"
        ),
        Cause("another partition's ARN (aws-cn, aws-us-gov)", VERIFY, "annotation"),
    ),
)


def diagnose(text: str) -> list[Trouble]:
    """The troubles that an error text fits, in the order of the table."""
    flat = " ".join(text.split())
    return [trouble for trouble in TROUBLES if trouble.pattern.search(flat)]
