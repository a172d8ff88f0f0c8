"""The options that name one cluster and the AWS region, and the clients for them."""

import argparse
from collections.abc import Generator
from contextlib import contextmanager

from irsa.observe.aws import Aws
from irsa.observe.kubernetes import KubernetesCluster

REGION = "AWS region (default: the cluster's, or boto3's)"


def add_cluster(command: argparse.ArgumentParser) -> None:
    """Add the options that name the cluster and the AWS region."""
    group = command.add_argument_group("cluster and AWS")
    group.add_argument("--context", help="context of the kubeconfig (default: the current one)")
    group.add_argument("--region", help=REGION)


@contextmanager
def cluster_and_aws(options: argparse.Namespace) -> Generator[tuple[KubernetesCluster, Aws]]:
    """The cluster, and AWS in the region of the option, or else of the kubeconfig's cluster."""
    with (
        KubernetesCluster(options.context) as cluster,
        Aws(region=options.region or cluster.eks.region or None) as aws,
    ):
        yield cluster, aws
