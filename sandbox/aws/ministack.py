"""MiniStack as the sandbox runs it: the one module that knows its insides (1.5.33).

It replaces entries of MiniStack's table of service handlers, so what is not theirs passes
untouched, and wraps the ASGI application.
"""

import importlib
import json
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

from irsa.identity.arns import account_of, aws_policy_arn, parse_session_arn

from ..environment_variables import exported
from . import ec2 as ec2_front
from . import eks as eks_front
from . import errors
from . import iam as iam_front
from .accounts import REGION
from .cloudtrail import TARGET, CloudTrail
from .errors import Response
from .query_protocol import FORM, QueryApi
from .sts import KeySet, Sts

SERVICES = ("iam", "sts", "s3", "eks", "ec2", "cloudtrail")
_FORM = FORM["content-type"].encode()
HOSTS = {"127.0.0.1", "localhost"}
"""Names of the emulator's certificate."""

_UNSIGNED = ["AssumeRoleWithWebIdentity"]
_PRESIGNED = (
    {"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature"},
    {"AWSAccessKeyId", "Expires", "Signature"},  # boto3's presigned URLs of S3, to this day
)
BODY_LIMIT = 64 * 1024 * 1024  # bytes; an S3 object in one part

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Scope = MutableMapping[str, Any]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# AWS's own policies that node roles have and MiniStack does not know.
# https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
_MANAGED_POLICIES = {
    "AmazonEC2ContainerRegistryPullOnly": (
        "BatchGetImage",
        "BatchImportUpstreamImage",
        "GetAuthorizationToken",
        "GetDownloadUrlForLayer",
    ),
    "AmazonEC2ContainerRegistryReadOnly": (
        "BatchCheckLayerAvailability",
        "BatchGetImage",
        "DescribeImageScanFindings",
        "DescribeImages",
        "DescribeRepositories",
        "GetAuthorizationToken",
        "GetDownloadUrlForLayer",
        "GetLifecyclePolicy",
        "GetLifecyclePolicyPreview",
        "GetRepositoryPolicy",
        "ListImages",
        "ListTagsForResource",
    ),
}


