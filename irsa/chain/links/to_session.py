"""The links from the token to a session: provider, audience, role, trust policy, STS. Pure."""

from collections.abc import Sequence

from irsa.chain.ask import trusts_token
from irsa.chain.facts import Facts, issuer_of
from irsa.chain.link import Link, failed, passed, unknown
from irsa.chain.links.in_cluster import restart
from irsa.chain.remedies import refusals
from irsa.chain.remedies.commands import create_role, replace_trust
from irsa.chain.remedies.trust import TrustMender
from irsa.decide.evaluate import Verdict
from irsa.identity.arns import provider_arn_for, session_arn_prefix
from irsa.identity.eks import AUDIENCE_ANNOTATION, STS_AUDIENCE
from irsa.identity.errors import AwsError
from irsa.identity.policies import size
from irsa.identity.policy_json import Json
from irsa.identity.quotas import TRUST_POLICY_QUOTA
from irsa.identity.token import OidcProvider, Token, verify_token
from irsa.observe.facts import Answer, RegisteredProvider, Role, ServiceAccount, Unread

SESSION_NAME = "irsa-verify"
NO_TOKEN = "there is no token"  # noqa: S105
NO_ROLE_ARN = "nothing names a role"
ACCEPTED = "STS accepted the token"


def trust_links(facts: Facts) -> list[Link]:
    """The links from the token to the session, in the order in which STS looks at them."""
    checked = links_before_sts(facts)
    asked_inside = [] if facts.inside is None else [inside(facts, facts.inside)]
    return [*checked, assume(facts, checked), caller(facts), *asked_inside]


def links_before_sts(facts: Facts) -> list[Link]:
    """What can be known before STS is asked for the session."""
    return [check(facts) for check in (token, provider, audience, role, trust)]


def token(facts: Facts) -> Link:
    """Whether the token is what STS needs."""
    expected = f"sub {facts.subject}, aud {facts.audience}, signed by the cluster, not expired"
    found = facts.token
    if found is None:
        return unknown("token", expected, NO_TOKEN)
    if isinstance(found, Unread):
        return unknown("token", expected, found)
    subject = found.claims.get("sub")
    if subject != facts.subject:
        remedy = "use the token of the service account that the trust policy names"
        return failed("token", expected, f"sub {subject}", remedy, *restart(facts))
    if facts.audience not in found.audiences:
        remedy = "mint the token for that audience; a projected volume names it"
        return failed("token", expected, f"aud {found.audiences}", remedy, *restart(facts))
    problem = _signature_problem(facts, found)
    if problem:
        remedy = "read the token file again at every use, as SDKs do; restart the Pods"
        return failed("token", expected, problem, remedy, *restart(facts))
    return passed("token", expected, f"sub {subject}, iss {found.claims.get('iss')}")


def _signature_problem(facts: Facts, found: Token) -> str:
    """What STS would say about key, signature and times; empty when it would say nothing."""
    if facts.keys is None or isinstance(facts.keys, Unread):
        expires = found.claims.get("exp", 0)
        return "" if expires > facts.now else f"expired at {expires}, and it is {facts.now:.0f}"
    own = OidcProvider(f"https://{issuer_of(found)}", tuple(found.audiences))
    try:
        verify_token(found, jwks=facts.keys, now=facts.now, providers=[own])
    except AwsError as error:
        return f"{error.code}: {error.message}"
    return ""


def provider(facts: Facts) -> Link:
    """Whether the issuer is registered in the role's account."""
    if not isinstance(facts.token, Token) or not facts.role_arn:
        return unknown("provider", "the issuer registered in the role's account", _lacking(facts))
    account = facts.role_arn.split(":")[4]
    issuer = issuer_of(facts.token)
    wanted = provider_arn_for(issuer, account, partition=facts.role_arn.split(":")[1])
    if isinstance(facts.providers, Unread):
        return _accepted("provider", wanted, facts.providers, facts)
    if _registered(facts, issuer):
        return passed("provider", wanted, "it is registered")
    others = ", ".join(each.issuer_url for each in facts.providers) or "none at all"
    return failed(
        "provider",
        wanted,
        f"account {account} has no such OIDC provider (it has {others})",
        "register the issuer there; it is the account of the role that counts",
        ["aws", "iam", "create-open-id-connect-provider", "--url", f"https://{issuer}",
         "--client-id-list", STS_AUDIENCE],
    )  # fmt: skip


