"""Sessions of roles that AWS's own services assume: EC2 for a node, EKS Auth for a Pod.

MiniStack takes root for a service, so the trust policies are decided by `irsa_core.decide`.
"""

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from uuid import uuid4

from irsa_core.decide.scenario import scenario_from
from irsa_core.decide.simulate import simulate
from irsa_core.identity.arns import account_of, session_arn_prefix
from irsa_core.identity.arns import cluster_arn as parse_cluster_arn
from irsa_core.identity.eks import POD_IDENTITY_SERVICE
from irsa_core.identity.pod_identity import SESSION_SECONDS, external_id, session_tags

from .clients import AccessKeys
from .records import TRANSITIVE_KEYS, Record, Records, note_use
from .tokens import BoundPod

EC2_SERVICE = "ec2.amazonaws.com"
TARGET_SESSION_SECONDS = 59 * 60
"""Of a target role's session: role chaining gives at most an hour.
https://docs.aws.amazon.com/eks/latest/userguide/pod-id-assign-target-role.html"""
NAME_PART = 10
"""Characters of the cluster's and the Pod's name in a session's; known from public reports."""


class RoleSession(NamedTuple):
    """A session of a role."""

    arn: str
    user_id: str
    credentials: AccessKeys
    expires: float
    """Seconds since the epoch."""


class Untrusted(Exception):
    """A role does not exist, does not trust the caller, or the caller may not assume it."""


class RoleSessions:
    """Opens sessions of roles for services of AWS."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def of_instance(self, role_arn: str) -> RoleSession:
        """Assume a role as EC2 does for an instance with its profile; raises `Untrusted`."""
        role, name = self._role(role_arn), f"i-{uuid4().hex[:17]}"
        _check(_by_service(role, EC2_SERVICE, name, {}))
        return self._open(role, name, SESSION_SECONDS, {}, None)

    def of_pod(
        self, association: Mapping[str, Any], cluster_arn: str, pod: BoundPod
    ) -> RoleSession:
        """Assume an association's role, and then its target role, as EKS Auth does for a Pod.

        Raises `Untrusted`.
        """
        cluster = parse_cluster_arn(cluster_arn)
        name = f"eks-{cluster.name[:NAME_PART]}-{pod.name[:NAME_PART]}-{uuid4()}"
        tags = session_tags(cluster_arn, pod.account, pod_name=pod.name, pod_uid=pod.uid)
        if association.get("disableSessionTags"):
            tags = {}
        role, seconds = self._role(association["roleArn"]), SESSION_SECONDS
        context = tag_keys(tags, tags)
        context |= {"aws:SourceAccount": cluster.account, "aws:SourceArn": cluster_arn}
        steps = [_by_service(role, POD_IDENTITY_SERVICE, name, context)]
        if target_arn := association.get("targetRoleArn"):
            target = self._role(target_arn)
            step = _assume(
                target,
                name,
                identity_policies=self._records.identity_policies(role),
                permissions_boundary=self._records.boundary(role),
                external_id=external_id(cluster_arn, pod.account),
            )
            steps.append(step)
            role, seconds = target, TARGET_SESSION_SECONDS
        _check(*steps)
        return self._open(role, name, seconds, tags, association.get("policy"))

    def _role(self, arn: str) -> Record:
        role = self._records.role(arn)
        if role is None:
            raise Untrusted
        return role

    def _open(
        self, role: Record, name: str, seconds: int, tags: Mapping[str, str], policy: str | None
    ) -> RoleSession:
        """All tags are transitive."""
        arn, user_id = f"{session_arn_prefix(role['Arn'])}{name}", f"{role['RoleId']}:{name}"
        keys, expires = self._records.new_credentials(), time.time() + seconds
        record = {
            "Arn": arn,
            "UserId": user_id,
            "SecretAccessKey": keys.secret_access_key,
            "SessionToken": keys.session_token,
            "Expiration": expires,
            "AccountId": account_of(role["Arn"]),
            "PrincipalType": "AssumedRole",
            "SessionTags": [{"Key": key, "Value": value} for key, value in tags.items()],
            "SessionPolicies": {"Policy": policy, "PolicyArns": []} if policy else None,
            TRANSITIVE_KEYS: list(tags),
        }
        self._records.register_session(keys.access_key_id, record)
        note_use(role)
        return RoleSession(arn, user_id, keys, expires)


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


def tag_keys(tags: Mapping[str, str], transitive: Iterable[str]) -> dict[str, Any]:
    """Return the condition keys of a call for a session with these tags."""
    keys: dict[str, Any] = {f"aws:RequestTag/{name}": value for name, value in tags.items()}
    lists = {"aws:TagKeys": [*tags], "sts:TransitiveTagKeys": [*transitive]}
    return keys | {name: names for name, names in lists.items() if names}
