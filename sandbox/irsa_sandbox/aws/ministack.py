"""MiniStack as the sandbox runs it: the one module that knows its insides (1.5.33).

It replaces entries of MiniStack's table of service handlers, so what is not theirs passes
untouched. What reaches them at all is decided by `irsa_sandbox.aws.guard`.
"""

import copy
import importlib
import json
import logging
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar
from urllib.parse import unquote

from irsa.identity.arns import (
    account_of,
    aws_policy_arn,
    parse_session_arn,
    session_arn_prefix,
)
from irsa.identity.eks import POD_IDENTITY_SERVICE

from ..environment_variables import exported
from . import eks as eks_front
from . import errors, idempotency
from . import iam as iam_front
from .accounts import REGION
from .clients import Credentials
from .ec2 import Ec2, Network
from .eks_auth import AGENT_ADDON, EksAuth, Node
from .eks_pod_identity import AssociationRecords, Caller, PodIdentity
from .errors import Response
from .guard import Application, guarded
from .query_protocol import Query
from .role_sessions import NewSession, RoleRecords, RoleSession, RoleSessions
from .s3 import BucketRecords, Denial, S3Control, list_objects, put_access_block
from .sts import TRANSITIVE_KEYS, IamRecords, SessionRecords, Sts, note_use
from .tokens import ClusterKeys, KeySet

T = TypeVar("T")

SERVICES = ("iam", "sts", "s3", "eks", "ec2", "secretsmanager")

# AWS's own policies that the roles of clusters and nodes have and MiniStack does not know.
# https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
_MANAGED_POLICIES = Path(__file__).with_name("managed_policies.json")
_PART = re.compile(r"/clusters/([^/]+)/(addons|node-groups|pod-identity-associations)/([^/]+)")


def load(
    *, root_secret: str, jwks: Callable[[], KeySet], published: Path, facts: eks_front.ClusterFacts
) -> Application:
    """MiniStack's application, empty, with IAM enforced and the sandbox's handlers in front.

    An access key id of twelve digits is the root of that account, with ``root_secret``. Raises
    `RuntimeError`, one line, when MiniStack was imported before in another way.
    """
    with _environment(
        AUTH="true",
        SERVICES=",".join(SERVICES),
        MINISTACK_HOST="127.0.0.1",
        MINISTACK_REGION=REGION,
    ):
        app: Any = importlib.import_module("ministack.app")
        modules: dict[str, Any] = {
            name: importlib.import_module(f"ministack.services.{name}") for name in SERVICES
        }
    if not app.AUTH:
        raise RuntimeError("ministack.app was imported before the sandbox: IAM is not enforced")
    _name_unknown_services()
    _protect_root(root_secret)
    _name_roles_of_sessions(modules["iam"])
    _name_resources_of_calls()
    iam, sts, s3, eks, ec2 = (modules[name] for name in ("iam", "sts", "s3", "eks", "ec2"))
    eks._docker_available = False
    _tag_associations(eks)
    for module in modules.values():
        module.reset()
    idempotency.made.clear()
    for name, document in json.loads(_MANAGED_POLICIES.read_text()).items():
        _add_managed_policy(iam, name, document)
    network = _network(ec2)
    keys = ClusterKeys(facts.issuer_url, jwks, published)
    sts_front = Sts(sts.handle_request, _records_by_account(iam), _session_records(sts), keys)
    associations = _association_records(eks, iam)
    auth = EksAuth(associations, _role_sessions(), keys, _denied)
    eks_served = eks_front.Eks(
        eks.handle_request,
        facts,
        _eks_records(eks),
        network,
        PodIdentity(eks.handle_request, associations),
    )
    once = partial(idempotency.idempotent, caller=lambda: (eks.get_account_id(), eks.get_region()))
    app.SERVICE_HANDLERS.update(
        iam=iam_front.Iam(iam.handle_request, _iam_records(iam)).handle,
        sts=sts_front.handle,
        **{"eks-auth": auth.handle},
        eks=once(
            eks_served.handle, refused=lambda why: errors.as_json(errors.invalid_parameter(why))
        ),
        ec2=once(
            Ec2(ec2.handle_request, network).handle,
            refused=lambda why: errors.as_xml(errors.token_of_other_parameters(why), "ec2"),
        ),
    )
    s3._list_objects_v1 = list_objects(s3._list_objects_v1, s3._get_bucket_request_payment)
    s3._put_public_access_block = put_access_block(s3._put_public_access_block)
    app._handle_s3_control_request = S3Control(
        _s3_control_denial(app), _s3_control_records(s3, iam)
    ).handle
    return guarded(app.app)