def audience(facts: Facts) -> Link:
    """Whether the provider takes the token's audience."""
    if not isinstance(facts.token, Token):
        return unknown("audience", f"client id {facts.audience}", NO_TOKEN)
    wanted = f"{' or '.join(facts.token.audiences)} among the provider's client ids"
    if isinstance(facts.providers, Unread):
        return _accepted("audience", wanted, facts.providers, facts)
    registered = _registered(facts, issuer_of(facts.token))
    if registered is None:
        return unknown("audience", wanted, "there is no provider")
    if set(registered.client_ids) & set(facts.token.audiences):
        return passed("audience", wanted)
    found = f"its client ids are {', '.join(registered.client_ids) or 'none'}"
    account = facts.service_account
    if isinstance(account, ServiceAccount) and AUDIENCE_ANNOTATION in account.annotations:
        return failed(
            "audience",
            wanted,
            f"{found}; the service account asks for another audience",
            "remove the annotation and restart the Pods",
            ["kubectl", "annotate", "serviceaccount", facts.name, "--namespace", facts.namespace,
             f"{AUDIENCE_ANNOTATION}-"],
            *restart(facts),
        )  # fmt: skip
    return failed(
        "audience",
        wanted,
        found,
        "register the audience with the provider",
        ["aws", "iam", "add-client-id-to-open-id-connect-provider",
         "--open-id-connect-provider-arn", registered.arn,
         "--client-id", facts.token.audiences[0]],
    )  # fmt: skip


def role(facts: Facts) -> Link:
    """Whether the role exists under that very ARN."""
    expected = facts.role_arn or "a role"
    found = facts.role
    if not facts.role_arn:
        return unknown("role", expected, NO_ROLE_ARN)
    if isinstance(found, Unread):
        return _accepted("role", expected, found, facts)
    if found is None:
        wanted = _wanted_trust(facts)
        return failed(
            "role",
            expected,
            "no such role; STS says AccessDenied, as for a trust policy that refuses",
            "create the role, or correct the annotation",
            *([] if wanted is None else [create_role(expected, wanted)]),
        )
    if found.arn != facts.role_arn:
        return failed(
            "role",
            expected,
            misnamed(found.arn, expected),
            "annotate the role's whole ARN and restart the Pods",
            ["kubectl", "annotate", "serviceaccount", facts.name, "--namespace", facts.namespace,
             "--overwrite", f"eks.amazonaws.com/role-arn={found.arn}"],
            *restart(facts),
        )  # fmt: skip
    return passed("role", expected, f"it exists ({found.unique_id})")


def misnamed(real: str, named: str) -> str:
    """In what the ARN of a role differs from the one that names it."""
    partitions = real.split(":")[1], named.split(":")[1]
    if partitions[0] != partitions[1]:
        why = f"it is in partition {partitions[0]}, not {partitions[1]}, and these never mix"
    elif real.rpartition("/")[2] == named.rpartition("/")[2]:
        why = "the path belongs to the ARN"
    else:
        why = "upper and lower case count in the ARN"
    return f"the role of that name is {real}: {why}"


