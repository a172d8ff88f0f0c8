"""EKS Auth: credentials of an EKS Pod Identity association, for the token of a Pod.

EC2's credentials of a node's instance come from the same code. MiniStack takes root for a service
of AWS, so `irsa_core.decide` decides the trust policies for both.
https://docs.aws.amazon.com/eks/latest/APIReference/API_Operations_Amazon_EKS_Auth.html
"""

import json
import logging
import re
import time
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote
from uuid import uuid4

from irsa_core.decide.scenario import scenario_from
from irsa_core.decide.simulate import simulate
from irsa_core.identity.arns import account_of, session_arn_prefix
from irsa_core.identity.arns import cluster_arn as parse_cluster_arn
from irsa_core.identity.eks import POD_IDENTITY_SERVICE
from irsa_core.identity.errors import AwsError, not_authorized
from irsa_core.identity.pod_identity import SESSION_SECONDS, external_id, session_tags
from irsa_core.identity.token import decode_unverified

from . import errors
from .clients import AccessKeys
from .errors import Response
from .front import AwsRequest
from .records import TRANSITIVE_KEYS, Record, Records, note_use, tag_keys
from .tokens import BoundPod, ClusterKeys, verified_pod

ACTION = "eks-auth:AssumeRoleForPodIdentity"
AGENT_ADDON = "eks-pod-identity-agent"

_PATH = re.compile(r"/clusters/([0-9A-Za-z][\w-]{0,99})/assume-role-for-pod-identity", re.ASCII)
_TOKEN = r"[A-Za-z0-9-_=]+\.[A-Za-z0-9-_=]+\.[A-Za-z0-9-_=]+"  # noqa: S105 - of the API's model
EC2_SERVICE = "ec2.amazonaws.com"
TARGET_SESSION_SECONDS = 59 * 60
"""Of a target role's session: role chaining gives at most an hour.
https://docs.aws.amazon.com/eks/latest/userguide/pod-id-assign-target-role.html"""
NAME_PART = 10
"""Characters of the cluster's and the Pod's name in a session's; known from public reports."""

log = logging.getLogger("ministack.eks-auth")


class Node(NamedTuple):
    """A node that runs the EKS Pod Identity Agent, which calls EKS Auth with the node's role."""

    cluster: str
    role_arn: str
    group: str = ""
    """Its node group; empty in EKS Auto Mode, where EKS runs the agent without a Pod."""


class Untrusted(Exception):
    """A role does not exist, does not trust the caller, or the caller may not assume it."""


class EksAuth:
    """Answers the EKS Pod Identity Agent."""

    def __init__(self, records: Records, keys: ClusterKeys) -> None:
        self._records = records
        self._keys = keys

    async def answer(self, request: AwsRequest) -> Response:
        """Answer a request to EKS Auth."""
        match = _PATH.fullmatch(unquote(request.path))
        try:
            if request.method != "POST" or match is None:
                raise errors.not_found()
            cluster_arn = self._records.cluster_arn(match[1])
            if (caller := self._records.denied(ACTION, cluster_arn, request)) is not None:
                denied = not_authorized(caller, ACTION, cluster_arn)
                raise errors.access_denied_exception(denied.message)
            return await self._assume(match[1], cluster_arn, _token(request.body))
        except AwsError as error:
            log.info("%s: %s", request.path, error)
            raise

    async def _assume(self, cluster: str, cluster_arn: str, raw: str) -> Response:
        if cluster not in self._records.clusters:
            raise errors.no_such_cluster(cluster)
        pod = await self._pod(raw)
        association = self._records.association(cluster, pod.account)
        if association is None:  # AWS's own words are not known
            account = f"{pod.account.namespace}/{pod.account.name}"
            raise errors.resource_not_found(
                f"No association found for service account {account} in cluster {cluster}."
            )
        try:
            keys, session = _pod_session(self._records, association, cluster_arn, pod)
        except Untrusted as error:
            # AWS's words, of whichever of the two roles.
            message = "Unauthorized Exception! EKS does not have permissions to assume the "
            raise errors.access_denied_exception(f"{message}associated role.") from error
        return errors.as_answer(_answer(association, keys, session))

    async def _pod(self, raw: str) -> BoundPod:
        try:
            token = decode_unverified(raw)
        except AwsError as error:
            raise errors.invalid_token(error.message) from error
        issuer_url = self._keys.issuer_url
        jwks = await self._keys.of_issuer(issuer_url, token.header.get("kid"))
        return verified_pod(token, issuer_url=issuer_url, jwks=jwks, now=time.time())