def load(
    *, root_secret: str, jwks: Callable[[], KeySet], facts: eks_front.ClusterFacts
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
        app = importlib.import_module("ministack.app")
        modules: dict[str, Any] = {
            name: importlib.import_module(f"ministack.services.{name}") for name in SERVICES
        }
    if not app.AUTH:
        raise RuntimeError("ministack.app was imported before the sandbox: IAM is not enforced")
    _protect_root(root_secret)
    _name_roles_of_sessions(modules["iam"])
    iam, sts, eks, ec2 = (modules[name] for name in ("iam", "sts", "eks", "ec2"))
    eks._docker_available = False
    for module in modules.values():
        module.reset()
    for name, actions in _MANAGED_POLICIES.items():
        _add_managed_policy(iam, name, [f"ecr:{action}" for action in actions])
    asked = QueryApi("iam", iam.handle_request)
    trail = CloudTrail(iam.get_account_id)
    sts_front = Sts(
        sts.handle_request,
        asked,
        issuer_url=facts.issuer_url,
        jwks=jwks,
        on_session=_note_use(iam),
        on_web_identity=trail.note,
    )
    app.SERVICE_HANDLERS.update(
        iam=iam_front.Iam(iam.handle_request, _iam_records(iam)).handle,
        sts=sts_front.handle,
        eks=eks_front.Eks(eks.handle_request, facts, _eks_records(eks), _network(ec2)).handle,
        ec2=ec2_front.Ec2(ec2.handle_request).handle,
        cloudtrail=trail.handle,
    )
    return _guarded(app.app)


def _note_use(iam: Any) -> Callable[[str], None]:
    """Note in a role's record when it was last used, which MiniStack does not.

    For IAM that is a request that was made with its credentials; here it is their issue.
    """

    def note(arn: str) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        for role in iam._roles.to_dict().values():
            if role["Arn"] == arn:
                role["RoleLastUsed"] = {"LastUsedDate": now, "Region": REGION}

    return note


def _iam_records(iam: Any) -> iam_front.Records:
    return iam_front.Records(
        account=iam.get_account_id,
        role=iam._roles.get,
        user=iam._users.get,
        provider=iam._oidc_providers.get,
        roles=lambda: iam._roles.to_dict().values(),
        users=lambda: iam._users.to_dict().values(),
        access_keys=iam._access_keys.values,
    )


def _eks_records(eks: Any) -> eks_front.Records:
    return eks_front.Records(
        cluster=eks._clusters.get,
        node_group=eks._nodegroups.get,
        node_groups=lambda: list(eks._nodegroups),
        tags=eks._tags.get,
    )


def _network(ec2: Any) -> ec2_front.Network:
    def of(records: Any) -> Callable[[str], Any]:
        def find(name: str) -> Any:
            ec2._ensure_defaults_initialized()  # the default VPC, made when first asked for
            return records.get(name)

        return find

    return ec2_front.Network(subnet=of(ec2._subnets), security_group=of(ec2._security_groups))


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


def _add_managed_policy(iam: Any, name: str, actions: list[str]) -> None:
    statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    arn = aws_policy_arn(name)
    iam._aws_managed_policies[arn] = iam._make_aws_managed_record(name, document)


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


def _guarded(application: Application) -> Application:
    """MiniStack's application, without its own start-up (Docker, timers, other listeners), and
    without requests that lead around its checks."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for phase in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{phase}.complete"})
        elif scope["type"] == "http":
            if (refusal := _refusal(scope)) is not None:
                await _answer(send, refusal)
            else:
                await application(scope, _bounded(receive), send)

    return guarded


def _refusal(scope: Scope) -> Response | None:
    """The answer to a request that MiniStack must not see, or None."""
    headers: list[tuple[bytes, bytes]] = list(scope["headers"])
    path = scope["path"]
    if path.startswith("/_ministack/"):
        return errors.as_xml(errors.not_found(), "sts")  # its control paths ask for no credentials
    authorization = [value for name, value in headers if name == b"authorization"]
    signed = [value for value in authorization if value.startswith(b"AWS4-HMAC-SHA256 ")]
    if len(authorization) > 1 or authorization != signed:
        return errors.as_xml(
            errors.incomplete_signature(), "sts"
        )  # another scheme would make its sender root
    # MiniStack authorises the action that any of these names, whatever a request to S3 or EKS does.
    form = [v for n, v in headers if n == b"content-type" and v.startswith(_FORM)]
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    targets = [value for name, value in headers if name == b"x-amz-target"]
    actions = query.get("Action", [])
    hosts = {
        value.partition(b":")[0].decode("latin-1") for name, value in headers if name == b"host"
    }
    named = [*targets, *form, *actions]
    if named == [TARGET.encode()] and path == "/" and hosts <= HOSTS and signed:
        return None  # goes to CloudTrail, whatever its signature is for
    if targets or (path != "/" and (form or actions)):
        reason = "Only the query protocol of IAM, STS and EC2 names an action"
        return errors.as_xml(errors.unreadable_request(reason), "sts")
    given = {name for name, values in query.items() if any(values)}
    if signed or any(given >= names for names in _PRESIGNED):
        return None  # MiniStack checks the signature
    # Without a signature. MiniStack looks at the action in a form; of anything else it makes a
    # request of an account that owns nothing, which may create buckets (a Host can name one).
    if hosts <= HOSTS and ((form and scope["method"] == "POST") or actions == _UNSIGNED):
        return None
    return (
        errors.as_xml(errors.missing_token(), "sts")
        if actions
        else errors.as_s3(errors.access_denied(), path)
    )


async def _answer(send: Send, response: Response) -> None:
    status, headers, body = response
    wire = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": wire})
    await send({"type": "http.response.body", "body": body})


def _bounded(receive: Receive) -> Receive:
    """A request whose body is above the limit ends as if its client had gone."""
    left = BODY_LIMIT

    async def bounded() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        return message if left >= 0 else {"type": "http.disconnect"}

    return bounded
