"""The cluster and the accounts that the options of `verify` and `explain` name."""

import json
from argparse import Namespace

import pytest

from irsa.commands.chain_options import places
from irsa.identity.kubeconfig import kubeconfig

ARN = "arn:aws:eks:eu-west-1:111122223333:cluster/dev"


@pytest.mark.parametrize(("given", "region"), [(None, "eu-west-1"), ("us-east-1", "us-east-1")])
def test_aws_is_read_in_the_clusters_region(given, region, tmp_path, monkeypatch):
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(kubeconfig(ARN, "dev", "https://127.0.0.1:1", "")))
    monkeypatch.setenv("KUBECONFIG", str(file))
    monkeypatch.setenv("AWS_REGION", "us-east-2")

    with places(Namespace(context=None, region=given, trusting_profile=[])) as found:
        assert found.aws.region == region