def instance_session(role_arn: str) -> RoleSession:
    """Open a session of a role as EC2 does for an instance; raises `Untrusted`.

    To be called where requests are handled.
    """
    return _role_sessions().of_instance(role_arn)


def node_with_agent(account: str) -> Node | None:
    """Return a node of the account that has the EKS Pod Identity Agent, by its add-on or by EKS
    Auto Mode.

    To be called where requests are handled. The agent looks at each request, so this makes none.
    """
    eks: Any = importlib.import_module("ministack.services.eks")
    responses: Any = importlib.import_module("ministack.core.responses")
    with responses.request_scope(account, REGION):
        for name, cluster in eks._clusters.items():
            compute = cluster.get("computeConfig") or {}
            if compute.get("enabled"):
                return Node(name, compute["nodeRoleArn"])
            if f"{name}/{AGENT_ADDON}" in eks._addons:
                for group in eks._nodegroups.values():
                    if group["clusterName"] == name:
                        return Node(name, group["nodeRole"], group["nodegroupName"])
    return None


def snapshot() -> Callable[[], None]:
    """Take a snapshot of every account; the returned function restores it.

    To be called, as its answer is, where requests are handled: not while one is.
    """
    stores = [idempotency.made, *(store for name in SERVICES for store in _stores(name))]
    remembered = copy.deepcopy(stores)  # bytes, such as an object's, are not copied

    def restore() -> None:
        for store, content in zip(stores, copy.deepcopy(remembered), strict=True):
            store.clear()
            store.update(content)

    return restore


def _stores(service: str) -> Iterator[Any]:
    """Everything in which a module of MiniStack keeps what requests made."""
    module = importlib.import_module(f"ministack.services.{service}")
    responses: Any = importlib.import_module("ministack.core.responses")
    for value in vars(module).values():
        if isinstance(value, (responses.AccountScopedDict, responses.AccountRegionScopedDict)):
            yield value._data  # of every account
    if service == "sts":
        yield module._sessions
    if service == "ec2":
        yield module._default_initialized_scopes


def _iam_records(iam: Any) -> iam_front.AccountRecords:
    return iam_front.AccountRecords(
        account=iam.get_account_id,
        role=iam._roles.get,
        user=iam._users.get,
        policy=iam._policies.get,
        provider=iam._oidc_providers.get,
        roles=lambda: iam._roles.to_dict().values(),
        users=lambda: iam._users.to_dict().values(),
        access_keys=iam._access_keys.values,
    )


def _records_by_account(iam: Any) -> IamRecords:
    def of(store: Any) -> Callable[[str, str], Any]:
        return lambda account, name: store.get_scoped(account, None, name)  # IAM has no regions

    return IamRecords(role=of(iam._roles), provider=of(iam._oidc_providers))


def _eks_records(eks: Any) -> eks_front.EksRecords:
    def forget_addons(cluster: str) -> None:
        for key in [key for key in eks._addons if key.startswith(f"{cluster}/")]:
            eks._tags.pop(eks._addons.pop(key)["addonArn"], None)

    return eks_front.EksRecords(
        forget_addons=forget_addons,
        addon=eks._addons.get,
        cluster=eks._clusters.get,
        node_group=eks._nodegroups.get,
        node_groups=lambda: list(eks._nodegroups),
        tags=eks._tags.get,
    )


def _session_records(sts: Any) -> SessionRecords:
    return SessionRecords(
        of_caller=lambda headers, query: sts._sessions.get(
            sts.extract_access_key_id(headers, query)
        ),
        by_key=sts._sessions.__getitem__,
        denied=_denied,
    )


def _denied(
    action: str,
    resource: str,
    headers: Mapping[str, str],
    query: Query,
    keys: Mapping[str, Any] | None = None,
) -> str | None:
    """Return the caller of an authenticated request if its own policies deny an action."""
    evaluator: Any = importlib.import_module("ministack.core.iam_evaluator")
    router: Any = importlib.import_module("ministack.core.router")
    denied = evaluator.enforce(
        router.extract_access_key_id(headers, query),
        action,
        action.partition(":")[0],
        router.extract_region(headers, query),
        resource_arn=resource,
        service_context=keys,
    )
    return denied.principal_arn if denied else None


