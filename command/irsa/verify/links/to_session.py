"""The links from the token to a session: provider, audience, role, trust policy, STS. Pure.

Control policies are spoken of only when AWS names one, or when everything that could be read allows
the call and AWS names nothing. AWS's sentences:
https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
"""

from collections.abc import Sequence
from dataclasses import replace

from irsa.access import trusts_token
from irsa.observe.facts import UNREACHED, Answer, RegisteredProvider, Role, Unread
from irsa.signatures import verify_token
from irsa.verify.containers import UNNAMED, session_name
from irsa.verify.facts import ByAssociation, ByToken, Facts, named_role, session_role
from irsa.verify.link import Called, Check, Link, Remedy, ShellCommand, Status
from irsa.verify.links.pod_identity import correct, enable_tags, role_of_association, with_tags
from irsa.verify.remedies.iam import create_role, register_audience, register_issuer
from irsa.verify.remedies.pod import change_annotation, restart
from irsa.verify.remedies.trust import (
    Fixer,
    TrustFixer,
    let_trust,
    name_role,
    near_roles,
    today_trusted,
)
from irsa_core.identity.arns import (
    account_of,
    parse_role_arn,
    provider_arn_beside,
    session_arn_prefix,
)
from irsa_core.identity.eks import AUDIENCE_ANNOTATION, POD_IDENTITY_SERVICE, STS_AUDIENCE
from irsa_core.identity.errors import AwsError, NamedPolicyType, read_denial
from irsa_core.identity.policies import irsa_trust_policy
from irsa_core.identity.token import OidcProvider, Token
from irsa_core.rules.issuers import is_dual_stack

NO_TOKEN = "there is no token"  # noqa: S105
NO_ROLE_ARN = "nothing names a role"
FOREIGN = "find out whose credentials these are"


def token(facts: Facts) -> Link:
    """Check that STS can use the token."""
    jwt, expected_sub = facts.token, facts.account.subject
    expected = f"sub {expected_sub}, aud {facts.audience}, signed by the cluster, not expired"
    check = Check("token", expected)
    if not isinstance(jwt, Token):
        return check.unknown(NO_TOKEN, jwt)
    subject = jwt.claims.get("sub")
    if subject != expected_sub:
        remedy = "use the token of the service account that the trust policy names"
        return check.failed(f"sub {subject}", remedy, *restart(facts))
    if facts.audience not in jwt.audiences:
        remedy = "mint the token for that audience; a projected volume names it"
        return check.failed(f"aud {jwt.audiences}", remedy, *restart(facts))
    problem = _signature_problem(facts, jwt)
    if problem:
        remedy = "read the token file again at every use, as SDKs do; restart the Pods"
        return check.failed(problem, remedy, *restart(facts))
    return check.passed(f"sub {subject}, iss {jwt.claims.get('iss')}")


def _signature_problem(facts: Facts, jwt: Token) -> str:
    """Return the error of STS about key, signature and times; empty without one."""
    if isinstance(facts.keys, Unread):
        expires = jwt.claims.get("exp", 0)
        return "" if expires > facts.now else f"expired at {expires}, and it is {facts.now:.0f}"
    registration = OidcProvider(f"https://{jwt.issuer}", tuple(jwt.audiences))
    try:
        verify_token(jwt, jwks=facts.keys, now=facts.now, providers=[registration])
    except AwsError as error:
        return f"{error.code}: {error.message}"
    return ""


def provider(facts: ByToken) -> Link:
    """Check whether the issuer is registered in the role's account."""
    if not isinstance(facts.token, Token) or not facts.role_arn:
        check = Check("provider", "the issuer registered in the role's account")
        return check.unknown(lacking(facts))
    expected_arn = provider_arn_beside(facts.token.issuer, facts.role_arn)
    check = Check("provider", expected_arn)
    if isinstance(facts.providers, Unread):
        return check.unknown(facts.providers)
    if _registered(facts, facts.token):
        return check.passed("it is registered")
    note = " (the dual-stack address, which no token names)"
    urls = [provider.issuer_url for provider in facts.providers]
    listed = [f"{url}{note if is_dual_stack(url.removeprefix('https://')) else ''}" for url in urls]
    others = ", ".join(listed) or "none at all"
    text = "register the issuer there, or correct the role's account: it is the one that counts"
    sure = facts.expected_role or facts.role is not None
    return check.failed(
        f"account {account_of(facts.role_arn)} has no such OIDC provider (it has {others})",
        Remedy(text, (register_issuer(expected_arn, STS_AUDIENCE),) if sure else ()),
    )


