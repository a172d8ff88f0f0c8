"""Features of newer SDKs name the version that they need."""

import sys
from importlib import metadata

import pulumi
import pytest

from irsa_components import EksCluster, EksClusterArgs
from irsa_components._component import newer
from irsa_components.package import __main__ as package
from tests.support.engine import deploy


def test_an_argument_that_the_installed_sdk_lacks_is_refused_if_it_is_set():
    class Older:
        name: str = ""

    needs = "association of dev/s3-app: session_policy needs pulumi-aws 7.40"
    assert newer(Older, "name", "a", needs) == {"name": "a"}
    assert newer(Older, "policy", None, needs) == {}
    with pytest.raises(pulumi.RunError, match=f"^{needs}; install that version or a later one, "):
        newer(Older, "policy", "{}", needs)


def test_the_package_for_other_languages_names_the_version_that_it_needs(monkeypatch):
    monkeypatch.setattr(metadata, "version", lambda _: "3.183.0")
    monkeypatch.setattr(sys, "argv", ["pulumi-resource-irsa", "127.0.0.1:1"])
    with pytest.raises(SystemExit, match=r"pulumi 3\.183\.0 is installed; .* needs 3\.237"):
        package.main()


def test_only_a_new_cluster_needs_pulumi_eks_and_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pulumi_eks", None)
    existing = EksClusterArgs(cluster_name="dev", existing=True)
    assert deploy(lambda: EksCluster("dev", existing)).of("aws:eks/cluster:Cluster")
    with pytest.raises(pulumi.RunError, match=r"^EksCluster 'dev': .* irsa-components\[eks\], or "):
        deploy(lambda: EksCluster("dev", EksClusterArgs(cluster_name="dev")))
