"""Requests, and the condition keys that each carries by its caller: one table, with AWS's pages.

Pure. The evaluator reads `TABLE`, and docs/evaluator.md prints it. An absent key and an
unknown one are different answers: a positive operator on an absent key is false, on an unknown one
it is unknown. A key that is present without a known value is known to be there, for ``Null``.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple

from irsa_core.decide.document import FOREIGN_KEYS
from irsa_core.decide.patterns import Key, Value
from irsa_core.decide.principals import Caller
from irsa_core.identity.arns import issuer_of_principal, name_of

_GITHUB = (
    "actor actor_id enterprise_id environment job_workflow_ref ref repository repository_id "
    "repository_owner_id workflow"
)
_GITLAB = (
    "namespace_id pipeline_source project_id ref_protected runner_environment user_access_level "
    "user_email user_id user_login"
)
_BUILDKITE = (
    "build_branch cluster_id cluster_name organization_id organization_slug pipeline_id "
    "pipeline_slug"
)
_LISTED = {
    r"token\.actions\.githubusercontent\.com(/.+)?": _GITHUB,
    r"token\.actions\.[^/]+\.ghe\.com": _GITHUB,
    r"github\.com/enterprises/[^/]+": _GITHUB,
    r"gitlab\.com": _GITLAB,
    r"agent\.buildkite\.com": _BUILDKITE,
    r"agent\.[^/]+\.buildkite\.(dev|site)": _BUILDKITE,
    r"oidc\.circleci\.com/org/[^/]+": "oidc.circleci.com/project-id",
    r"idcs-[^/]+\.identity\.oraclecloud\.com": "rpst_id",
    r"accounts\.google\.com": "google/organization_number",
}
OPAQUE: Final = {"graph.facebook.com": ("app_id", "id"), "www.amazon.com": ("app_id", "user_id")}
"""Issuers whose tokens are no JWTs, so that their claims do not show the keys."""


def claim_keys(issuer: str) -> tuple[str, ...]:
    """Return the claims, in lower case, of an issuer without ``https://`` that are keys."""
    listed = (names for form, names in _LISTED.items() if re.fullmatch(form, issuer.lower()))
    return tuple(next(listed, "").split())


OF_PLACE: Final = (
    "aws:sourceip aws:sourcevpc aws:sourcevpcarn aws:sourcevpce aws:vpcsourceip aws:vpceaccount "
    "aws:vpceorgid aws:vpceorgpaths aws:useragent aws:referer aws:requestedregion"
)
"""Keys by which the same call from elsewhere may get another answer: AWS's properties of the
network, and of the request the program, the page and the region."""
GUIDE = "https://docs.aws.amazon.com/IAM/latest/UserGuide/"
"""Address of the pages of the table."""
ASSUMING = ("sts:assumerole", "sts:assumerolewithwebidentity")
"""The actions whose condition keys a scenario's fields give completely."""
_OF_STEP = (*ASSUMING, *map(str.lower, FOREIGN_KEYS))
"""And those that the same calls need besides."""


class Request:
    """One call: who, what, on what, and the condition keys it carries."""

    __slots__ = ("action", "caller", "given", "listed", "resource")

    def __init__(
        self,
        action: str,
        resource: str,
        caller: Caller | None,
        keys: Mapping[str, Value],
        *,
        context: Mapping[str, Value] | None = None,
        now: float | None = None,
    ) -> None:
        """``keys`` (lower case) are facts of the call, ``context`` what the user says of it: with
        it, the keys of the action's own service are listed.

        ``caller`` is None when it is not known; ``now`` is in seconds since the epoch.
        """
        self.action = action
        self.resource = resource
        self.caller = caller
        merged = dict(keys)
        if now is not None:
            merged["aws:epochtime"] = f"{now:.0f}"
        if context:
            merged.update(context)
        if caller is not None:
            # A tag of the session wins over one of its role.
            merged |= {f"aws:principaltag/{name}": v for name, v in caller.session_tags.items()}
        self.given = merged
        self.listed = context is not None

    @property
    def service(self) -> str:
        """The action's service: ``sts:``."""
        return self.action.partition(":")[0].lower() + ":"

    def value(self, key: str) -> Value:
        """The value of a condition key, given in lower case."""
        value = self.given.get(key)
        if value is None:
            value = self.given[key] = _value_of(key, self)
        return value


