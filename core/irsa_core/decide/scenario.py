"""The JSON that ``python -m irsa decide`` reads, checked and compiled.

Pure: text in, `Scenario` out; `InputError` names the field. Steps, policies and statements count
from 1, as in the answers: ``steps[2].identity_policies[1].Statement[3].Effect``. What is absent:

- a fact that the answer can depend on is missing (``None`` here): ``now``, ``oidc_providers``,
  ``token``, ``trust_policy``, ``identity_policies`` (an empty list says that there are none),
  ``principal`` of the first step, ``resource_policy`` of a resource in another account;
- everything else has a default: no boundary, session policy, policy of an organization or of a VPC
  endpoint, no external id, an hour's session, a role that exists, an issuer that answers.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar, cast

from irsa_core.decide import json_input
from irsa_core.decide.association import call_keys
from irsa_core.decide.document import DocumentError, DocumentType, scalar_text
from irsa_core.decide.json_input import InputError
from irsa_core.decide.patterns import Key, Value
from irsa_core.decide.policies import has_resource_control
from irsa_core.decide.principals import Caller, caller_from_arn
from irsa_core.decide.statements import Policy, compile_policy, merge
from irsa_core.decide.steps import (
    AssumeRole,
    AssumeRoleWithWebIdentity,
    CreateRole,
    ResourceCall,
    Scenario,
    ScopeCall,
    Step,
    TokenClaims,
)
from irsa_core.decide.trust_policy import (
    check_existence,
    check_shared_issuers,
    check_storable,
    compile_trust_policy,
)
from irsa_core.identity.arns import is_account_id, parse_role_arn
from irsa_core.identity.eks import POD_IDENTITY_SERVICE
from irsa_core.identity.errors import AwsError, malformed_policy
from irsa_core.identity.pod_identity import check_role
from irsa_core.identity.policies import size
from irsa_core.identity.policy_json import UNKNOWN_OUTPUT, Json, as_list
from irsa_core.identity.quotas import DEFAULT_SESSION_DURATION, WEB_IDENTITY_TOKEN_LENGTH
from irsa_core.identity.subjects import service_account_ref
from irsa_core.identity.token import OidcProvider, Token

T = TypeVar("T")
SignatureCheck = Callable[[Json, Token], None]
"""Raises `AwsError` for a token that no key of a key set (RFC 7517) has signed."""
SIGNATURES = ("valid", "unknown_key", "tampered", "alg_none", "hs256_with_public_key")


def parse_scenario(raw: bytes, check: SignatureCheck | None = None) -> Scenario:
    """Read a scenario; raises `InputError`. Without a ``check``, it has no key set."""
    small = len(raw) <= json_input.DOCUMENT_MAX
    return scenario_from(json_input.parse_json(raw), check, small=small)


def scenario_from(
    document: object, check: SignatureCheck | None = None, *, small: bool = False
) -> Scenario:
    """A scenario from decoded JSON; raises `InputError`.

    ``small`` says that it is no longer than one policy document may be.
    """
    fields = json_input.json_object(document, "", _SCENARIO_FIELDS)
    json_input.check_given(fields, "", "steps")
    steps = json_input.json_list(fields["steps"], "steps")
    if not steps:
        raise InputError("steps", "an empty list; a scenario has at least one step")
    now = fields.get("now")
    jwks = None if fields.get("jwks") is None else _jwks(fields["jwks"])
    return Scenario(
        None if now is None else json_input.seconds(now, "now"),
        _providers(fields.get("oidc_providers")),
        None if check is None or jwks is None else partial(check, jwks),
        [_step(step, f"steps[{number}]", small) for number, step in enumerate(steps, start=1)],
    )


def _jwks(value: object) -> Json:
    jwks = json_input.json_object(value, "jwks")
    for number, key in enumerate(json_input.json_list(jwks.get("keys"), "jwks.keys"), start=1):
        json_input.json_object(key, f"jwks.keys[{number}]")
    return jwks


def _providers(value: object) -> Mapping[str, Sequence[OidcProvider]] | None:
    if value is None:
        return None
    providers: dict[str, list[OidcProvider]] = {}
    for number, each in enumerate(json_input.json_list(value, "oidc_providers"), start=1):
        account, provider = _provider(each, f"oidc_providers[{number}]")
        providers.setdefault(account, []).append(provider)
    return providers


def _provider(value: object, at: str) -> tuple[str, OidcProvider]:
    """A provider and its account."""
    fields = json_input.json_object(value, at, _PROVIDER_FIELDS)
    json_input.check_given(fields, at, "account", "url")
    clients = fields.get("client_ids")
    url = json_input.text(fields["url"], f"{at}.url")
    return _account(fields["account"], f"{at}.account"), OidcProvider(
        url,
        None if clients is None else tuple(_texts(clients, f"{at}.client_ids")),
        json_input.flag(fields.get("reachable", True), f"{at}.reachable"),
    )


def _account(value: object, at: str) -> str:
    account = json_input.text(value, at)
    if not is_account_id(account):
        raise InputError(at, f"{json_input.show(account)} is not an account id of 12 digits")
    return account


def _texts(value: object, at: str) -> list[str]:
    listed = json_input.json_list(value, at)
    return [json_input.text(each, f"{at}[{number}]") for number, each in enumerate(listed, start=1)]


_NOT_MODELLED = ("sts:assumerolewithsaml", "sts:getsessiontoken")
_S3_OPERATIONS = {
    "s3:completemultipartupload": "s3:PutObject",
    "s3:copyobject": "s3:PutObject, and s3:GetObject on the source",
    "s3:createmultipartupload": "s3:PutObject",
    "s3:deleteobjects": "s3:DeleteObject",
    "s3:getbucketencryption": "s3:GetEncryptionConfiguration",
    "s3:getbucketlifecycleconfiguration": "s3:GetLifecycleConfiguration",
    "s3:headbucket": "s3:ListBucket",
    "s3:headobject": "s3:GetObject",
    "s3:listbuckets": "s3:ListAllMyBuckets",
    "s3:listmultipartuploads": "s3:ListBucketMultipartUploads",
    "s3:listobjects": "s3:ListBucket",
    "s3:listobjectsv2": "s3:ListBucket",
    "s3:listobjectversions": "s3:ListBucketVersions",
    "s3:listparts": "s3:ListMultipartUploadParts",
    "s3:uploadpart": "s3:PutObject",
}
"""Operations that no policy names, and the actions that S3 asks for.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html"""
_SCENARIO_FIELDS = frozenset({"now", "oidc_providers", "jwks", "steps"})
_PROVIDER_FIELDS = frozenset({"account", "url", "client_ids", "reachable"})
_EVERY_CALL = frozenset({
    "action", "resource", "context", "endpoint_policy", "service_control_policies",
})  # fmt: skip
_CALLER = frozenset({
    "principal", "principal_role_arn", "principal_id", "identity_policies", "permissions_boundary",
})  # fmt: skip
_SESSION = frozenset({
    "trust_policy", "role_exists", "role_session_name", "duration_seconds", "max_session_duration",
    "session_policies", "resource_control_policies",
})  # fmt: skip
_ASSOCIATION = frozenset({
    "cluster_arn", "namespace", "service_account", "disable_session_tags",
})  # fmt: skip
_RESOURCE = frozenset({"resource_account", "resource_policy", "resource_control_policies"})
FIELDS = {
    "sts:AssumeRoleWithWebIdentity": _EVERY_CALL | _SESSION | {"token"},
    "sts:AssumeRole": _EVERY_CALL | _CALLER | _SESSION | {"chained", "external_id"},
    "sts:AssumeRole with pod_identity": _EVERY_CALL | _SESSION | {"pod_identity"},
    "iam:CreateRole": _EVERY_CALL | _CALLER | {"trust_policy", "existing_principals"},
    "sts:GetScopedCredentials": _EVERY_CALL | _CALLER | {"session_policies", "duration_seconds"},
    "any other": _EVERY_CALL | _CALLER | _RESOURCE,
}
"""The fields of a step by its call; a field that would change nothing about it is refused."""
_FIELDS_OF = {action.lower(): fields for action, fields in FIELDS.items()}
_STEP_FIELDS = frozenset[str]().union(*FIELDS.values())


class _Fields:
    """One step's fields, read by name; a null is an absent field."""

    def __init__(self, value: object, at: str, small: bool) -> None:
        fields = json_input.json_object(value, at, _STEP_FIELDS)
        self._small = small
        self._fields = {name: each for name, each in fields.items() if each is not None}
        self.given = fields.keys()
        self.at = at

    def refuse_others(self, action: str) -> None:
        """Raise `InputError` for a field that would change nothing about a call."""
        if action.lower() == "sts:assumerole" and "pod_identity" in self._fields:
            action += " with pod_identity"
        known = _FIELDS_OF.get(action.lower(), FIELDS["any other"])
        if not self._fields.keys() <= known:
            name = next(name for name in self._fields if name not in known)
            problem = f"changes nothing about {action}; it takes {', '.join(sorted(known))}"
            raise InputError(f"{self.at}.{name}", problem)

    def get(self, name: str) -> object:
        return self._fields.get(name)

    def read(self, name: str, reader: Callable[[object, str], T]) -> T | None:
        value = self._fields.get(name)
        return None if value is None else reader(value, f"{self.at}.{name}")

    def policy(self, name: str, label: str, kind: DocumentType) -> Policy | None:
        return self.read(name, partial(self.compiled, label=label, kind=kind))

    def policies(self, name: str, label: str, kind: DocumentType) -> Sequence[Policy] | None:
        return self.read(name, partial(self._list, label=label, kind=kind))

    def as_one(self, name: str, label: str, kind: DocumentType) -> Policy | None:
        """Return a list of policies as one policy."""
        listed = self.policies(name, label, kind)
        return None if listed is None else merge(listed)

    def levels(self, value: object, at: str) -> Sequence[Policy]:
        """Return the policies of each level as one: a list is one level, or has a list for each."""
        listed, label = json_input.json_list(value, at), "service control policy"
        if not listed or not isinstance(listed[0], list):
            return [merge(self._list(listed, at, label, DocumentType.IDENTITY))] if listed else []
        return [
            merge(self._list(level, f"{at}[{n}]", f"level {n} {label}", DocumentType.IDENTITY))
            for n, level in enumerate(listed, start=1)
        ]

    def _list(self, value: object, at: str, label: str, kind: DocumentType) -> list[Policy]:
        return [
            self.compiled(each, f"{at}[{number}]", f"{label} {number}", kind)
            for number, each in enumerate(json_input.json_list(value, at), start=1)
        ]

    def check_size(self, value: object, at: str) -> None:
        """Raise `InputError` if it is longer than a policy document may be."""
        if not self._small:
            json_input.check_size(value, at)

    def compiled(self, value: object, at: str, label: str, kind: DocumentType) -> Policy:
        self.check_size(value, at)
        try:
            return compile_policy(value, label, kind)
        except DocumentError as error:
            where = f"{at}.{error.where}" if error.where else at
            raise InputError(where, error.problem) from None


