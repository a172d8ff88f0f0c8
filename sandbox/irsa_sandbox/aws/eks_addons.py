"""EKS add-ons: which there are, and in which versions. None of them runs in the sandbox.

The versions are some of those that EKS had for each Kubernetes version in the years 2025 and 2026,
from its user guide and from answers of DescribeAddonVersions that others published; EKS has more,
and newer ones every few weeks.
https://docs.aws.amazon.com/eks/latest/userguide/eks-add-ons.html
"""

import re
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, NamedTuple

from . import errors
from .front import Query


class AwsAddon(NamedTuple):
    """One of AWS's own add-ons."""

    kind: str
    """EKS's category of the add-on."""

    versions: Mapping[str, Sequence[str]]
    """Its versions by Kubernetes version, the newest first. The last is the one that EKS installs
    when none is asked for."""

    role_policies: Mapping[str, str] = {}
    """AWS's own policy for each of its service accounts that needs permissions in IAM."""


def _each(versions: Sequence[str], *kubernetes: str) -> dict[str, Sequence[str]]:
    return dict.fromkeys(kubernetes, versions)


_ALL = ("1.30", "1.31", "1.32", "1.33", "1.34", "1.35", "1.36")

ADDONS: dict[str, AwsAddon] = {
    "coredns": AwsAddon(
        "networking",
        {
            **_each(("v1.11.4-eksbuild.33", "v1.11.4-eksbuild.24"), "1.30", "1.31", "1.32"),
            **_each(("v1.13.2-eksbuild.4", "v1.12.4-eksbuild.1"), "1.33", "1.34"),
            "1.35": ("v1.14.2-eksbuild.4", "v1.13.2-eksbuild.4"),
            "1.36": ("v1.14.3-eksbuild.16", "v1.14.3-eksbuild.3"),
        },
    ),
    "eks-pod-identity-agent": AwsAddon(
        "security", _each(("v1.3.10-eksbuild.3", "v1.3.4-eksbuild.1"), *_ALL)
    ),
    "kube-proxy": AwsAddon(
        "networking",
        {
            "1.30": ("v1.30.14-eksbuild.8", "v1.30.14-eksbuild.2"),
            "1.31": ("v1.31.13-eksbuild.2", "v1.31.10-eksbuild.8"),
            "1.32": ("v1.32.9-eksbuild.2", "v1.32.6-eksbuild.8"),
            "1.33": ("v1.33.5-eksbuild.2", "v1.33.3-eksbuild.6"),
            "1.34": ("v1.34.1-eksbuild.2",),
            "1.35": ("v1.35.0-eksbuild.2",),
            "1.36": ("v1.36.0-eksbuild.21", "v1.36.0-eksbuild.14"),
        },
    ),
    "vpc-cni": AwsAddon(
        "networking",
        {
            **_each(("v1.21.1-eksbuild.3", "v1.20.4-eksbuild.1"), *_ALL[:-1]),
            "1.36": ("v1.22.4-eksbuild.3", "v1.22.3-eksbuild.1"),
        },
        role_policies={"aws-node": "AmazonEKS_CNI_Policy"},
    ),
}


def describe_versions(query: Query) -> dict[str, Any]:
    """The answer to DescribeAddonVersions; unknown add-ons are left out, without an error.

    https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeAddonVersions.html
    """
    kubernetes = query.get("kubernetesVersion", _ALL)
    addons = [
        described
        for name, addon in ADDONS.items()
        if name in query.get("addonName", (name,))
        and (described := _described(name, addon, kubernetes))["addonVersions"]
    ]
    return {"addons": addons}


def complete(inputs: MutableMapping[str, Any], name: str, kubernetes: str, *, is_new: bool) -> None:
    """Fill in what EKS does in a request for an add-on; raises `AwsError` for what it refuses."""
    addon = ADDONS.get(name)
    if addon is None:
        if is_new:
            raise errors.invalid_parameter("Addon specified is not supported")
        return  # there is none to change, as MiniStack says
    versions = addon.versions.get(kubernetes)
    if not versions:
        raise errors.invalid_parameter(
            f"Addon specified is not supported in {kubernetes} kubernetes version"
        )
    for association in inputs.get("podIdentityAssociations", ()):
        if association["serviceAccount"] not in addon.role_policies:
            raise errors.invalid_parameter(
                f"Service account {association['serviceAccount']} is not supported for addon {name}"
            )
    if is_new:
        inputs.setdefault("addonVersion", versions[-1])
    if inputs.get("addonVersion", versions[-1]) not in versions:
        raise errors.invalid_parameter("Addon version specified is not supported")


def _described(name: str, addon: AwsAddon, kubernetes: Sequence[str]) -> dict[str, Any]:
    compatible: dict[str, list[dict[str, Any]]] = {}
    for cluster in kubernetes:
        versions = addon.versions.get(cluster, ())
        for version in versions:
            entry = {"clusterVersion": cluster, "defaultVersion": version == versions[-1]}
            compatible.setdefault(version, []).append({**entry, "platformVersions": ["*"]})
    return {
        "addonName": name,
        "type": addon.kind,
        "publisher": "eks",
        "owner": "aws",
        "addonVersions": [
            {
                "addonVersion": version,
                "architecture": ["amd64", "arm64"],
                "compatibilities": compatible[version],
                "requiresConfiguration": False,
                "requiresIamPermissions": bool(addon.role_policies),
            }
            for version in sorted(compatible, key=_age, reverse=True)
        ],
    }


def _age(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]