@dataclass(frozen=True, slots=True)
class Derived:
    """A cell of the table: a value that is read from the request, and how, in words."""

    words: str
    value: Callable[[Request, str], Value]


Cell = Key | Derived


class KeyRow(NamedTuple):
    """Keys that are present in the same calls, with a column for each kind of caller."""

    keys: str
    """As AWS writes them; one that ends in ``/`` or ``:`` stands for all that begin with it."""
    web_identity: Cell
    """AssumeRoleWithWebIdentity, which is not signed."""
    federated: Cell
    """The session of a role that such a call returned, in the same scenario."""
    session: Cell
    """Any other session of a role."""
    user: Cell
    """A user, an account's root."""
    service: Cell
    """An AWS service."""
    page: str
    """AWS's page below `GUIDE`, and the part of it."""


def _value_of(key: str, request: Request) -> Value:
    row = _row_of(key)
    caller = request.caller
    if caller is None:
        # The same for everybody, or else not known.
        cells = {row.session, row.user, row.service}
        cell = cells.pop() if len(cells) == 1 else UNKNOWN
    elif caller.kind == "session":
        cell = row.session if caller.federation is None else row.federated
    elif caller.kind == "web-identity":
        cell = row.web_identity
    else:
        cell = row.service if caller.kind == "service" else row.user
    return cell.value(request, key) if isinstance(cell, Derived) else cell


def _row_of(key: str) -> KeyRow:
    beginning = (row for prefix, row in _PREFIXES if key.startswith(prefix))
    # An issuer is a host. What follows the first colon may be the name of a tag.
    row = OF_ISSUERS if "." in key.partition(":")[0] else OF_SERVICES
    return _EXACT.get(key) or next(beginning, row)


ABSENT, UNKNOWN, PRESENT = Key.ABSENT, Key.UNKNOWN, Key.PRESENT
_LATEST = 253402300799
_TYPES = {"session": "AssumedRole", "user": "User", "root": "Account"}


def _user_id(caller: Caller, _: str) -> Value:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html"""
    if caller.kind == "root":
        return caller.account
    if caller.unique_id is None:
        return PRESENT
    if caller.kind == "user" or ":" in caller.unique_id:
        return caller.unique_id
    return PRESENT if caller.session_name is None else f"{caller.unique_id}:{caller.session_name}"


def _token_value(caller: Caller, key: str) -> Value:
    """A key of the token's issuer that is not among those that the call gives."""
    issuer, _, name = key.rpartition(":")
    own = issuer == issuer_of_principal(caller.arn.lower())
    return UNKNOWN if own and name in OPAQUE.get(issuer, ()) else ABSENT


