"""Roles in the shape in which two Terraform modules and eksctl make them.

terraform-aws-modules/iam/aws: `iam-role-for-service-accounts` 6.x (`-eks` before),
`iam-assumable-role-with-oidc` 5.x. eksctl: pkg/cfn/template/iam_helpers.go, pkg/cfn/manager/iam.go.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from irsa.identity.arns import issuer_from_provider_arn
from irsa.identity.subjects import SUBJECT_PREFIX

Json = dict[str, Any]
READ_ONLY = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"


def one_or_more(values: Sequence[str]) -> str | list[str]:
    """As Terraform's data source writes a list: one alone, several in reverse order."""
    return values[0] if len(values) == 1 else sorted(values, reverse=True)


def terraform_trust(
    provider_arn: str, *accounts: str, test: str = "StringEquals", audience_test: str = ""
) -> Json:
    """By `iam-role-for-service-accounts`, which has one operator for both keys; by
    `iam-assumable-role-with-oidc` with ``audience_test``, which is StringLike there."""
    issuer = issuer_from_provider_arn(provider_arn)
    subjects = one_or_more([SUBJECT_PREFIX + each.replace("/", ":") for each in accounts])
    condition: Json = {test: {f"{issuer}:sub": subjects}}
    condition.setdefault(audience_test or test, {})[f"{issuer}:aud"] = "sts.amazonaws.com"
    statement = {
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": condition,
        "Effect": "Allow",
        "Principal": {"Federated": provider_arn},
    }
    return {"Statement": [statement], "Version": "2012-10-17"}


def without_audience(document: Json) -> Json:
    """By `iam-assumable-role-with-oidc` unless it is told audiences."""
    [statement] = document["Statement"]
    conditions = {
        operator: {key: value for key, value in keys.items() if not key.endswith(":aud")}
        for operator, keys in statement["Condition"].items()
    }
    return {**document, "Statement": [{**statement, "Condition": conditions}]}


def eksctl_trust(provider_arn: str, account: str) -> Json:
    """By eksctl: the action is a list of one."""
    document = terraform_trust(provider_arn, account)
    document["Statement"][0]["Action"] = ["sts:AssumeRoleWithWebIdentity"]
    return document


def eksctl_tags(cluster: str, account: str) -> dict[str, str]:
    """Tags that eksctl gives to its stacks, and CloudFormation to their roles."""
    return {
        "alpha.eksctl.io/cluster-name": cluster,
        "alpha.eksctl.io/eksctl-version": "0.230.0",
        "alpha.eksctl.io/iamserviceaccount-name": account,
        "eksctl.cluster.k8s.io/v1alpha1/cluster-name": cluster,
    }


def role_attributes(arn: str, trust: Json, **more: Any) -> Json:
    """The attributes of an aws_iam_role in a state."""
    name = arn.rpartition("/")[2]
    path = arn.partition(":role")[2].removesuffix(name)
    return {
        "arn": arn,
        "assume_role_policy": json.dumps(trust, sort_keys=True, separators=(",", ":")),
        "create_date": "2024-05-14T09:30:12Z",
        "description": "",
        "force_detach_policies": True,
        "id": name,
        "inline_policy": [],
        "managed_policy_arns": [],
        "max_session_duration": 3600,
        "name": name,
        "name_prefix": "",
        "path": path,
        "permissions_boundary": "",
        "tags": {},
        "tags_all": {},
        "unique_id": "AROAEXAMPLE",
        **more,
    }


def attachment(role: str, policy_arn: str) -> Json:
    """The attributes of an aws_iam_role_policy_attachment."""
    return {"id": f"{role}-2024", "policy_arn": policy_arn, "role": role}


def resource(module: str, kind: str, name: str, instances: Mapping[Any, Json]) -> Json:
    """A resource in a state of version 4; an instance under None has no index."""
    return {
        "module": f"module.{module}",
        "mode": "managed",
        "type": kind,
        "name": name,
        "provider": 'module.x.provider["registry.terraform.io/hashicorp/aws"]',
        "instances": [
            {"schema_version": 0, "attributes": attributes, "sensitive_attributes": []}
            | ({} if index is None else {"index_key": index})
            for index, attributes in instances.items()
        ],
    }


def state(*resources: Json) -> Json:
    """A state of version 4, with a data source, which is not managed."""
    data = {
        "mode": "data",
        "type": "aws_iam_role",
        "name": "other",
        "provider": 'provider["registry.terraform.io/hashicorp/aws"]',
        "instances": [{"schema_version": 0, "attributes": {"name": "other"}}],
    }
    return {
        "version": 4,
        "terraform_version": "1.9.8",
        "serial": 7,
        "lineage": "5a1b2c3d-0000-0000-0000-000000000000",
        "outputs": {},
        "resources": [data, *resources],
        "check_results": None,
    }