def trust(facts: Facts) -> Link:
    """Whether the role's trust policy allows this very token."""
    expected = f"a statement that allows sub {facts.subject} and aud {facts.audience}"
    found = facts.role
    if isinstance(found, Unread):
        return _accepted("trust", expected, found, facts)
    if found is None or not isinstance(facts.token, Token):
        return unknown("trust", expected, _lacking(facts))
    judged = trusts_token(found, facts.token, session_name=SESSION_NAME, now=facts.now)
    if judged.verdict is Verdict.ALLOW:
        return passed("trust", expected, judged.deciding)
    if judged.verdict is Verdict.UNKNOWN:
        return unknown("trust", expected, judged.text)
    mended = _mender(facts, found, facts.token).mend(judged)
    if mended.document is None:
        return failed("trust", expected, judged.text, mended.text)
    remedy = f"replace the trust policy: {mended.text}"
    if size(mended.document) > TRUST_POLICY_QUOTA:
        remedy += f" (it has more than {TRUST_POLICY_QUOTA} characters: raise the quota first)"
    return failed("trust", expected, judged.text, remedy, replace_trust(found, mended.document))


def _mender(facts: Facts, found: Role, token: Token) -> TrustMender:
    known = facts.providers
    return TrustMender(
        role=found,
        token=token,
        subject=facts.subject,
        audience=facts.audience,
        issuer=issuer_of(token),
        session_name=SESSION_NAME,
        now=facts.now,
        registered=None if isinstance(known, Unread) else frozenset(p.arn for p in known),
        neighbours=facts.neighbours,
    )


def _wanted_trust(facts: Facts) -> Json | None:
    """The trust policy that would allow this service account, and nothing else."""
    if not isinstance(facts.token, Token) or not facts.role_arn:
        return None
    return _mender(facts, Role(facts.role_arn, "", {}), facts.token).wanted


def assume(facts: Facts, before: Sequence[Link]) -> Link:
    """Whether STS grants the session; when the policies say yes and STS no, why that may be."""
    expected = f"AssumeRoleWithWebIdentity of {facts.role_arn or 'the role'}"
    answer = facts.assumed
    if answer is None:
        return unknown("assume", expected, _lacking(facts))
    if answer.allowed:
        waited = f" after {answer.seconds} s: the change had to propagate" if answer.seconds else ""
        return passed("assume", expected, f"granted{waited}")
    tried = f" (tried for {answer.seconds} s)" if answer.seconds else ""
    return failed("assume", expected, f"{answer.text}{tried}", refusals.by_links(answer, before))


def caller(facts: Facts) -> Link:
    """Whether the session is really the role's."""
    expected = f"{session_arn_prefix(facts.role_arn)}…" if facts.role_arn else "the role's session"
    answer = facts.caller
    if answer is None or not facts.role_arn:
        return unknown("caller", expected, "there is no session")
    if answer.allowed and answer.arn.startswith(session_arn_prefix(facts.role_arn)):
        return passed("caller", expected, answer.arn)
    found = answer.arn if answer.allowed else answer.text
    return failed(
        "caller", expected, found, "find out whose credentials these are", *restart(facts)
    )


def inside(facts: Facts, found: Answer | Unread) -> Link:
    """Whether the AWS CLI in the Pod's container comes to the same role."""
    expected = f"{session_arn_prefix(facts.role_arn)}…" if facts.role_arn else "the role's session"
    if isinstance(found, Unread):
        return unknown("inside", expected, found)
    if (
        found.allowed
        and facts.role_arn
        and found.arn.startswith(session_arn_prefix(facts.role_arn))
    ):
        return passed("inside", expected, found.arn)
    return failed(
        "inside",
        expected,
        found.arn if found.allowed else found.text,
        "find out what the SDK prefers there: keys, a profile, a config file in the image",
        *restart(facts),
    )


def _registered(facts: Facts, issuer: str) -> RegisteredProvider | None:
    if isinstance(facts.providers, Unread):
        return None
    return next((p for p in facts.providers if p.issuer_url == f"https://{issuer}"), None)


def _accepted(key: str, expected: str, found: Unread, facts: Facts) -> Link:
    """A link that was not read, but that must hold because STS granted the session."""
    if facts.assumed is not None and facts.assumed.allowed:
        return passed(key, expected, f"{found.text}; but {ACCEPTED}")
    return unknown(key, expected, found)


def _lacking(facts: Facts) -> str:
    if not facts.role_arn:
        return NO_ROLE_ARN
    return NO_TOKEN if not isinstance(facts.token, Token) else "there is no role"
