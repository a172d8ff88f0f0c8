"""EKS in front of MiniStack's records: every cluster is the sandbox's one real control plane."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.errors import Response
from sandbox.ministack import Handler, Query


@dataclass(frozen=True, kw_only=True)
class ClusterFacts:
    """What DescribeCluster says of the control plane that stands behind every cluster."""

    endpoint: str
    """URL of the API server."""

    ca_data: str
    """The API server's CA certificate: PEM in base64, as EKS gives it."""

    issuer_url: str
    """Issuer of the service account tokens, with ``https://``."""


class Clusters:
    """MiniStack's EKS handler with the real control plane filled in."""

    def __init__(self, eks: Handler, facts: ClusterFacts) -> None:
        self._eks = eks
        self._facts = facts

    async def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, query: Query
    ) -> Response:
        """Answer a request to EKS."""
        status, answer_headers, answer = await self._eks(method, path, headers, body, query)
        document = json.loads(answer) if status == 200 and answer else {}
        cluster = document.get("cluster")
        if cluster is None:
            return status, answer_headers, answer
        cluster["endpoint"] = self._facts.endpoint
        cluster["certificateAuthority"] = {"data": self._facts.ca_data}
        cluster["identity"] = {"oidc": {"issuer": self._facts.issuer_url}}
        if cluster["status"] == "CREATING":  # MiniStack waits for Docker; ours is there already
            cluster["status"] = "ACTIVE"
        return status, answer_headers, json.dumps(document).encode()
