"""The EKS cluster's name, where a kubeconfig has it."""

import json

import pytest

from irsa.observe.kubernetes import Cluster


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        ("arn:aws:eks:eu-central-1:111122223333:cluster/prod", "prod"),
        ("prod.eu-central-1.eksctl.io", "prod"),
        ("my.prod.eu-central-1.eksctl.io", "my.prod"),
        ("kind-prod", ""),
        ("prod.eksctl.io", ""),
        ("arn:aws:iam::111122223333:role/prod", ""),
    ],
)
def test_it_is_read_as_the_aws_cli_or_eksctl_wrote_it(monkeypatch, tmp_path, entry, name):
    config = {
        "clusters": [{"name": entry, "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": entry, "user": "u"}}],
        "current-context": "x",
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))

    with Cluster() as cluster:
        assert cluster.eks_name == name
