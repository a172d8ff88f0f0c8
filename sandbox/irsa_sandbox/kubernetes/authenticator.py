"""Authenticates `aws eks get-token` tokens to the API server, as EKS does.

Such a token is a presigned URL of `sts:GetCallerIdentity` that names the cluster in a signed
header. The authenticator calls that URL and hands the API server the caller that STS returned.
Administrators are those of the cluster's access entries, its creator among them; everyone else is a
user without groups, which RBAC refuses.
https://docs.aws.amazon.com/eks/latest/userguide/cluster-auth.html
"""

import base64
import binascii
import re
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import yaml

from irsa_core.identity.arns import account_of, parse_session_arn

from ..aws.accounts import REGION
from ..serving.certificates import Authority
from ..serving.files import write_private
from ..serving.servers import JsonServer

ADMIN_POLICY = "AmazonEKSClusterAdminPolicy"
"""Of AWS's access policies only this one, on the whole cluster, has an effect in the sandbox.
https://docs.aws.amazon.com/eks/latest/userguide/access-policies.html"""

PREFIX = "k8s-aws-v1."
CLUSTER_HEADER = "x-k8s-aws-id"
TIMEOUT = 30.0  # seconds
STS_HOSTS = ("sts.amazonaws.com", f"sts.{REGION}.amazonaws.com")
"""The global one, which EKS takes as well, and that of the cluster's region."""


class Authenticator(JsonServer):
    """A token review webhook.

    https://kubernetes.io/docs/reference/access-authn-authz/authentication/#webhook-token-authentication
    """

    def __init__(self, *, folder: Path, authority: Authority, account: str) -> None:
        """Write the API server's configuration; nothing is answered before `connect` and `start`.

        ``account`` owns the cluster; identities of other accounts are refused.
        """
        super().__init__("authenticator", authority, self.review)
        self._authority = authority
        self._account = account
        self.config_file = folder / "authenticator.yaml"
        config = authority.kubeconfig(self.url, authority.client_user("authenticator-client"))
        write_private(self.config_file, yaml.safe_dump(config).encode())

    def connect(self, *, proxy: str, eks: Any) -> None:
        """Say where callers are asked for.

        ``proxy`` leads to STS. ``eks`` is a boto3 client; this API server is each of its clusters.
        """
        self._proxy = proxy
        self._eks = eks

    def review(self, review: dict[str, Any]) -> dict[str, Any]:
        """Answer one TokenReview (v1)."""
        try:
            cluster, arn = self._caller(review["spec"]["token"])
        except Unauthenticated as refused:
            status: dict[str, Any] = {"authenticated": False, "error": str(refused)}
        else:
            is_administrator = principal(arn) in administrators(self._eks, cluster)
            groups = ["system:masters"] if is_administrator else []
            status = {"authenticated": True, "user": {"username": arn, "groups": groups}}
        return {"apiVersion": review["apiVersion"], "kind": review["kind"], "status": status}

    def _caller(self, token: str) -> tuple[str, str]:
        """The cluster that the token is for, and whose it is."""
        url = _presigned_url(token)
        parts = urlsplit(url)
        query = parse_qs(parts.query)
        # Anything else would make this a way to send requests to wherever a token says.
        if parts.scheme != "https" or parts.netloc not in STS_HOSTS or parts.path != "/":
            raise Unauthenticated(f"the token is for {parts.netloc}{parts.path}, which is not STS")
        if query.get("Action") != ["GetCallerIdentity"]:
            raise Unauthenticated("the token is not a presigned GetCallerIdentity")
        if CLUSTER_HEADER not in query.get("X-Amz-SignedHeaders", [""])[0].split(";"):
            raise Unauthenticated(f"the token's signature does not cover {CLUSTER_HEADER}")
        context = ssl.create_default_context(cafile=self._authority.ca_file)
        with httpx2.Client(
            proxy=self._proxy, verify=context, timeout=TIMEOUT, trust_env=False
        ) as http:
            # The token tells the name only through its signature.
            for cluster in self._eks.list_clusters()["clusters"]:
                answer = http.get(url, headers={CLUSTER_HEADER: cluster})
                if answer.is_success:
                    return cluster, _arn(answer.text, self._account)
        raise Unauthenticated("STS does not accept the token for any cluster of this API server")


class Unauthenticated(Exception):
    """The token proves no identity; the text says why."""


def _presigned_url(token: str) -> str:
    if not token.startswith(PREFIX):
        raise Unauthenticated("not a token of `aws eks get-token`")
    encoded = token.removeprefix(PREFIX)
    try:
        return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Unauthenticated("the token is not base64url") from error


def _arn(answer: str, account: str) -> str:
    match = re.search(r"<Arn>([^<]+)</Arn>", answer)
    if match is None:
        raise Unauthenticated("STS's answer names no caller")
    if account_of(match[1]) != account:
        raise Unauthenticated(f"{match[1]} does not belong to the cluster's account {account}")
    return match[1]


def administrators(eks: Any, cluster: str) -> frozenset[str]:
    """The principals that are administrators of the cluster, as `principal` spells them.

    ``eks`` is a boto3 client.
    """
    return frozenset(
        principal(arn)
        for arn in eks.list_access_entries(clusterName=cluster)["accessEntries"]
        for policy in eks.list_associated_access_policies(clusterName=cluster, principalArn=arn)[
            "associatedAccessPolicies"
        ]
        if policy["policyArn"].endswith(f"/{ADMIN_POLICY}")
        and policy["accessScope"]["type"] == "cluster"
    )


def principal(arn: str) -> str:
    """The ARN without a path, and of a role for a session of it, whose ARN has no path either."""
    if session := parse_session_arn(arn):
        return session.role_arn
    kind, slash, name = arn.partition("/")
    return f"{kind}{slash}{name.rpartition('/')[2]}"