def _token(body: bytes) -> str:
    try:
        token = json.loads(body or b"{}")["token"]
    except (ValueError, KeyError, TypeError):
        token = None
    if not isinstance(token, str) or not re.fullmatch(_TOKEN, token):
        constraint = f"Member must satisfy regular expression pattern: {_TOKEN}"
        problem = f"Value at 'token' failed to satisfy constraint: {constraint}"
        raise errors.invalid_parameter(f"1 validation error detected: {problem}")
    return token


def _answer(
    association: Mapping[str, Any], keys: AccessKeys, session: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "subject": {name: association[name] for name in ("namespace", "serviceAccount")},
        "audience": POD_IDENTITY_SERVICE,
        "podIdentityAssociation": {
            name: association[name] for name in ("associationArn", "associationId")
        },
        "assumedRoleUser": {"arn": session["Arn"], "assumeRoleId": session["UserId"]},
        "credentials": {
            "accessKeyId": keys.access_key_id,
            "secretAccessKey": keys.secret_access_key,
            "sessionToken": keys.session_token,
            "expiration": session["Expiration"],
        },
    }


def instance_credentials(records: Records, role_arn: str) -> AccessKeys:
    """Assume a role as EC2 does for an instance with its profile; raises `Untrusted`."""
    role, name = _role(records, role_arn), f"i-{uuid4().hex[:17]}"
    _check(_by_service(role, EC2_SERVICE, name, {}))
    return _open(records, role, name, SESSION_SECONDS, {}, None)[0]


def _pod_session(
    records: Records, association: Mapping[str, Any], cluster_arn: str, pod: BoundPod
) -> tuple[AccessKeys, Record]:
    """Assume an association's role, and then its target role, as EKS Auth does for a Pod.

    Raises `Untrusted`.
    """
    cluster = parse_cluster_arn(cluster_arn)
    name = f"eks-{cluster.name[:NAME_PART]}-{pod.name[:NAME_PART]}-{uuid4()}"
    tags = session_tags(cluster_arn, pod.account, pod_name=pod.name, pod_uid=pod.uid)
    if association.get("disableSessionTags"):
        tags = {}
    role, seconds = _role(records, association["roleArn"]), SESSION_SECONDS
    context = tag_keys(tags, tags)
    context |= {"aws:SourceAccount": cluster.account, "aws:SourceArn": cluster_arn}
    steps = [_by_service(role, POD_IDENTITY_SERVICE, name, context)]
    if target_arn := association.get("targetRoleArn"):
        target = _role(records, target_arn)
        step = _assume(
            target,
            name,
            identity_policies=records.identity_policies(role),
            permissions_boundary=records.boundary(role),
            external_id=external_id(cluster_arn, pod.account),
        )
        steps.append(step)
        role, seconds = target, TARGET_SESSION_SECONDS
    _check(*steps)
    return _open(records, role, name, seconds, tags, association.get("policy"))


def _role(records: Records, arn: str) -> Record:
    role = records.role(arn)
    if role is None:
        raise Untrusted
    return role


def _open(
    records: Records,
    role: Record,
    name: str,
    seconds: int,
    tags: Mapping[str, str],
    policy: str | None,
) -> tuple[AccessKeys, Record]:
    """Return the keys and the record of a new session; all its tags are transitive."""
    keys = records.new_credentials()
    session = {
        "Arn": f"{session_arn_prefix(role['Arn'])}{name}",
        "UserId": f"{role['RoleId']}:{name}",
        "SecretAccessKey": keys.secret_access_key,
        "SessionToken": keys.session_token,
        "Expiration": time.time() + seconds,
        "AccountId": account_of(role["Arn"]),
        "PrincipalType": "AssumedRole",
        "SessionTags": [{"Key": key, "Value": value} for key, value in tags.items()],
        "SessionPolicies": {"Policy": policy, "PolicyArns": []} if policy else None,
        TRANSITIVE_KEYS: list(tags),
    }
    records.register_session(keys.access_key_id, session)
    note_use(role)
    return keys, session


def _check(*steps: Mapping[str, Any]) -> None:
    """Raise `Untrusted` unless each call is allowed for certain."""
    outcome = simulate(scenario_from({"now": time.time(), "steps": list(steps)}))
    if outcome.failing_step is not None:
        raise Untrusted


def _by_service(
    role: Record, service: str, name: str, context: Mapping[str, Any]
) -> dict[str, Any]:
    context = {"aws:SourceOrgID": None, "aws:SourceOrgPaths": None, **context}
    return _assume(role, name, principal=service, context=context)


def _assume(role: Record, name: str, **facts: Any) -> dict[str, Any]:
    """A step of a scenario."""
    return {
        "action": "sts:AssumeRole",
        "resource": role["Arn"],
        "trust_policy": json.loads(role["AssumeRolePolicyDocument"]),
        "role_session_name": name,
        **facts,
    }
