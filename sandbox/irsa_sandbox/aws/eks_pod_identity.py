"""EKS Pod Identity associations in front of MiniStack's records.

MiniStack checks neither roles nor policies, gives a target role another external id than EKS does,
and knows neither pages nor owners.
https://docs.aws.amazon.com/eks/latest/userguide/pod-identities.html
"""

import json
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from irsa_core.identity.arns import account_of, parse_role_arn
from irsa_core.identity.eks import POD_IDENTITY_SERVICE
from irsa_core.identity.errors import not_authorized
from irsa_core.identity.pod_identity import ASSUME_AND_TAG, SESSION_POLICY_MAX, external_id
from irsa_core.identity.policy_json import Json, as_list, principals, statements
from irsa_core.identity.subjects import ServiceAccountRef

from . import errors
from .errors import Response, as_answer
from .front import AwsRequest, Query
from .query_protocol import service_model
from .records import Record, Records

PATH = r"/clusters/(?P<cluster>[^/]+)/pod-identity-associations(?:/(?P<id>[^/]+))?"

_CHANGES = ("disableSessionTags", "policy", "roleArn", "targetRoleArn")
_MOST_RESULTS = 100
_ADDONS_NAMESPACE = "kube-system"


class PodIdentity:
    """EKS's five calls for associations, and those that belong to an add-on."""

    def __init__(self, records: Records) -> None:
        self._eks = records.handlers["eks"]
        self._records = records

    async def answer(self, match: re.Match[str], request: AwsRequest) -> Response:
        """Answer a request whose path is `PATH`; raises `AwsError`."""
        cluster, association_id, method = match["cluster"], match["id"], request.method
        if cluster not in self._records.clusters:
            raise errors.no_such_cluster(cluster)
        if association_id is None:
            if method == "POST":
                record = await self._create(cluster, request.document, request)
                return as_answer({"association": dict(record)})
            return self._list(cluster, request.query)
        record = self._records.associations.get(f"{cluster}\0{association_id}")
        if record is None:
            raise errors.resource_not_found(f"No association found for id: {association_id}")
        if method != "GET" and record["ownerArn"]:
            raise errors.invalid_request(  # in words of our own
                f"Association {association_id} is owned by {record['ownerArn']}; "
                "change it through the add-on"
            )
        if method == "DELETE":
            return await self._eks(*request._replace(body=b""))
        if method == "POST":
            self._update(record, request.document, request)
        return as_answer({"association": dict(record)})

    def check_owned(
        self, cluster: str, addon: str | None, wanted: Iterable[Json], caller: AwsRequest
    ) -> None:
        """Raise `AwsError` for associations that the add-on cannot have; a new one has no ARN."""
        for each in wanted:
            self._check(each, caller)
            account = ServiceAccountRef(_ADDONS_NAMESPACE, each["serviceAccount"])
            found = self._records.association(cluster, account)
            if found is not None and found["ownerArn"] != addon:
                raise errors.association_exists(found["associationId"])

    async def write_owned(
        self, cluster: str, addon: str, associations: Iterable[Json], caller: AwsRequest
    ) -> list[str]:
        """Give the add-on these associations and no other; returns their ARNs."""
        roles = {entry["serviceAccount"]: entry["roleArn"] for entry in associations}
        for key, record in list(self._records.associations.items()):
            if record["ownerArn"] == addon and record["serviceAccount"] not in roles:
                del self._records.associations[key]
        arns: list[str] = []
        for account, role in roles.items():
            addon_account = ServiceAccountRef(_ADDONS_NAMESPACE, account)
            record = self._records.association(cluster, addon_account)
            if record is None:
                new = {"namespace": _ADDONS_NAMESPACE, "serviceAccount": account, "roleArn": role}
                record = await self._create(cluster, new, caller)
                record["ownerArn"] = addon
            self._update(record, {"roleArn": role}, caller)
            arns.append(record["associationArn"])
        return arns

    async def _create(self, cluster: str, inputs: Json, caller: AwsRequest) -> Record:
        account = ServiceAccountRef(inputs.get("namespace", ""), inputs.get("serviceAccount", ""))
        if (association := self._records.association(cluster, account)) is not None:
            raise errors.association_exists(association["associationId"])
        self._check(inputs, caller)
        path, body = f"/clusters/{cluster}/pod-identity-associations", json.dumps(inputs).encode()
        new = caller._replace(method="POST", path=path, body=body)
        status, _, answer = await self._eks(*new)
        record = self._records.association(cluster, account)
        if status != 200 or record is None:
            raise errors.invalid_parameter(json.loads(answer)["message"])
        self._name(record)
        return record

    def _update(self, record: Record, wanted: Json, caller: AwsRequest) -> None:
        """Change what is given; an empty text takes a policy or target role away."""
        given = {name: wanted[name] for name in _CHANGES if name in wanted}
        self._check({**record, **given}, caller)
        record.update(given, modifiedAt=int(time.time()))
        self._name(record)

    def _name(self, record: Record) -> None:
        """Give the association the external id that EKS gives it."""
        for name in ("policy", "targetRoleArn"):
            if not record.get(name):
                record.pop(name, None)
        record.pop("externalId", None)
        cluster = self._records.clusters.get(record["clusterName"])
        if "targetRoleArn" in record and cluster is not None:
            account = ServiceAccountRef(record["namespace"], record["serviceAccount"])
            record["externalId"] = external_id(cluster["arn"], account)

    def _check(self, inputs: Mapping[str, Any], caller: AwsRequest) -> None:
        """Refuse what EKS refuses. It sees no role of another account, and so no target role."""
        policy, target = inputs.get("policy"), inputs.get("targetRoleArn")
        if policy and not inputs.get("disableSessionTags"):
            raise errors.invalid_parameter(
                "disableSessionTags must be set to true when policy is specified"
            )
        if policy and len(policy) > SESSION_POLICY_MAX:
            raise errors.invalid_parameter(f"policy is longer than {SESSION_POLICY_MAX} characters")
        if target and parse_role_arn(target) is None:
            raise errors.invalid_parameter("The target role ARN is invalid")
        arn = inputs.get("roleArn", "")
        role = self._records.role(arn)
        if role is None or account_of(arn) != self._records.account():
            raise errors.invalid_parameter("Role provided in the request does not exist.")
        keys = {"iam:PassedToService": POD_IDENTITY_SERVICE}
        if (denied := self._records.denied("iam:PassRole", arn, caller, keys)) is not None:
            refused = not_authorized(denied, "iam:PassRole", arn)
            raise replace(refused, code="AccessDeniedException")
        if not _trusts_pods(json.loads(role["AssumeRolePolicyDocument"])):
            raise errors.invalid_parameter(
                "Trust policy of the role provided is invalid. "
                "Follow the official documentation to resolve the issue."
            )

    def _list(self, cluster: str, query: Query) -> Response:
        """Answer with the summaries on one page; a page's token is the last id before it."""
        asked = {name: query[name][0] for name in ("namespace", "serviceAccount") if name in query}
        after = query.get("nextToken", [""])[0]
        most = int(query.get("maxResults", [str(_MOST_RESULTS)])[0])
        if not 1 <= most <= _MOST_RESULTS:
            raise errors.invalid_parameter(f"maxResults must be from 1 to {_MOST_RESULTS}")
        hits = sorted(
            (
                record
                for record in self._records.associations_of(cluster)
                if record["associationId"] > after and asked.items() <= record.items()
            ),
            key=lambda record: record["associationId"],
        )
        summary = service_model("eks").shape_for("PodIdentityAssociationSummary").members
        page = [{name: record[name] for name in summary if record[name]} for record in hits[:most]]
        more = {"nextToken": page[-1]["associationId"]} if len(hits) > most else {}
        return as_answer({"associations": page, **more})


def _trusts_pods(document: Json) -> bool:
    """Return True for a trust policy that lets EKS assume the role and tag the session."""
    allowed = [
        action.lower()
        for statement in statements(document)
        if statement.get("Effect") == "Allow"
        and POD_IDENTITY_SERVICE in principals(statement, "Service")
        for action in as_list(statement.get("Action", []))
    ]
    return all(
        any(fnmatchcase(needed.lower(), pattern) for pattern in allowed)
        for needed in ASSUME_AND_TAG
    )
