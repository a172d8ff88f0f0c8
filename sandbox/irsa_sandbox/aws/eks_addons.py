"""EKS add-ons: which there are, and in which versions. None of them runs in the sandbox.

The versions are some of those that EKS had for each Kubernetes version in the years 2025 and 2026,
from its user guide and from answers of DescribeAddonVersions that others published; EKS has more,
and newer ones every few weeks.
https://docs.aws.amazon.com/eks/latest/userguide/eks-add-ons.html
"""

import json
import re
from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from . import errors
from .front import Query


class AwsAddon(NamedTuple):
    """One of AWS's own add-ons."""

    type: str
    """EKS's category of the add-on."""

    versions: Mapping[str, Sequence[str]]
    """Its versions by Kubernetes version, the newest first. The last is the one that EKS installs
    when none is asked for."""

    service_accounts: Mapping[str, str]
    """Those that need permissions in IAM, with AWS's own policy for each."""


_DATA = json.loads(Path(__file__).with_name("addons.json").read_text())
ADDONS = {name: AwsAddon(**addon) for name, addon in _DATA.items()}


def describe_versions(query: Query) -> dict[str, Any]:
    """The answer to DescribeAddonVersions; unknown add-ons are left out, without an error.

    https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeAddonVersions.html
    """
    every = {version: None for addon in ADDONS.values() for version in addon.versions}
    kubernetes = query.get("kubernetesVersion", [*every])
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
        if association["serviceAccount"] not in addon.service_accounts:
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
        "type": addon.type,
        "publisher": "eks",
        "owner": "aws",
        "addonVersions": [
            {
                "addonVersion": version,
                "architecture": ["amd64", "arm64"],
                "compatibilities": compatible[version],
                "requiresConfiguration": False,
                "requiresIamPermissions": bool(addon.service_accounts),
            }
            for version in sorted(compatible, key=_age, reverse=True)
        ],
    }


def _age(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]