def _step(value: object, at: str, small: bool) -> Step:
    fields = _Fields(value, at, small)
    action = _action(fields)
    fields.refuse_others(action)
    resource = fields.read("resource", json_input.text)
    if resource is None and action.lower() != "iam:createrole":
        raise InputError(f"{at}.resource", "missing")
    call: dict[str, Any] = {
        "path": at,
        "action": action,
        "resource": resource or "*",
        "caller": _caller(fields),
        "caller_role_arn": fields.read("principal_role_arn", json_input.text),
        "caller_id": fields.read("principal_id", json_input.text),
        "identity": fields.policies("identity_policies", "identity policy", DocumentType.IDENTITY),
        "boundary": fields.policy(
            "permissions_boundary", "permissions boundary", DocumentType.IDENTITY
        ),
        "service_control": fields.read("service_control_policies", fields.levels),
        "resource_control": _resource_control(fields, action, resource or "*"),
        "endpoint": fields.policy("endpoint_policy", "endpoint policy", DocumentType.PERIMETER),
        "no_endpoint": "endpoint_policy" in fields.given and fields.get("endpoint_policy") is None,
        "context": fields.read("context", _context),
    }
    match action.lower():
        case "iam:createrole":
            return _create_role(fields, call)
        case "sts:assumerole":
            return _assume_role(fields, call | _session(fields))
        case "sts:assumerolewithwebidentity":
            token = fields.read("token", _token)
            return AssumeRoleWithWebIdentity(**call, **_session(fields), token=token)
        case "sts:getscopedcredentials":
            name, listed = "session_policies", as_list(fields.get("session_policies") or [])
            if len(listed) > 1:
                raise InputError(f"{at}.{name}", f"{action} takes one policy; leave the others out")
            return ScopeCall(
                **call,
                scope=fields.policies(name, "scope-down policy", DocumentType.IDENTITY) or (),
                size=size(listed[0]) if listed else None,
                duration=fields.read("duration_seconds", json_input.integer),
            )
        case _:
            return ResourceCall(
                **call,
                resource_account=fields.read("resource_account", _account),
                resource_policy=fields.policy(
                    "resource_policy", "resource policy", DocumentType.RESOURCE
                ),
                resource_policy_given="resource_policy" in fields.given,
            )


