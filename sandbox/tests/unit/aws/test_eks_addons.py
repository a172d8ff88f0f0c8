"""The add-ons that EKS has, without an emulator."""

import re

import pytest

from irsa_core.identity.errors import AwsError
from irsa_sandbox.aws.eks_addons import ADDONS, complete, describe_versions


def test_every_kubernetes_version_has_a_default_add_on_and_the_newest_first():
    for kubernetes in {version for addon in ADDONS.values() for version in addon.versions}:
        addons = describe_versions({"kubernetesVersion": [kubernetes]})["addons"]
        assert [addon["addonName"] for addon in addons] == sorted(ADDONS)
        for addon in addons:
            compatible = [c for v in addon["addonVersions"] for c in v["compatibilities"]]
            assert {entry["clusterVersion"] for entry in compatible} == {kubernetes}
            assert sum(entry["defaultVersion"] for entry in compatible) == 1
    for name in ADDONS:
        (addon,) = describe_versions({"addonName": [name]})["addons"]
        versions = [version["addonVersion"] for version in addon["addonVersions"]]
        form = re.compile(r"v\d+\.\d+\.\d+-eksbuild\.\d+")
        assert [version for version in versions if not form.fullmatch(version)] == []
        ages = [[int(number) for number in re.findall(r"\d+", version)] for version in versions]
        assert ages == sorted(ages, reverse=True)


def test_a_kubernetes_version_that_eks_no_longer_has_has_no_add_ons():
    assert describe_versions({"kubernetesVersion": ["1.20"]})["addons"] == []
    with pytest.raises(AwsError, match=re.escape("not supported in 1.20 kubernetes version")):
        complete({}, "coredns", "1.20", is_new=True)