def audience(facts: ByToken) -> Link:
    """Check whether the provider takes the token's audience."""
    if not isinstance(facts.token, Token):
        return Check("audience", f"client id {facts.audience}").unknown(NO_TOKEN)
    expected = f"{' or '.join(facts.token.audiences)} among the provider's client ids"
    check = Check("audience", expected)
    registered = _registered(facts, facts.token)
    if registered is None:
        return check.unknown("there is no provider", facts.providers)
    if set(registered.client_ids) & set(facts.token.audiences):
        return check.passed()
    listed = f"its client ids are {', '.join(registered.client_ids) or 'none'}"
    if AUDIENCE_ANNOTATION in facts.known_account.annotations:
        return check.failed(
            f"{listed}; the service account asks for another audience",
            "remove the annotation and restart the Pods",
            *change_annotation(facts, f"{AUDIENCE_ANNOTATION}-"),
        )
    return check.failed(
        listed,
        "register the audience with the provider",
        register_audience(registered, facts.token.audiences[0]),
    )


def role(facts: Facts) -> Link:
    """Check whether the role exists under that very ARN."""
    check = Check("role", facts.role_arn or "a role")
    if not facts.role_arn:
        return check.unknown(NO_ROLE_ARN)
    known = facts.role
    remedy = _name_whole(facts, known) if isinstance(known, Role) else _correct_or_create(facts)
    return existing(check, known, remedy)


def existing(check: Check, actual: Role | Unread | None, remedy: Remedy) -> Link:
    """Check whether a role exists under the ARN that the check expects."""
    if isinstance(actual, Unread):
        return check.unknown(actual)
    if actual is None:
        text = "no such role; STS says AccessDenied, as for a trust policy that refuses"
        return check.failed(text, remedy)
    if actual.arn != check.expected:
        why = "partition, path and case are parts of an ARN"
        return check.failed(f"the role of that name is {actual.arn}: {why}", remedy)
    return check.passed(f"it exists ({actual.unique_id})")


def _name_whole(facts: Facts, actual: Role) -> Remedy:
    """Name the role by its whole ARN, if it trusts the service account."""
    fixer = _fixer(facts, actual)
    if fixer is None or not fixer.trusts(actual.trust_policy):
        ask = f"ask the owner of {actual.arn}, which trusts {today_trusted(actual)} today"
        return Remedy(f"correct the {facts.named_by}, or {ask}")
    if facts.expected_role:  # a corrected annotation would not be what is expected
        return Remedy(f"ask with --role-arn {actual.arn}, or correct the stack")
    if facts.associated:
        return correct(facts, facts.associated, role_arn=actual.arn)
    return name_role(facts, actual.arn)


def _correct_or_create(facts: Facts) -> Remedy:
    """Correct what names the role; create one only where no role of the account is meant."""
    arn = parse_role_arn(facts.role_arn)
    if near := near_roles(facts):
        return Remedy(f"correct the {facts.named_by}: {near}")
    fixer = _fixer(with_tags(facts), Role(facts.role_arn, "", {}))
    create = (create_role(arn, fixer.wanted),) if arn and fixer else ()
    return Remedy(f"create the role, or correct the {facts.named_by}", create)


def trust(facts: Facts) -> Link:
    """Check whether the role's trust policy allows this very token, or the association's call."""
    caller = f"sub {facts.account.subject} and aud {facts.audience}"
    if isinstance(facts, ByAssociation):
        caller = f"{POD_IDENTITY_SERVICE} for {facts.namespace}/{facts.name} of {facts.cluster_arn}"
    check = Check("trust", f"a statement that allows {caller}")
    trusting = named_role(facts)
    fixer = _fixer(facts, trusting) if isinstance(trusting, Role) else None
    if fixer is None:
        return check.unknown(lacking(facts), trusting)
    if link := check.judged(fixer.judged):
        named = isinstance(facts, ByAssociation) or session_name(facts) is not None
        return link if named else replace(link, found=f"{link.found}; {UNNAMED}")
    associated = facts.associated
    if associated and associated.disable_session_tags:
        return check.failed(fixer.judged.text, enable_tags(facts, associated))
    return check.failed(fixer.judged.text, let_trust(facts, fixer))


def _fixer(facts: Facts, trusting: Role) -> Fixer | None:
    """None when cluster or token, which the trust policy should allow, is not known."""
    if isinstance(facts, ByAssociation):
        return None if facts.tags_unread else role_of_association(facts, trusting)
    token, providers = facts.token, facts.providers
    if not isinstance(token, Token):
        return None
    name, provider_arn = session_name(facts), provider_arn_beside(token.issuer, trusting.arn)
    return TrustFixer(
        role=trusting,
        judging=lambda role: trusts_token(role, token, session_name=name, now=facts.now),
        wanted=irsa_trust_policy([provider_arn], [facts.account], audience=facts.audience),
        account=facts.account,
        issuer=token.issuer,
        provider_arn=provider_arn,
        registered=None if isinstance(providers, Unread) else frozenset(p.arn for p in providers),
    )


def granting(check: Check, answer: Called, before: Sequence[Link], well: str = "granted") -> Link:
    """Check whether AWS grants a session, or a listing, and what to do when it does not."""
    if not isinstance(answer, Answer):
        return check.unknown(answer)
    if answer.allowed:
        waited = f" after {answer.seconds} s: the change had to propagate" if answer.seconds else ""
        return check.passed(f"{well}{waited}")
    tried = f" (tried for {answer.seconds} s)" if answer.seconds else ""
    return check.failed(f"{answer.text}{tried}", remedy_after(answer, before))


