"""MiniStack's records (1.5.33), for the handlers in front of it.

A store holds what the account of the request has; one of EKS or EC2, what it has in the region.
"""

import json
import time
from collections.abc import Iterable, Mapping, MutableMapping
from importlib import import_module
from typing import Any

from irsa_core.identity.arns import account_of, parse_role_arn
from irsa_core.identity.subjects import ServiceAccountRef

from .accounts import REGION
from .clients import AccessKeys
from .front import AwsRequest

Record = MutableMapping[str, Any]

TRANSITIVE_KEYS = "TransitiveTagKeys"
"""Key of the tags that a session passes on in its record, and a request's list of them."""


class Records:
    """The stores; keys are names where nothing else is said."""

    def __init__(self, modules: Mapping[str, Any]) -> None:
        """``modules`` are MiniStack's services by their names."""
        iam, sts, s3, eks, ec2 = (modules[name] for name in ("iam", "sts", "s3", "eks", "ec2"))
        self.handlers = {name: module.handle_request for name, module in modules.items()}
        """MiniStack's own, by service."""
        self.account, self.region = eks.get_account_id, eks.get_region
        self.roles, self.users, self.access_keys = iam._roles, iam._users, iam._access_keys
        self.policies, self.providers = iam._policies, iam._oidc_providers  # by ARN
        self.sessions = sts._sessions  # of every account, by access key id
        self.register_session = sts.register_session
        self.buckets, self.bucket_tags = s3._buckets, s3._bucket_tags
        self.clusters, self.cluster_arn = eks._clusters, eks._cluster_arn
        self.addons, self.node_groups = eks._addons, eks._nodegroups  # by CLUSTER/NAME
        self.associations = eks._pod_identity_associations  # by cluster, NUL and id
        self.tags = eks._tags  # by ARN
        self.vpcs, self.subnets = ec2._vpcs, ec2._subnets
        self.security_groups, self.launch_templates = ec2._security_groups, ec2._launch_templates
        self.make_default_vpc = ec2._ensure_defaults_initialized  # as its own first request does
        self._sts = sts

    @staticmethod
    def everywhere(store: Any) -> Iterable[Record]:
        """Return the records of every account."""
        return store.to_dict().values()

    def role(self, arn: str) -> Record | None:
        """Return the role of that very ARN; MiniStack looks at the name alone, not at the path."""
        parsed = parse_role_arn(arn)
        role = self.roles.get_scoped(parsed.account, None, parsed.name) if parsed else None
        return role if role is not None and role["Arn"] == arn else None

    def provider(self, account: str, arn: str) -> Record | None:
        """Return an OIDC provider of an account."""
        return self.providers.get_scoped(account, None, arn)  # IAM has no regions

    def associations_of(self, cluster: str) -> list[Record]:
        """Return a cluster's EKS Pod Identity associations."""
        return [each for each in self.associations.values() if each["clusterName"] == cluster]

    def association(self, cluster: str, account: ServiceAccountRef) -> Record | None:
        """Return the association of a service account of a cluster."""
        for each in self.associations_of(cluster):
            if ServiceAccountRef(each["namespace"], each["serviceAccount"]) == account:
                return each
        return None

    def session(self, request: AwsRequest) -> Record:
        """Return the session that signed a request; empty for any other principal."""
        key = self._sts.extract_access_key_id(request.headers, request.query)
        return self.sessions.get(key) or {}

    def caller(self, request: AwsRequest) -> str:
        """Return the ARN of the principal that signed a request; root's for one that is unknown."""
        return core("iam_evaluator").request_caller_arn(request.headers, request.query)

    def denied(
        self, action: str, resource: str, request: AwsRequest, keys: Mapping[str, Any] | None = None
    ) -> str | None:
        """Return the ARN of a request's caller if its own policies deny an action with these
        condition keys."""
        evaluator, router = core("iam_evaluator"), core("router")
        denied = evaluator.enforce(
            router.extract_access_key_id(request.headers, request.query),
            action,
            action.partition(":")[0],
            router.extract_region(request.headers, request.query),
            resource_arn=resource,
            service_context=keys,
        )
        return denied.principal_arn if denied else None

    def identity_policies(self, role: Record) -> list[Any]:
        """Return the documents of a role's policies."""
        inline = [json.loads(text) for text in (role.get("InlinePolicies") or {}).values()]
        return inline + [self._managed(role, arn) for arn in role["AttachedPolicies"]]

    def boundary(self, role: Record) -> Any:
        """Return the document of a role's permissions boundary, or None."""
        arn = role.get("PermissionsBoundary")
        return self._managed(role, arn) if arn else None

    def _managed(self, role: Record, arn: str) -> Any:
        resolve = core("iam_evaluator")._resolve_managed_policy_document
        document = resolve(arn, account_of(role["Arn"]))
        return json.loads(document) if isinstance(document, str) else document

    def new_credentials(self) -> AccessKeys:
        """Make up the keys of a session."""
        sts = self._sts
        return AccessKeys(
            sts._gen_session_access_key(), sts._gen_secret(), sts._gen_session_token()
        )


def core(name: str) -> Any:
    """Return a module of MiniStack's own, which reads its settings when it is imported."""
    return import_module(f"ministack.core.{name}")


def note_use(role: Record) -> None:
    """Note in a role's record that it is used now."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    role["RoleLastUsed"] = {"LastUsedDate": now, "Region": REGION}


def tag_keys(tags: Mapping[str, str], transitive: Iterable[str]) -> dict[str, Any]:
    """Return the condition keys of a call for a session with these tags."""
    keys: dict[str, Any] = {f"aws:RequestTag/{name}": value for name, value in tags.items()}
    lists = {"aws:TagKeys": [*tags], "sts:TransitiveTagKeys": [*transitive]}
    return keys | {name: names for name, names in lists.items() if names}
