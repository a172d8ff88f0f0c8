"""MiniStack as the sandbox runs it; with `records`, the one that knows its insides (1.5.33).

It replaces entries of MiniStack's table of service handlers, so what is not theirs passes
untouched. What reaches them at all is decided by `irsa_sandbox.aws.guard`.
"""

import copy
import importlib
import json
import logging
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

from irsa_core.identity.arns import aws_policy_arn, parse_session_arn, session_arn_prefix

from ..environment_variables import exported
from . import errors, front
from .accounts import REGION
from .ec2 import Ec2
from .eks import Eks
from .eks_auth import AGENT_ADDON, EksAuth, Node
from .guard import Application, guarded
from .hosts import SERVICES
from .iam import Iam
from .records import Records, core
from .s3 import S3Control, list_objects, put_access_block
from .sts import Sts
from .tokens import ClusterKeys

# AWS's own policies that the roles of clusters and nodes have and MiniStack does not know.
# https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
_MANAGED_POLICIES = Path(__file__).with_name("managed_policies.json")
_PART = re.compile(r"/clusters/([^/]+)/(addons|node-groups|pod-identity-associations)/([^/]+)")


def load(
    *, root_secret: str, keys: ClusterKeys, control_plane: Mapping[str, Any]
) -> tuple[Application, Records]:
    """MiniStack's application, empty, with IAM enforced and the sandbox's handlers in front,
    and its records.

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
        modules = {name: _service(name) for name in SERVICES}
    if not app.AUTH:
        raise RuntimeError("ministack.app was imported before the sandbox: IAM is not enforced")
    _name_unknown_services()
    _protect_root(root_secret)
    _name_roles_of_sessions(modules["iam"])
    _name_resources_of_calls()
    iam, s3, eks = (modules[name] for name in ("iam", "s3", "eks"))
    eks._docker_available = False
    _tag_associations(eks)
    for module in modules.values():
        module.reset()
    front.made.clear()
    for name, document in json.loads(_MANAGED_POLICIES.read_text()).items():
        record = iam._make_aws_managed_record(name, json.dumps(document))
        iam._aws_managed_policies[aws_policy_arn(name)] = record
    records = Records(modules)
    once = partial(front.idempotent, lambda: (records.account(), records.region()))
    answers = {
        "ec2": once(errors.token_of_other_parameters, Ec2(records).answer),
        "eks": once(errors.invalid_parameter, Eks(records, control_plane).answer),
        "eks-auth": EksAuth(records, keys).answer,
        "iam": Iam(records).answer,
        "sts": Sts(records, keys).answer,
    }
    app.SERVICE_HANDLERS.update({name: front.handler(api, name) for name, api in answers.items()})
    listing, payment = s3._list_objects_v1, s3._get_bucket_request_payment
    s3._list_objects_v1 = partial(list_objects, listing, payment)
    s3._put_public_access_block = partial(put_access_block, s3._put_public_access_block)
    app._handle_s3_control_request = S3Control(app, records).handle
    return guarded(app.app), records


def node_with_agent(account: str) -> Node | None:
    """Return a node of the account that has the EKS Pod Identity Agent, by its add-on or by EKS
    Auto Mode.

    To be called where requests are handled. The agent looks at each request, so this makes none.
    """
    eks = _service("eks")
    with core("responses").request_scope(account, REGION):
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
    stores = [front.made, *(store for name in SERVICES for store in _stores(name))]
    remembered = copy.deepcopy(stores)  # bytes, such as an object's, are not copied

    def restore() -> None:
        for store, content in zip(stores, copy.deepcopy(remembered), strict=True):
            store.clear()
            store.update(content)

    return restore


def _stores(service: str) -> Iterator[Any]:
    """Everything in which a module of MiniStack keeps what requests made."""
    module, responses = _service(service), core("responses")
    for value in vars(module).values():
        if isinstance(value, (responses.AccountScopedDict, responses.AccountRegionScopedDict)):
            yield value._data  # of every account
    if service == "sts":
        yield module._sessions
    if service == "ec2":
        yield module._default_initialized_scopes


def _tag_associations(eks: Any) -> None:
    """Let TagResource know EKS Pod Identity associations; MiniStack calls their ARNs invalid."""
    resolve, associations = eks._resolve_tag_resource_arn, eks._pod_identity_associations
    eks._resolve_tag_resource_arn = lambda arn: (
        (arn, None)
        if arn in [each["associationArn"] for each in associations.values()]
        else resolve(arn)
    )


def _name_unknown_services() -> None:
    """Name the services that are served here and that MiniStack does not route itself.

    For the first request to one, it would read the models of all services of AWS, in seconds in
    which nothing is answered: SDKs give the EKS Pod Identity Agent two.
    """
    core("router")._KNOWN_AWS_SERVICE_NAMES = frozenset({"eks-auth"})


def _protect_root(secret: str) -> None:
    evaluator = core("iam_evaluator")
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
    evaluator = core("iam_evaluator")
    resolve = evaluator._resolve_condition_key

    def resolve_principal(key: str, context: Any) -> Any:
        value = resolve(key, context)
        if key.lower() != "aws:principalarn" or parse_session_arn(str(value)) is None:
            return value
        # A session's ARN lacks its role's path. With a role that is gone, so are its sessions.
        roles = (role["Arn"] for role in iam._roles.to_dict().values())
        prefix = value.rpartition("/")[0] + "/"
        return next((arn for arn in roles if session_arn_prefix(arn) == prefix), None)

    evaluator._resolve_condition_key = resolve_principal


def _name_resources_of_calls() -> None:
    """Let policies name resources and condition keys of calls that MiniStack allows on ``*`` alone.

    https://docs.aws.amazon.com/service-authorization/latest/reference/
    """
    actions = core("iam_actions")
    extract, tags, value = actions.extract_resource_arn, actions.request_tag_context, actions._param

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
        return get("OpenIDConnectProviderArn") or extract(service, method, path, *more)

    def keys(service: str, action: str, body: bytes, query: Any) -> dict[str, Any]:
        names = {"iam:PermissionsBoundary": "PermissionsBoundary", "iam:PolicyARN": "PolicyArn"}
        iam = {key: value(b"", query, name) or None for key, name in names.items()}
        return {**tags(service, action, body, query), **iam}

    actions.extract_resource_arn, actions.request_tag_context = resource_arn, keys


def _service(name: str) -> Any:
    return importlib.import_module(f"ministack.services.{name}")


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