def _role_sessions() -> RoleSessions:
    iam: Any = importlib.import_module("ministack.services.iam")
    sts: Any = importlib.import_module("ministack.services.sts")
    evaluator: Any = importlib.import_module("ministack.core.iam_evaluator")

    def managed(role: Any, arn: str) -> Any:
        document = evaluator._resolve_managed_policy_document(arn, account_of(role["Arn"]))
        return json.loads(document) if isinstance(document, str) else document

    def policies(role: Any) -> list[Any]:
        inline = [json.loads(text) for text in (role.get("InlinePolicies") or {}).values()]
        return inline + [managed(role, arn) for arn in role["AttachedPolicies"]]

    def boundary(role: Any) -> Any:
        arn = role.get("PermissionsBoundary")
        return managed(role, arn) if arn else None

    def open_session(role: Any, new: NewSession) -> RoleSession:
        session = RoleSession(
            f"{session_arn_prefix(role['Arn'])}{new.name}",
            f"{role['RoleId']}:{new.name}",
            Credentials(sts._gen_session_access_key(), sts._gen_secret(), sts._gen_session_token()),
            time.time() + new.seconds,
        )
        record = {
            "Arn": session.arn,
            "UserId": session.user_id,
            "SecretAccessKey": session.credentials.secret_access_key,
            "SessionToken": session.credentials.session_token,
            "Expiration": session.expires,
            "AccountId": account_of(role["Arn"]),
            "PrincipalType": "AssumedRole",
            "SessionTags": [{"Key": key, "Value": value} for key, value in new.tags.items()],
            "SessionPolicies": {"Policy": new.policy, "PolicyArns": []} if new.policy else None,
            TRANSITIVE_KEYS: list(new.tags),
        }
        sts.register_session(session.credentials.access_key_id, record)
        note_use(role)
        return session

    return RoleSessions(
        RoleRecords(_records_by_account(iam).role, policies, boundary, open_session)
    )


def _association_records(eks: Any, iam: Any) -> AssociationRecords:
    def check_pass_role(arn: str, caller: Caller) -> None:
        keys = {"iam:PassedToService": POD_IDENTITY_SERVICE}
        denied = _denied("iam:PassRole", arn, caller.headers, caller.query, keys)
        if denied is not None:
            raise errors.may_not_pass_role(denied, arn)

    return AssociationRecords(
        associations=eks._pod_identity_associations,
        cluster=eks._clusters.get,
        cluster_arn=eks._cluster_arn,
        role=iam._roles.get,
        check_pass_role=check_pass_role,
    )


def _tag_associations(eks: Any) -> None:
    """Let TagResource know EKS Pod Identity associations; MiniStack calls their ARNs invalid."""
    resolve = eks._resolve_tag_resource_arn

    def resolve_association(arn: str) -> tuple[str | None, Response | None]:
        known = [each["associationArn"] for each in eks._pod_identity_associations.values()]
        return (arn, None) if arn in known else resolve(arn)

    eks._resolve_tag_resource_arn = resolve_association


def _s3_control_denial(app: Any) -> Denial:
    return lambda action, resource, *request: app._enforce_data_plane(
        "s3", action, *request, resource_arn=resource, named_resource=f'"{resource}"'
    )


def _s3_control_records(s3: Any, iam: Any) -> BucketRecords:
    return BucketRecords(account=iam.get_account_id, buckets=s3._buckets, tags=s3._bucket_tags)


def _network(ec2: Any) -> Network:
    def of(ask: Callable[..., T]) -> Callable[..., T]:
        def find(*name: str) -> T:
            ec2._ensure_defaults_initialized()  # the default VPC, made when first asked for
            return ask(*name)

        return find

    return Network(
        vpcs=of(lambda: list(ec2._vpcs.values())),
        subnet=of(ec2._subnets.get),
        security_group=of(ec2._security_groups.get),
        launch_templates=lambda: list(ec2._launch_templates.values()),
    )


