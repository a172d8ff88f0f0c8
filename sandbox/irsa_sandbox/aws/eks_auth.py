"""EKS Auth: credentials of an EKS Pod Identity association, for the token of a Pod.

https://docs.aws.amazon.com/eks/latest/APIReference/API_Operations_Amazon_EKS_Auth.html
"""

import json
import logging
import re
import time
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from irsa_core.identity.eks import POD_IDENTITY_SERVICE
from irsa_core.identity.errors import AwsError, not_authorized
from irsa_core.identity.token import decode_unverified

from . import errors
from .errors import Response
from .front import AwsRequest
from .records import Records
from .role_sessions import RoleSession, RoleSessions, Untrusted
from .tokens import BoundPod, ClusterKeys, verified_pod

ACTION = "eks-auth:AssumeRoleForPodIdentity"
AGENT_ADDON = "eks-pod-identity-agent"

_PATH = re.compile(r"/clusters/([0-9A-Za-z][\w-]{0,99})/assume-role-for-pod-identity", re.ASCII)
_TOKEN = r"[A-Za-z0-9-_=]+\.[A-Za-z0-9-_=]+\.[A-Za-z0-9-_=]+"  # noqa: S105 - of the API's model

log = logging.getLogger("ministack.eks-auth")


class Node(NamedTuple):
    """A node that runs the EKS Pod Identity Agent, which calls EKS Auth with the node's role."""

    cluster: str
    role_arn: str
    group: str = ""
    """Its node group; empty in EKS Auto Mode, where EKS runs the agent without a Pod."""


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
            session = RoleSessions(self._records).of_pod(association, cluster_arn, pod)
        except Untrusted as error:
            # AWS's words, of whichever of the two roles.
            message = "Unauthorized Exception! EKS does not have permissions to assume the "
            raise errors.access_denied_exception(f"{message}associated role.") from error
        return errors.as_answer(_answer(association, session))

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


def _answer(association: Mapping[str, Any], session: RoleSession) -> dict[str, Any]:
    return {
        "subject": {name: association[name] for name in ("namespace", "serviceAccount")},
        "audience": POD_IDENTITY_SERVICE,
        "podIdentityAssociation": {
            name: association[name] for name in ("associationArn", "associationId")
        },
        "assumedRoleUser": {"arn": session.arn, "assumeRoleId": session.user_id},
        "credentials": {
            "accessKeyId": session.credentials.access_key_id,
            "secretAccessKey": session.credentials.secret_access_key,
            "sessionToken": session.credentials.session_token,
            "expiration": session.expires,
        },
    }