def inside(facts: Facts, answer: Called) -> Link:
    """Check whether the AWS CLI in the Pod's container comes to the same role."""
    remedy = "find out what the SDK prefers there: keys, a profile, a config file in the image"
    commands = restart(facts)
    if isinstance(answer, Answer) and answer.code == UNREACHED:
        remedy = "correct the endpoint, the region or the proxy that the container's variables name"
        commands = []
    return identity("inside", session_role(facts), answer, remedy, *commands)


def identity(key: str, role_arn: str, answer: Called, remedy: str, *commands: ShellCommand) -> Link:
    """Check whether a caller, as STS names it, is a session of the role."""
    prefix = session_arn_prefix(role_arn) if role_arn else ""
    check = Check(key, f"{prefix}…" if prefix else "the role's session")
    if not isinstance(answer, Answer):
        return check.unknown(answer)
    if not answer.allowed:
        return check.failed(answer.text, remedy, *commands)
    if prefix and answer.arn.startswith(prefix):
        return check.passed(answer.arn)
    return check.failed(answer.arn, remedy, *commands)


def _registered(facts: ByToken, jwt: Token) -> RegisteredProvider | None:
    listed = () if isinstance(facts.providers, Unread) else facts.providers
    return next((e for e in listed if e.issuer_url == f"https://{jwt.issuer}"), None)


def lacking(facts: Facts) -> str:
    """Return the input that is missing for a call of STS."""
    if not facts.role_arn:
        return NO_ROLE_ARN
    if facts.call_lacks:
        return facts.call_lacks
    return NO_TOKEN if not isinstance(facts.token, Token) else "there is no role"


BEYOND = (
    "everything above allows it, and the error names no policy: a service or resource control "
    "policy of the organization may deny it; if something was changed just now, wait a minute and "
    "try again"
)
_DENIED = ("AccessDenied", "AccessDeniedException", "Client.UnauthorizedOperation")


def remedy_after(answer: Answer, before: Sequence[Link]) -> str:
    """Return the remedy of an error, given the links that lead up to the call."""
    failed = [link.key for link in before if link.status is Status.FAILED]
    if failed:
        return f"see the link {failed[0]!r} above"
    if said := remedy_of(answer):
        return said
    untold = [link for link in before if link.status is Status.UNKNOWN]
    if untold:
        names = ", ".join(repr(link.key) for link in untold)
        fix = next((f"; {link.remedy.text}" for link in untold if link.remedy.text), "")
        return f"verify could not decide a link, which may be the cause: {names}{fix}"
    return BEYOND


def remedy_of(answer: Answer) -> str:
    """Return the remedy that the text of an error names; empty when it names none."""
    if answer.code not in _DENIED:
        listed = _ERRORS.items()
        fits = (e for (code, part), e in listed if code == answer.code and part in answer.message)
        return next(fits, "")
    denial = read_denial(answer.message)
    if denial is None or not denial.reason:
        return ""
    advice = _ADVICE[denial.policy_type] if denial.policy_type else "AWS does not name the policy"
    return f"AWS says: {denial.reason}; {advice}"


_NO_ANSWER = "nothing answered: check the network, the region and proxies"
_ERRORS = {
    ("InvalidIdentityToken", "No OpenIDConnect provider"): (
        "register the token's issuer in the account of the role, where STS looks for it; or "
        "correct the account in the role's ARN, if the role is another account's"
    ),
    ("InvalidIdentityToken", "Incorrect token audience"): (
        "register the token's audience with the OIDC provider in the account of the role"
    ),
    ("InvalidIdentityToken", "verification key"): (
        "AWS must be able to read the issuer's keys: check that its discovery document and key "
        "set are public, and that the token's key is among them"
    ),
    ("IDPCommunicationError", ""): "AWS could not reach the issuer: check that it is public",
    ("ExpiredTokenException", ""): "read the token file again at every use, as SDKs do",
    ("ValidationError", "DurationSeconds"): (
        "ask for a shorter session, or raise the role's maximum session duration"
    ),
    (UNREACHED, ""): _NO_ANSWER,
    ("ConnectTimeoutError", ""): _NO_ANSWER,
}
"""By code and part of the message."""

_ADVICE = {
    NamedPolicyType.IDENTITY: "correct the policies of the caller's role",
    NamedPolicyType.RESOURCE: "correct the resource's own policy, in the account of the resource",
    NamedPolicyType.TRUST: "correct the role's trust policy: see it above",
    NamedPolicyType.BOUNDARY: "correct the permissions boundary of the caller's role",
    NamedPolicyType.SESSION: "correct the policy that the session was requested with",
    NamedPolicyType.SERVICE_CONTROL: "ask the administrators of the organization",
    NamedPolicyType.RESOURCE_CONTROL: "ask the administrators of the organization",
    NamedPolicyType.VPC_ENDPOINT: "correct the VPC endpoint's policy",
}
