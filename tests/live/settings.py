"""The two stacks' configuration: the example's own, under a run's names. Pure.

So what runs on AWS is what the documents show, and a change of the example is a change here.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from components.config.account_a import AccountASettings
from components.config.account_b import AccountBSettings
from components.config.reader import read
from tests.live.price import NODE
from tests.support.paths import ROOT

PROJECT_A, PROJECT_B = ROOT, ROOT / "account_b"

_NAMES = {"name", "namespace", "roleName", "userName"}
_LEFT_AS_IT_IS = {"container"}


def example(project: Path) -> dict[str, Any]:
    """The configuration in a project's Pulumi.dev.yaml."""
    return yaml.safe_load((project / "Pulumi.dev.yaml").read_text("utf-8"))["config"]


def stack_settings(
    *,
    prefix: str,
    tags: Mapping[str, str],
    region: str,
    accounts: tuple[str, str],
    subnets: Sequence[str],
    deployer_b: str = "",
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The configuration of both stacks, for accounts A and B.

    ``deployer_b`` is the role that account B's deployment assumes, if not its credentials' own.
    """
    a, b = example(PROJECT_A), example(PROJECT_B)
    ids = dict(zip((a["irsa:accountId"], b["irsa-account-b:accountId"]), accounts, strict=True))
    shared = {"aws:region": region}
    cluster = {
        # One node is enough, and logs in CloudWatch would outlive the cluster.
        "subnetIds": list(subnets),
        "nodes": {"instanceTypes": [NODE], "desiredSize": 1, "minSize": 1, "maxSize": 1},
        "controlPlane": {"logTypes": []},
    }
    settings_a = {**renamed(a, prefix, ids), **shared, "irsa:tags": dict(tags)}
    settings_a["irsa:cluster"] = {**settings_a["irsa:cluster"], **cluster}
    settings_b = {**renamed(b, prefix, ids), **shared, "irsa-account-b:tags": dict(tags)}
    settings_b.pop("irsa-account-b:assumeRoleArn", None)  # profile B is of account B
    if deployer_b:
        settings_b["irsa-account-b:assumeRoleArn"] = deployer_b
    return settings_a, settings_b


def renamed(value: Any, prefix: str, ids: Mapping[str, str]) -> Any:
    """A part of the configuration with other account ids, and every name behind ``prefix``."""
    if isinstance(value, list):
        return [renamed(each, prefix, ids) for each in value]
    if isinstance(value, Mapping):
        return {
            key: inner
            if key in _LEFT_AS_IT_IS
            else f"{prefix}-{inner}"
            if key in _NAMES
            else renamed(inner, prefix, ids)
            for key, inner in value.items()
        }
    return ids.get(value, value) if isinstance(value, str) else value


def check(settings: tuple[Mapping[str, Any], Mapping[str, Any]]) -> None:
    """Raise ValueError, one line, for what either program would refuse."""
    for kind, prefix, given in zip(
        (AccountASettings, AccountBSettings), ("irsa:", "irsa-account-b:"), settings, strict=True
    ):
        values = {
            key.removeprefix(prefix): value if isinstance(value, str) else json.dumps(value)
            for key, value in given.items()
            if key.startswith(prefix)
        }
        read(kind, values, prefix, region=given["aws:region"])


def buckets_of(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names of all buckets in both stacks' configuration."""
    return sorted(
        {
            workload["bucket"]["name"]
            for of_stack in settings
            for key, workloads in of_stack.items()
            if key.endswith(":workloads")
            for workload in workloads
            if "bucket" in workload
        }
    )