def _action(fields: _Fields) -> str:
    action, at = fields.read("action", json_input.text), f"{fields.at}.action"
    if action is None:
        raise InputError(at, "missing")
    service, colon, name = action.partition(":")
    if not (service and colon and name) or not action.isascii() or "*" in action or "?" in action:
        raise InputError(at, f"{json_input.show(action)} is not an action like s3:GetObject")
    if action.lower() in _NOT_MODELLED:
        raise InputError(at, f"{action} is not modelled here")
    if asked := _S3_OPERATIONS.get(action.lower()):
        raise InputError(at, f"{action} is an operation of S3's API; its action is {asked}")
    return action


def _create_role(fields: _Fields, call: Mapping[str, Any]) -> CreateRole:
    doubts: list[str] = []
    trust = _trust(fields, doubts)
    return CreateRole(
        **call,
        trust=trust,
        trust_size=size(fields.get("trust_policy")) if isinstance(trust, Policy) else 0,
        trust_doubts=doubts,
        resource_given=fields.get("resource") is not None,
    )


def _session(fields: _Fields) -> dict[str, Any]:
    """The fields that both calls for a session of a role have."""
    duration = fields.read("duration_seconds", json_input.integer)
    session = fields.as_one("session_policies", "session policy", DocumentType.IDENTITY)
    return {
        "trust": _trust(fields, None),
        "role_exists": fields.read("role_exists", json_input.flag) is not False,
        "session": session if fields.get("session_policies") else None,
        "session_sizes": tuple(map(size, as_list(fields.get("session_policies") or []))),
        "session_name": fields.read("role_session_name", json_input.text),
        "duration": DEFAULT_SESSION_DURATION if duration is None else duration,
        "max_duration": fields.read("max_session_duration", json_input.integer),
    }


