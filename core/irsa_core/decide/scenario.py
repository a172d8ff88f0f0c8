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
from typing import Any, cast

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
from irsa_core.identity.policy_json import UNKNOWN_OUTPUT, Json
from irsa_core.identity.quotas import WEB_IDENTITY_TOKEN_LENGTH
from irsa_core.identity.subjects import service_account_ref
from irsa_core.identity.token import OidcProvider, Token

Reader = Callable[[object, str], Any]
"""Reads the value of a field; raises `InputError` that names the field."""
SignatureCheck = Callable[[Json, Token], None]
"""Raises `AwsError` for a token that no key of a key set (RFC 7517) has signed."""
SIGNATURES = ("valid", "unknown_key", "tampered", "alg_none", "hs256_with_public_key")


def parse_scenario(raw: bytes, check: SignatureCheck | None = None) -> Scenario:
    """Read a scenario; raises `InputError`. Without a ``check``, it has no key set."""
    return scenario_from(json_input.parse_json(raw), check)


def scenario_from(document: object, check: SignatureCheck | None = None) -> Scenario:
    """A scenario from decoded JSON; raises `InputError`."""
    fields = json_input.json_object(document, "", _SCENARIO_FIELDS)
    json_input.check_given(fields, "", "steps")
    steps = json_input.entries(fields["steps"], "steps")
    if not steps:
        raise InputError("steps", "an empty list; a scenario has at least one step")
    now, providers, jwks = (fields.get(name) for name in ("now", "oidc_providers", "jwks"))
    keys = None if jwks is None else _jwks(jwks)
    return Scenario(
        None if now is None else json_input.seconds(now, "now"),
        None if providers is None else _providers(providers),
        None if check is None or keys is None else partial(check, keys),
        [_step(step, at) for at, step in steps],
    )


def _jwks(value: object) -> Json:
    jwks = json_input.json_object(value, "jwks")
    for at, key in json_input.entries(jwks.get("keys"), "jwks.keys"):
        json_input.json_object(key, at)
    return jwks


def _providers(value: object) -> Mapping[str, Sequence[OidcProvider]]:
    """The providers of each account."""
    providers: dict[str, list[OidcProvider]] = {}
    for at, entry in json_input.entries(value, "oidc_providers"):
        fields = json_input.json_object(entry, at, _PROVIDER_FIELDS)
        json_input.check_given(fields, at, "account", "url")
        clients = fields.get("client_ids")
        provider = OidcProvider(
            json_input.text(fields["url"], f"{at}.url"),
            None if clients is None else tuple(_texts(clients, f"{at}.client_ids")),
            json_input.flag(fields.get("reachable", True), f"{at}.reachable"),
        )
        account = _account(fields["account"], f"{at}.account")
        providers.setdefault(account, []).append(provider)
    return providers


def _account(value: object, at: str) -> str:
    account = json_input.text(value, at)
    if not is_account_id(account):
        raise InputError(at, f"{json_input.show(account)} is not an account id of 12 digits")
    return account


def _texts(value: object, at: str) -> list[str]:
    return [json_input.text(each, place) for place, each in json_input.entries(value, at)]


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


def _compiled(
    value: object, at: str, label: str, kind: DocumentType = DocumentType.IDENTITY
) -> Policy:
    json_input.check_size(value, at)
    try:
        return compile_policy(value, label, kind)
    except DocumentError as error:
        raise InputError(error.within(at).where, error.problem) from None


def _listed(
    value: object, at: str, label: str, kind: DocumentType = DocumentType.IDENTITY
) -> list[Policy]:
    entries = enumerate(json_input.entries(value, at), start=1)
    return [_compiled(each, place, f"{label} {n}", kind) for n, (place, each) in entries]


def _as_one(
    value: object, at: str, label: str, kind: DocumentType = DocumentType.IDENTITY
) -> Policy:
    """Return a list of policies as one policy."""
    return merge(_listed(value, at, label, kind))


def _levels(value: object, at: str) -> list[Policy]:
    """Return the policies of each level as one: a list is one level, or has a list for each."""
    listed, label = json_input.entries(value, at), "service control policy"
    if listed and not isinstance(listed[0][1], list):
        return [_as_one(value, at, label)]
    return [
        _as_one(level, place, f"level {n} {label}")
        for n, (place, level) in enumerate(listed, start=1)
    ]


def _trust(value: object, at: str) -> Policy | AwsError:
    """The trust policy, or IAM's answer to it when it would never have stored it."""
    if value != UNKNOWN_OUTPUT:
        json_input.json_object(value, at)
    json_input.check_size(value, at)
    try:
        return compile_trust_policy(value)
    except DocumentError as error:
        return malformed_policy(error.message)


def _caller(value: object, at: str, role_arn: str | None, unique_id: str | None) -> Caller:
    arn = json_input.text(value, at)
    try:
        return caller_from_arn(arn, role_arn=role_arn, unique_id=unique_id)
    except ValueError as error:
        raise InputError(at, str(error)) from None


def _role_of_caller(value: object, at: str) -> str:
    _caller(value, at, None, None)
    return json_input.text(value, at)


