"""IAM's checks of a trust policy that it stores (CreateRole, UpdateAssumeRolePolicy).

Pure. https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
"""

import re
from collections.abc import Collection
from functools import lru_cache

from irsa_core.decide.document import (
    Condition,
    DocumentError,
    DocumentType,
    Statement,
    statements_of,
)
from irsa_core.decide.operators import read_moment, read_operator
from irsa_core.decide.principals import UNIQUE_ID
from irsa_core.decide.statements import Policy, compile_policy
from irsa_core.decide.truth import Truth, any_of
from irsa_core.identity.arns import (
    is_account_id,
    issuer_of_principal,
    kind_of,
    kind_of_principal,
    name_of,
    session_arn_prefix,
)
from irsa_core.identity.eks import POD_IDENTITY_SERVICE
from irsa_core.identity.errors import invalid_principal
from irsa_core.identity.policy_json import UNKNOWN_OUTPUT, Json, as_list, mapping

_PROVIDERS = ("oidc-provider", "saml-provider")
_DOMAIN = re.compile(r"[a-z0-9.-]+\.[a-z]+")
_SERVICE = re.compile(r"[a-z0-9.-]+")
_LAST_LABEL = re.compile(r"[a-z]+")
_NO_SERVICE = re.compile(
    rf"(?!{re.escape(POD_IDENTITY_SERVICE)}$)(?=.*\beks\b)(?=.*\bpods?\b)"
    r"((eks|pods?|identity|amazonaws|aws|com)(\b[.-]|$))+"
)
"""Other spellings of the service of EKS Pod Identity. IAM refuses names of no service."""
_SID = re.compile(r"[0-9A-Za-z]*")


def compile_trust_policy(document: object) -> Policy:
    """Check a trust policy as IAM does when it stores one, and compile it.

    Raises `DocumentError` with IAM's message. Whether the principals exist is `check_existence`.
    """
    policy = compile_policy(document, "trust policy", DocumentType.TRUST)
    for number, statement in enumerate(policy.statements, start=1):
        element = statement.principal
        for kind, entries in element.entries.items() if element else ():
            for entry in entries:
                if not _well_formed(kind, entry):
                    where = f"Statement[{number}].Principal.{kind}"
                    problem = f"{entry[:200]!r} is not a principal"
                    if kind == "Service" and _NO_SERVICE.fullmatch(entry):
                        problem += f"; EKS Pod Identity's is {POD_IDENTITY_SERVICE}"
                    raise DocumentError(where, problem, _invalid(kind, entry))
    return policy


def check_storable(document: Json) -> None:
    """Raise `DocumentError` with IAM's message for what IAM does not store in a trust policy, and
    what a document that compiles may have all the same."""
    listed = statements_of(document)
    if not listed:
        raise DocumentError("Statement", "an empty list")
    seen: set[str] = set()
    for statement, fields in zip(listed, as_list(document["Statement"]), strict=True):
        at = f"Statement[{statement.number}]"
        # https://github.com/aws/aws-cdk/pull/5746
        if mapping(fields).get("Principal") == "*":
            message = 'AssumeRolepolicy contained an invalid principal: "STAR":"*".'
            raise DocumentError(f"{at}.Principal", 'a bare *; give {"AWS": "*"}', message)
        if statement.excepts:
            message = (
                "Allow with NotPrincipal is not allowed."
                if statement.allows
                else "AssumeRole policy must not contain NotPrincipal field."
            )
            raise DocumentError(f"{at}.NotPrincipal", "a trust policy has none", message)
        sid = statement.sid
        if not _SID.fullmatch(sid.replace(UNKNOWN_OUTPUT, "")):
            message = (
                "Statement IDs (SID) must be alpha-numeric. "
                f"Check that your input satisfies the regular expression {_SID.pattern}"
            )
            raise DocumentError(f"{at}.Sid", "letters and digits only", message)
        if sid and sid in seen:
            message = "Statement IDs (SID) in a single policy must be unique."
            raise DocumentError(f"{at}.Sid", f"{sid!r} is given twice", message)
        seen.add(sid)
        _check_conditions(statement, f"{at}.Condition")


def check_permissions_policy(document: Json) -> None:
    """Raise `DocumentError` with IAM's message for what IAM does not store as the policy of a role
    or user."""
    compile_policy(document, "policy", DocumentType.IDENTITY)
    check_storable(document)


def _check_conditions(statement: Statement, at: str) -> None:
    for condition in statement.conditions:
        if not read_operator(condition.operator).known:
            raise DocumentError(f"{at}.{condition.operator[:200]}", "no such operator")
        if condition.base.startswith("date") and not all(map(_is_date, condition.values)):
            where = f"{at}.{condition.operator}.{condition.key[:200]}"
            raise DocumentError(where, "not a date", "The policy failed legacy parsing")


