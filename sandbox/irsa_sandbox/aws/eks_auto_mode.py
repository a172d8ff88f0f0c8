"""EKS Auto Mode: three parts of a cluster's configuration that are enabled together. Pure.

https://docs.aws.amazon.com/eks/latest/userguide/automode.html
"""

from collections.abc import Mapping, MutableMapping
from typing import Any, Final

from . import errors

PARTS: Final = frozenset({"computeConfig", "kubernetesNetworkConfig", "storageConfig"})


def check(wanted: Mapping[str, Any]) -> None:
    """Raise `AwsError` for a cluster with some parts of Auto Mode, or with add-ons of its own."""
    network, storage = wanted.get("kubernetesNetworkConfig", {}), wanted.get("storageConfig", {})
    compute = wanted.get("computeConfig", {})
    if network.get("ipFamily", "ipv4") != "ipv4":  # MiniStack would take it for ipv4
        raise errors.not_in_sandbox("An ipFamily other than ipv4")
    if "serviceIpv4Cidr" in network:  # the control plane has its own
        raise errors.not_in_sandbox("A serviceIpv4Cidr")
    parts = (
        compute,
        network.get("elasticLoadBalancing", {}),
        storage.get("blockStorage", {}),
    )
    enabled = [part.get("enabled", False) for part in parts]
    if any(enabled) and not all(enabled):
        raise errors.invalid_parameter(
            "For EKS Auto Mode, please ensure that all required configs, including computeConfig, "
            "kubernetesNetworkConfig, and blockStorage are all either fully enabled or fully "
            "disabled."
        )
    if all(enabled) and wanted.get("bootstrapSelfManagedAddons", True):
        raise errors.invalid_parameter(
            "When EKS Auto Mode is enabled, bootstrapSelfManagedAddons must be set to false"
        )
    if all(enabled) and bool(compute.get("nodePools")) != bool(compute.get("nodeRoleArn")):
        raise errors.invalid_parameter(
            "When EKS Auto Mode is enabled, nodePools and nodeRoleArn are given together"
        )


def keep(record: MutableMapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Keep the parts with a new cluster, where MiniStack leaves them out."""
    for part in PARTS & wanted.keys():
        record[part] = {**record.get(part, {}), **wanted[part]}