def _assume_role(fields: _Fields, call: dict[str, Any]) -> AssumeRole:
    """AssumeRole by a principal, or by EKS for an association."""
    association = fields.read("pod_identity", partial(_association, call["resource"]))
    if association is not None:
        call |= {"caller": caller_from_arn(POD_IDENTITY_SERVICE), "keys": association}
        if "aws:tagkeys" in association and fields.get("session_policies"):
            problem = "EKS takes a session policy only with disable_session_tags"
            raise InputError(f"{fields.at}.session_policies", problem)
    return AssumeRole(
        **call,
        external_id=fields.read("external_id", json_input.text),
        chained=fields.read("chained", json_input.flag),
    )


def _resource_control(fields: _Fields, action: str, resource: str) -> Policy | None:
    name = "resource_control_policies"
    policy = fields.as_one(name, "resource control policy", DocumentType.PERIMETER)
    if policy is not None and not has_resource_control(action, resource):
        problem = f"changes nothing about {action} on {resource}"
        raise InputError(f"{fields.at}.{name}", problem)
    return policy


def _caller(fields: _Fields) -> Caller | None:
    names = ("principal", "principal_role_arn", "principal_id")
    arn, role_arn, unique_id = (fields.read(name, json_input.text) for name in names)
    if role_arn is not None:
        _caller_from(role_arn, f"{fields.at}.principal_role_arn", None, None)
    if arn is None:
        return None
    return _caller_from(arn, f"{fields.at}.principal", role_arn, unique_id)