def _step(value: object, at: str) -> Step:
    fields = json_input.json_object(value, at, _STEP_FIELDS)
    values = {name: field for name, field in fields.items() if field is not None}
    action = _action(values, at)
    _refuse_others(values, at, action)
    if "resource" not in values and action.lower() != "iam:createrole":
        raise InputError(f"{at}.resource", "missing")
    call: dict[str, Any] = {"path": at, "action": action, "resource": "*"} | {
        field: read(values[name], f"{at}.{name}")
        for name, (field, read) in _READERS.items()
        if name in values
    }
    if "principal" in values:
        caller_facts = call.get("caller_role_arn"), call.get("caller_id")
        call["caller"] = _caller(values["principal"], f"{at}.principal", *caller_facts)
    if "resource_control" in call and not has_resource_control(action, call["resource"]):
        problem = f"changes nothing about {action} on {call['resource']}"
        raise InputError(f"{at}.resource_control_policies", problem)
    call["no_endpoint"] = "endpoint_policy" in fields and "endpoint_policy" not in values
    match action.lower():
        case "iam:createrole":
            return _create_role(values, call)
        case "sts:assumerole":
            return _assume_role(values, call | _session_policies(values, at))
        case "sts:assumerolewithwebidentity":
            return AssumeRoleWithWebIdentity(**call, **_session_policies(values, at))
        case "sts:getscopedcredentials":
            return _scope(values, call)
        case _:
            return ResourceCall(**call, resource_policy_given="resource_policy" in fields)


def _refuse_others(values: Json, at: str, action: str) -> None:
    """Raise `InputError` for a field that would change nothing about a call."""
    if action.lower() == "sts:assumerole" and "pod_identity" in values:
        action += " with pod_identity"
    known = _FIELDS_OF.get(action.lower(), FIELDS["any other"])
    if not values.keys() <= known:
        name = next(name for name in values if name not in known)
        problem = f"changes nothing about {action}; it takes {', '.join(sorted(known))}"
        raise InputError(f"{at}.{name}", problem)


def _action(values: Json, at: str) -> str:
    json_input.check_given(values, at, "action")
    at += ".action"
    action = json_input.text(values["action"], at)
    service, colon, name = action.partition(":")
    if not (service and colon and name) or not action.isascii() or "*" in action or "?" in action:
        raise InputError(at, f"{json_input.show(action)} is not an action like s3:GetObject")
    if action.lower() in _NOT_MODELLED:
        raise InputError(at, f"{action} is not modelled here")
    if asked := _S3_OPERATIONS.get(action.lower()):
        raise InputError(at, f"{action} is an operation of S3's API; its action is {asked}")
    return action


def _create_role(values: Json, call: dict[str, Any]) -> CreateRole:
    """CreateRole, with IAM's answer in place of a trust policy that it does not store now."""
    trust, doubts = call.pop("trust", None), list[str]()
    existing = values.get("existing_principals")
    names = None if existing is None else _texts(existing, f"{call['path']}.existing_principals")
    document: Any = values.get("trust_policy")
    if isinstance(trust, Policy) and document != UNKNOWN_OUTPUT:
        try:
            check_storable(document)
            doubts += check_shared_issuers(document)
            if names is not None:
                check_existence(document, frozenset(names))
        except DocumentError as error:
            trust = malformed_policy(error.message)
    return CreateRole(
        **call,
        trust=trust,
        trust_size=size(document) if isinstance(trust, Policy) else 0,
        trust_doubts=doubts,
        resource_given="resource" in values,
    )


def _session_policies(values: Json, at: str) -> dict[str, Any]:
    """The session policies of a call for a session of a role, and their sizes."""
    if not (listed := values.get("session_policies")):
        json_input.json_list([] if listed is None else listed, f"{at}.session_policies")
        return {}
    at = f"{at}.session_policies"
    session = _as_one(listed, at, "session policy")
    return {"session": session, "session_sizes": tuple(map(size, listed))}


def _scope(values: Json, call: dict[str, Any]) -> ScopeCall:
    listed, at = values.get("session_policies", []), f"{call['path']}.session_policies"
    policies = _listed(listed, at, "scope-down policy")
    if len(policies) > 1:
        raise InputError(at, f"{call['action']} takes one policy; leave the others out")
    return ScopeCall(**call, scope=policies, size=size(listed[0]) if listed else None)


def _assume_role(values: Json, call: dict[str, Any]) -> AssumeRole:
    """AssumeRole by a principal, or by EKS for an association."""
    if "pod_identity" in values:
        at = f"{call['path']}.pod_identity"
        association = _association(call["resource"], values["pod_identity"], at)
        call |= {"caller": caller_from_arn(POD_IDENTITY_SERVICE), "keys": association}
        if "aws:tagkeys" in association and values.get("session_policies"):
            problem = "EKS takes a session policy only with disable_session_tags"
            raise InputError(f"{call['path']}.session_policies", problem)
    return AssumeRole(**call)


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


_READERS: Mapping[str, tuple[str, Reader]] = {
    "resource": ("resource", json_input.text),
    "principal_role_arn": ("caller_role_arn", _role_of_caller),
    "principal_id": ("caller_id", json_input.text),
    "identity_policies": ("identity", partial(_listed, label="identity policy")),
    "permissions_boundary": ("boundary", partial(_compiled, label="permissions boundary")),
    "service_control_policies": ("service_control", _levels),
    "resource_control_policies": (
        "resource_control",
        partial(_as_one, label="resource control policy", kind=DocumentType.PERIMETER),
    ),
    "endpoint_policy": (
        "endpoint",
        partial(_compiled, label="endpoint policy", kind=DocumentType.PERIMETER),
    ),
    "context": ("context", _context),
    "resource_account": ("resource_account", _account),
    "resource_policy": (
        "resource_policy",
        partial(_compiled, label="resource policy", kind=DocumentType.RESOURCE),
    ),
    "token": ("token", _token),
    "trust_policy": ("trust", _trust),
    "role_exists": ("role_exists", json_input.flag),
    "role_session_name": ("session_name", json_input.text),
    "duration_seconds": ("duration", json_input.integer),
    "max_session_duration": ("max_duration", json_input.integer),
    "external_id": ("external_id", json_input.text),
    "chained": ("chained", json_input.flag),
}
"""The fields of a step that are one of its `Call`'s, whose name is beside the reader."""