def _now(call: Request, _: str) -> Value:
    epoch = call.given.get("aws:epochtime", PRESENT)
    if not isinstance(epoch, str) or not epoch.lstrip("-").isdigit() or abs(int(epoch)) > _LATEST:
        return PRESENT
    return datetime.fromtimestamp(int(epoch), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _region(call: Request, _: str) -> Value:
    known = call.service == "iam:" and call.caller is not None and call.caller.partition == "aws"
    return "us-east-1" if known else PRESENT


def _sts_value(call: Request, key: str) -> Value:
    if call.service != "sts:":
        return ABSENT
    if call.action.lower() in ASSUMING:
        return PRESENT if key == "sts:rolesessionname" else ABSENT
    return ABSENT if call.listed else UNKNOWN


def _if_listed(call: Request, _: str) -> Value:
    return ABSENT if call.listed else UNKNOWN


def _kms_caller(call: Request, _: str) -> Value:
    """https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html"""
    if call.service != "kms:":
        return ABSENT
    return (call.caller.account if call.caller else "") or PRESENT


def _role_value(call: Request, _: str) -> Value:
    on_a_role = call.service == "iam:" or call.action.lower() in ASSUMING
    return UNKNOWN if on_a_role and not call.listed else ABSENT


def _of_caller(words: str, value: Callable[[Caller, str], Value]) -> Derived:
    """A value that is read from the caller alone."""

    def of_request(call: Request, key: str) -> Value:
        return UNKNOWN if call.caller is None else value(call.caller, key)

    return Derived(words, of_request)


_ARN = _of_caller(
    "its ARN; of a session, its role's",
    lambda caller, _: caller.principal_arn if caller.path_known else PRESENT,
)
_ACCOUNT = _of_caller("its account", lambda caller, _: caller.account)
_TYPE = _of_caller("its type", lambda caller, _: _TYPES[caller.kind])
_USER_ID = _of_caller("by its unique id", _user_id)
_USER_NAME = _of_caller(
    "a user's name", lambda caller, _: name_of(caller.arn) if caller.kind == "user" else ABSENT
)
_NAME = _of_caller("its name", lambda caller, _: caller.arn)
_PROVIDER = Derived("the provider's ARN or name", _NAME.value)
_SOURCE = _of_caller("as the steps before set it", lambda caller, _: caller.source_identity)
_SESSION = _of_caller(
    "of the token", lambda caller, key: (caller.federation or {}).get(key, ABSENT)
)
_TOKEN = _of_caller("of the token", _token_value)
_TAGS = Derived("absent if listed", _if_listed)
_REQUEST_TAGS = Derived(
    "of the step; other calls: absent if listed",
    lambda call, key: ABSENT if call.action.lower() in _OF_STEP else _if_listed(call, key),
)
_PRINCIPAL_TAGS = Derived("session tags; others: absent if listed", _if_listed)
_KMS_CALLER = Derived("the caller's account, in KMS", _kms_caller)
_FALSE = Derived("false", lambda _, __: "false")
_TRUE = Derived("true", lambda _, __: "true")
_TIME = Derived("by `now`", _now)
_REGION = Derived("us-east-1 for IAM", _region)
_TLS = Derived(
    "true for STS and IAM", lambda call, _: "true" if call.service in ("sts:", "iam:") else PRESENT
)
_STEP = Derived("of the step", _sts_value)
_ROLE = Derived("STS, IAM: absent if listed", _role_value)
_OWN = Derived(
    "own service: absent if listed",
    lambda call, key: UNKNOWN if key.startswith(call.service) and not call.listed else ABSENT,
)


_GLOBAL_PAGE = "reference_policies_condition-keys.html"
_STS_PAGE = "reference_policies_iam-condition-keys.html"
_SERVICES_PAGE = "reference_policies_actions-resources-contextkeys.html"


def _global(
    keys: str, web_identity: Cell, federated: Cell, session: Cell, user: Cell, service: Cell
) -> KeyRow:
    """A row whose page has a part for its first key."""
    anchor = keys.split()[0].removeprefix("aws:").rstrip("/").lower()
    page = f"{_GLOBAL_PAGE}#condition-keys-{anchor}"
    return KeyRow(keys, web_identity, federated, session, user, service, page)


def _for_all(keys: str, cell: Cell) -> KeyRow:
    return _global(keys, cell, cell, cell, cell, cell)


TABLE = (
    _global("aws:PrincipalArn", ABSENT, _ARN, _ARN, _ARN, UNKNOWN),
    _global("aws:PrincipalAccount", PRESENT, _ACCOUNT, _ACCOUNT, _ACCOUNT, PRESENT),
    _global("aws:PrincipalType", PRESENT, _TYPE, _TYPE, _TYPE, PRESENT),
    _global("aws:userid", PRESENT, _USER_ID, _USER_ID, _USER_ID, PRESENT),
    _global("aws:username", ABSENT, ABSENT, ABSENT, _USER_NAME, UNKNOWN),
    _global("aws:PrincipalOrgID", ABSENT, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
    _global("aws:PrincipalOrgPaths", ABSENT, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
    _global("aws:PrincipalTag/", ABSENT, _PRINCIPAL_TAGS, _PRINCIPAL_TAGS, _TAGS, ABSENT),
    _global("aws:PrincipalIsAWSService", ABSENT, _FALSE, _FALSE, _FALSE, _TRUE),
    _global("aws:PrincipalServiceName", ABSENT, ABSENT, ABSENT, ABSENT, _NAME),
    _global("aws:PrincipalServiceNamesList", ABSENT, ABSENT, ABSENT, ABSENT, PRESENT),
    _global("aws:FederatedProvider", _PROVIDER, _SESSION, UNKNOWN, ABSENT, ABSENT),
    _global("aws:MultiFactorAuthPresent", ABSENT, ABSENT, UNKNOWN, UNKNOWN, UNKNOWN),
    _global("aws:MultiFactorAuthAge", ABSENT, ABSENT, UNKNOWN, UNKNOWN, UNKNOWN),
    _global("aws:TokenIssueTime", ABSENT, PRESENT, PRESENT, UNKNOWN, UNKNOWN),
    _global("aws:AssumedRoot", ABSENT, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
    _global("aws:SourceIdentity", ABSENT, _SOURCE, _SOURCE, ABSENT, UNKNOWN),
    _global("aws:SourceArn", ABSENT, ABSENT, ABSENT, ABSENT, UNKNOWN),
    _global("aws:SourceAccount", ABSENT, ABSENT, ABSENT, ABSENT, UNKNOWN),
    _global("aws:SourceOrgID aws:SourceOrgPaths", ABSENT, ABSENT, ABSENT, ABSENT, UNKNOWN),
    _for_all("aws:CalledVia aws:CalledViaFirst aws:CalledViaLast", ABSENT),
    _for_all("aws:ViaAWSService", _FALSE),
    _for_all("aws:RequestTag/", _REQUEST_TAGS),
    _for_all("aws:TagKeys", _REQUEST_TAGS),
    _for_all("aws:CurrentTime", _TIME),
    _for_all("aws:EpochTime", PRESENT),
    _for_all("aws:RequestedRegion", _REGION),
    _for_all("aws:UserAgent", PRESENT),
    _for_all("aws:SecureTransport", _TLS),
    _for_all("aws:", UNKNOWN)._replace(page=_GLOBAL_PAGE),
    _for_all("sts:", _STEP)._replace(page=f"{_STS_PAGE}#condition-keys-sts"),
    _for_all("iam:ResourceTag/", _ROLE)._replace(page=f"{_STS_PAGE}#available-keys-for-iam"),
    _for_all("kms:CallerAccount", _KMS_CALLER)._replace(page=_SERVICES_PAGE),
    KeyRow("saml:", ABSENT, ABSENT, UNKNOWN, UNKNOWN, ABSENT, f"{_STS_PAGE}#condition-keys-saml"),
    KeyRow(
        "ec2:SourceInstanceARN ec2:RoleDelivery lambda:SourceFunctionArn ssm:SourceInstanceARN "
        "identitystore:UserId glue:CredentialIssuingService glue:RoleAssumedBy",
        ABSENT, ABSENT, UNKNOWN, ABSENT, ABSENT, _SERVICES_PAGE,
    ),
)  # fmt: skip
"""All keys but those of OIDC issuers and those that only the action's own service sets."""
OF_ISSUERS = KeyRow(
    "<issuer>:", _TOKEN, _SESSION, UNKNOWN, ABSENT, ABSENT, f"{_STS_PAGE}#condition-keys-wif"
)
OF_SERVICES = _for_all("<service>:", _OWN)._replace(page=_SERVICES_PAGE)
_SPELT = [(key.lower(), row) for row in TABLE for key in row.keys.split()]
_EXACT = {key: row for key, row in _SPELT if not key.endswith(("/", ":"))}
# In the order of the table, where "aws:" comes after all that begin with it.
_PREFIXES = [each for each in _SPELT if each[0] not in _EXACT]