def _caller_from(arn: str, at: str, role_arn: str | None, unique_id: str | None) -> Caller:
    try:
        return caller_from_arn(arn, role_arn=role_arn, unique_id=unique_id)
    except ValueError as error:
        raise InputError(at, str(error)) from None


def _association(role: str, value: object, at: str) -> Mapping[str, Value]:
    """The condition keys of the call that EKS makes for an association of a role."""
    fields = json_input.json_object(value, at, _ASSOCIATION)
    json_input.check_given(fields, at, *sorted(_ASSOCIATION - {"disable_session_tags"}))
    cluster, namespace, account = (
        json_input.text(fields[name], f"{at}.{name}")
        for name in ("cluster_arn", "namespace", "service_account")
    )
    disabled = fields.get("disable_session_tags", False)
    json_input.flag(disabled, f"{at}.disable_session_tags")
    try:
        account_ref = service_account_ref(namespace, account)
        keys = call_keys(cluster, account_ref, disable_session_tags=bool(disabled))
        if parse_role_arn(role):
            check_role(role, cluster)
        return keys
    except ValueError as error:
        raise InputError(at, str(error)) from None


def _trust(fields: _Fields, doubts: list[str] | None) -> Policy | AwsError | None:
    """The trust policy, or IAM's answer to it when it would never have stored it.

    ``doubts`` about a policy that IAM is to store now are appended; None for a policy that it has.
    """
    value = fields.get("trust_policy")
    if value is None:
        return None
    at = f"{fields.at}.trust_policy"
    document = None if value == UNKNOWN_OUTPUT else json_input.json_object(value, at)
    fields.check_size(value, at)
    at = f"{fields.at}.existing_principals"
    listed = fields.get("existing_principals")
    existing = None if listed is None else frozenset(_texts(listed, at))
    try:
        policy = compile_trust_policy(value)
        if doubts is not None and document is not None:
            check_storable(document)
            doubts += check_shared_issuers(document)
            if existing is not None:
                check_existence(document, existing)
    except DocumentError as error:
        return malformed_policy(error.message)
    return policy


def _token(value: object, at: str) -> TokenClaims | str:
    if isinstance(value, str):
        return json_input.text(value, at, WEB_IDENTITY_TOKEN_LENGTH.stop - 1)
    claims = dict(json_input.json_object(value, at))
    signature = claims.pop("signature", "valid")
    if signature not in SIGNATURES:
        choices = ", ".join(SIGNATURES)
        raise InputError(f"{at}.signature", f"{json_input.show(signature)} is none of {choices}")
    check_claims(claims, at)
    return TokenClaims(claims, valid=signature == "valid")


def check_claims(claims: Json, at: str) -> None:
    """Raise `InputError` when a claim that STS reads has the wrong type."""
    for name in ("iss", "sub", "azp", "email"):
        if claims.get(name) is not None:
            json_input.text(claims[name], f"{at}.{name}")
    for name in ("exp", "nbf", "iat"):
        if claims.get(name) is not None:
            json_input.seconds(claims[name], f"{at}.{name}")
    for name in ("aud", "amr"):
        if isinstance(claims.get(name), list):
            _texts(claims[name], f"{at}.{name}")
        elif claims.get(name) is not None:
            json_input.text(claims[name], f"{at}.{name}")


def _context(value: object, at: str) -> Mapping[str, Value]:
    """Condition keys in lower case; null says that the request carries no such key."""
    context: dict[str, Value] = {}
    for key, each in json_input.json_object(value, at).items():
        if key.lower() in context:
            raise InputError(f"{at}.{key[:200]}", "given twice (condition keys ignore case)")
        context[key.lower()] = _context_value(each, f"{at}.{key[:200]}")
    return context


def _context_value(value: object, at: str) -> Value:
    if value is None:
        return Key.ABSENT
    if isinstance(value, list):
        return tuple(_context_text(each, at) for each in cast("list[object]", value))
    return _context_text(value, at)


def _context_text(value: object, at: str) -> str:
    scalar = scalar_text(value)
    if scalar is None:
        raise InputError(
            at, f"{json_input.show(value)} is not a string, number, boolean or list of them"
        )
    return json_input.text(scalar, at)