def _is_date(text: str) -> bool:
    return UNKNOWN_OUTPUT in text or read_moment(text) is not None


def check_shared_issuers(document: Json) -> list[str]:
    """Check that a policy tells the customers of shared issuers apart, and return doubts about it.

    Raises `DocumentError` with IAM's message. IAM asks for it when it stores a policy, and leaves
    older roles as they are.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_oidc_secure-by-default.html
    """
    doubts: list[str] = []
    for statement in statements_of(document):
        if not statement.allows or not statement.covers("sts:AssumeRoleWithWebIdentity"):
            continue
        for principal in statement.named("Federated"):
            keys = _required_keys(issuer_of_principal(principal))
            conditions = [e for e in statement.conditions if e.key.lower() in map(str.lower, keys)]
            scoped = any_of(map(_scoped, conditions)) if keys else True
            names, where = " or ".join(keys), f"Statement[{statement.number}].Condition"
            if scoped is False:
                message = (
                    f"Trust policy with trusted principal {principal} must evaluate, using "
                    f"{_EVALUATING}, {names} which is not scoped to all."
                )
                raise DocumentError(where, f"none on {names}", message)
            if scoped is None:
                doubts.append(f"whether {where} is the one on {names} that IAM asks for")
    return doubts


_EVALUATING = "StringEquals, StringLike or StringEqualsIgnoreCase"
_GITHUB = "token.actions.githubusercontent.com"
_REQUIRED = {
    "sub": (
        "agent.buildkite.com", "app.terraform.io", "gitlab.com", "oidc.codefresh.io",
        "oidc-configuration.audit-log.githubusercontent.com", "proidc.upbound.io", "scalr.io",
        "studio.datachain.ai/api", "tokens.cloud.shisho.dev",
        "vstoken.actions.githubusercontent.com",
    ),
    "aud": (
        "api.pulumi.com/oidc", "cognito-identity.amazonaws.com", "oidc.vercel.com",
        "sandboxes.cloud",
    ),
}  # fmt: skip
"""The claim that tells the customers of an issuer apart."""


def _required_keys(issuer: str) -> list[str]:
    name = issuer.lower()
    if name == _GITHUB or name.startswith(f"{_GITHUB}/"):
        return [f"{issuer}:sub", f"{issuer}:job_workflow_ref"]
    return [f"{issuer}:{claim}" for claim, issuers in _REQUIRED.items() if name in issuers]


def _scoped(condition: Condition) -> Truth:
    """Return whether IAM takes a condition for one that tells customers apart."""
    operator = read_operator(condition.operator)
    if operator.base not in _EVALUATING.lower().replace(" or ", ", ").split(", "):
        return False
    if all(value == "*" for value in condition.values):
        return False
    broad = any(value.startswith("*") or not value.strip() for value in condition.values)
    return None if broad or operator.set_operator or operator.if_exists else True


def check_existence(document: Json, existing: Collection[str]) -> None:
    """Raise `DocumentError` when a user or role that the document names is not in ``existing``.

    Accounts and providers are not looked up; a session exists when its role does.
    """
    sessions = {session_arn_prefix(arn) for arn in existing if kind_of(arn) == "role"}
    for statement in statements_of(document):
        word = "NotPrincipal" if statement.excepts else "Principal"
        for entry in statement.named("AWS"):
            account = is_account_id(entry) or kind_of(entry) == "root"
            if account or entry in existing or entry in ("*", UNKNOWN_OUTPUT):
                continue
            if entry.removesuffix(name_of(entry)) not in sessions:
                at = f"Statement[{statement.number}].{word}.AWS"
                raise DocumentError(at, f"{entry[:200]!r} does not exist", _invalid("AWS", entry))


@lru_cache(maxsize=256)
def _well_formed(kind: str, entry: str) -> bool:
    if entry == "*" or UNKNOWN_OUTPUT in entry:
        return True
    named = "" if "*" in entry or "?" in entry else kind_of_principal(entry)
    if kind == "AWS":
        whole = named or is_account_id(entry) or UNIQUE_ID.fullmatch(entry)
        return bool(whole) and named not in _PROVIDERS
    if kind == "Federated":
        return named in _PROVIDERS or bool(_DOMAIN.fullmatch(entry))
    # IAM has no use for S3's canonical users in a trust policy.
    head, _, last = entry.rpartition(".")
    is_name = _SERVICE.fullmatch(head) and _LAST_LABEL.fullmatch(last)
    return kind == "Service" and bool(is_name) and not _NO_SERVICE.fullmatch(entry)


def _invalid(kind: str, entry: str) -> str:
    if kind == "Federated":
        return "Federated principals must be valid domain names or SAML metadata ARNs"
    return invalid_principal(kind, entry)
