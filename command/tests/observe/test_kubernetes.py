"""The EKS cluster's name, region and account, where a kubeconfig has them."""

import json

import pytest

from irsa.observe.kubernetes import Cluster

NOTHING = ("", "", "", "")


@pytest.mark.parametrize(
    ("entry", "eks"),
    [
        (
            "arn:aws:eks:eu-central-1:111122223333:cluster/prod",
            ("aws", "eu-central-1", "111122223333", "prod"),
        ),
        ("prod.eu-central-1.eksctl.io", ("", "eu-central-1", "", "prod")),
        ("my.prod.eu-central-1.eksctl.io", ("", "eu-central-1", "", "my.prod")),
        ("kind-prod", NOTHING),
        ("prod.eksctl.io", NOTHING),
        ("arn:aws:iam::111122223333:role/prod", NOTHING),
    ],
)
def test_it_is_read_as_the_aws_cli_or_eksctl_wrote_it(monkeypatch, tmp_path, entry, eks):
    config = {
        "clusters": [{"name": entry, "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": entry, "user": "u"}}],
        "current-context": "x",
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))

    with Cluster() as cluster:
        assert cluster.eks == eks
