"""The options that name one cluster and the AWS region, and the clients for them."""

import argparse
from collections.abc import Generator, Iterable
from contextlib import ExitStack, contextmanager

from irsa.commands import cli
from irsa.observe.aws import Aws
from irsa.observe.kubernetes import KubernetesCluster
from irsa.verify.gather import Sources


def add_cluster(command: argparse.ArgumentParser) -> None:
    """Add the options that name the cluster and the AWS region."""
    group = command.add_argument_group("cluster and AWS")
    group.add_argument("--context", help="context of the kubeconfig (default: the current one)")
    group.add_argument("--region", help=cli.REGION)


@contextmanager
def places(
    context: str | None, region: str | None, profiles: Iterable[str] = ()
) -> Generator[Sources]:
    """The cluster, AWS in this region or else in that of the kubeconfig's cluster, and the accounts
    of AWS profiles."""
    with ExitStack() as opened:
        cluster = opened.enter_context(KubernetesCluster(context))
        aws = opened.enter_context(Aws(region=region or cluster.eks.region or None))
        others = (opened.enter_context(Aws(profile=e, region=region)) for e in profiles)
        yield Sources(cluster, aws, tuple(others))