def _name_unknown_services() -> None:
    """Name the services that are served here and that MiniStack does not route itself.

    For the first request to one, it would read the models of all services of AWS, in seconds in
    which nothing is answered: SDKs give the EKS Pod Identity Agent two.
    """
    router: Any = importlib.import_module("ministack.core.router")
    router._KNOWN_AWS_SERVICE_NAMES = frozenset({"eks-auth"})


def _protect_root(secret: str) -> None:
    evaluator: Any = importlib.import_module("ministack.core.iam_evaluator")
    # MiniStack takes the process's own AWS_ACCESS_KEY_ID for root. Who runs the sandbox may well
    # have the administrator's there, or a pod's, so it sees ours instead.
    ours = {"AWS_ACCESS_KEY_ID": secrets.token_hex(20), "AWS_SECRET_ACCESS_KEY": secret}
    evaluator.os = SimpleNamespace(environ=ours)
    # It would not check root's signatures, so that anyone could be root of any account.
    evaluator._is_root_key = lambda _key: False


def _name_roles_of_sessions(iam: Any) -> None:
    """Let ``aws:PrincipalArn`` be a session's role, as in AWS; MiniStack says the session itself.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn
    """
    evaluator: Any = importlib.import_module("ministack.core.iam_evaluator")
    resolve = evaluator._resolve_condition_key

    def resolve_principal(key: str, context: Any) -> Any:
        value = resolve(key, context)
        if key.lower() != "aws:principalarn" or not isinstance(value, str):
            return value
        session = parse_session_arn(value)
        if session is None:
            return value
        for role in iam._roles.to_dict().values():  # a session's ARN lacks its role's path
            if role["RoleName"] == session.role_name and account_of(role["Arn"]) == session.account:
                return role["Arn"]
        return None  # the role is gone, and with it its sessions

    evaluator._resolve_condition_key = resolve_principal


def _name_resources_of_calls() -> None:
    """Let policies name resources and condition keys of calls that MiniStack allows on ``*`` alone.

    https://docs.aws.amazon.com/service-authorization/latest/reference/
    """
    actions: Any = importlib.import_module("ministack.core.iam_actions")
    known, tags, value = actions.extract_resource_arn, actions.request_tag_context, actions._param

    def resource_arn(service: str, method: str, path: str, *more: Any) -> str:
        *_, query, region, account = more
        get, eks_path = partial(value, b"", query), unquote(path) if service == "eks" else ""
        action, template = get("Action"), get("LaunchTemplateId", "ResourceId.1")
        iam, others = f"arn:aws:iam::{account}:", f"arn:aws:{service}:{region}:{account}:"
        if action == "CreatePolicy":
            return f"{iam}policy{get('Path') or '/'}{get('PolicyName')}"
        if action == "CreateOpenIDConnectProvider":
            return f"{iam}oidc-provider/{get('Url').removeprefix('https://')}"
        if template[:3] in ("", "lt-") and re.fullmatch(
            "(Create|Delete)(LaunchTemplate|Tags)", action
        ):
            return f"{others}launch-template/{template or '*'}"
        if match := _PART.match(eks_path):
            kind = match[2].replace("-", "").removesuffix("s")
            return f"{others}{kind}/{match[1]}/{match[3]}"
        if eks_path.startswith("/tags/"):
            return eks_path.removeprefix("/tags/")
        return get("OpenIDConnectProviderArn") or known(service, method, path, *more)

    def keys(service: str, action: str, body: bytes, query: Any) -> dict[str, Any]:
        given = {"iam:PermissionsBoundary": "PermissionsBoundary", "iam:PolicyARN": "PolicyArn"}
        iam = {key: value(b"", query, name) or None for key, name in given.items()}
        return {**tags(service, action, body, query), **iam}

    actions.extract_resource_arn, actions.request_tag_context = resource_arn, keys


def _add_managed_policy(iam: Any, name: str, document: Any) -> None:
    record = iam._make_aws_managed_record(name, json.dumps(document))
    iam._aws_managed_policies[aws_policy_arn(name)] = record


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Environment variables that MiniStack reads while it is imported, and then no longer.

    A handler on the root logger keeps its import from installing one that writes to stderr.
    """
    silent = logging.NullHandler()
    logging.root.addHandler(silent)
    try:
        with exported(**values):
            yield
    finally:
        logging.root.removeHandler(silent)
