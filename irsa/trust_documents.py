"""What IAM checks in a role's trust policy when it stores it (CreateRole, UpdateAssumeRolePolicy).

Pure. https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
"""

import re
from collections.abc import Collection, Iterable
from typing import cast

from irsa.documents import DocumentError, Json, Kind, Policy, compile_policy
from irsa.patterns import UNKNOWN_OUTPUT
from irsa.principals import UNIQUE_ID

SIZE_DEFAULT = 2048
SIZE_MAX = 8192
"""Characters without white space; above the default an account needs a raised quota.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""

_ACCOUNT = re.compile(r"[0-9]{12}|arn:aws[a-z-]*:iam::[0-9]{12}:root")
_USER_OR_ROLE = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:(?:user|role)/[^*?:]+")
_SESSION = re.compile(r"(arn:aws[a-z-]*):sts:(:[0-9]{12}):(?:assumed-role|federated-user)/[^*?:]+")
_FEDERATED = re.compile(
    r"arn:aws[a-z-]*:iam::[0-9]{12}:(?:oidc|saml)-provider/[^*?\s]+|[a-z0-9.-]+\.[a-z]+"
)
_SERVICE = re.compile(r"[a-z0-9.-]+\.[a-z.]+")


def compile_trust_policy(document: object) -> Policy:
    """Check a trust policy as IAM does when it stores one, and compile it.

    Raises `DocumentError` with IAM's message. Whether the principals exist is `check_existence`.
    """
    policy = compile_policy(document, "trust policy", Kind.TRUST)
    for where, kind, entry in _entries(document):
        if not _well_formed(kind, entry):
            raise DocumentError(where, f"{entry[:200]!r} is no principal", _invalid(kind, entry))
    return policy


def check_existence(document: object, existing: Collection[str]) -> None:
    """Raise `DocumentError` when a user or role that the document names is not in ``existing``.

    Accounts and providers are not looked up; a session exists when its role does.
    """
    roles = {arn.rpartition("/")[2]: arn for arn in existing if ":role/" in arn}
    for where, kind, entry in _entries(document):
        if kind != "AWS" or entry == "*" or _ACCOUNT.fullmatch(entry) or entry in existing:
            continue
        if entry == UNKNOWN_OUTPUT:
            continue
        session = _SESSION.fullmatch(entry)
        role = roles.get(entry.split("/")[1], "") if session else ""
        if session and role.startswith(f"{session[1]}:iam:{session[2]}:"):
            continue
        raise DocumentError(where, f"{entry[:200]!r} does not exist", _invalid(kind, entry))


def _entries(document: object) -> Iterable[tuple[str, str, str]]:
    """Path, type and text of every principal in a document that compiled."""
    found: object = cast("Json", document)["Statement"] if isinstance(document, dict) else []
    listed = cast("list[Json]", found if isinstance(found, list) else [found])
    for number, statement in enumerate(listed, start=1):
        for word in ("Principal", "NotPrincipal"):
            value = statement.get(word, {})
            if isinstance(value, dict):
                for kind, entries in cast("Json", value).items():
                    for entry in cast(
                        "list[str]", entries if isinstance(entries, list) else [entries]
                    ):
                        yield f"Statement[{number}].{word}.{kind}", kind, entry


def _well_formed(kind: str, entry: str) -> bool:
    if entry == "*" or UNKNOWN_OUTPUT in entry:
        return True
    if kind == "AWS":
        forms = (_ACCOUNT, _USER_OR_ROLE, _SESSION, UNIQUE_ID)
        return any(form.fullmatch(entry) for form in forms)
    if kind == "Federated":
        return bool(_FEDERATED.fullmatch(entry))
    # IAM has no use for S3's canonical users in a trust policy.
    return kind == "Service" and bool(_SERVICE.fullmatch(entry))


def _invalid(kind: str, entry: str) -> str:
    name = kind if kind == "AWS" else kind.upper()
    return f'Invalid principal in policy: "{name}":"{entry}"'
