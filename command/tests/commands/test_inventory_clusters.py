"""The inventory of clusters: where each part of it is read."""

import pytest

from irsa.commands import cli
from irsa.commands.inventory_clusters import read_clusters
from irsa.observe.facts import Unread
from irsa_core.identity.arns import cluster_arn
from tests.support.fleet import ACCOUNT, ISSUER, FakeAws, FakeCluster, Fleet
from tests.support.world import ACCOUNT_B, ROLE_B_ARN

REGIONS = ("eu-west-1", "us-west-2")


def eks(region, account=ACCOUNT):
    return cluster_arn(f"arn:aws:eks:{region}:{account}:cluster/dev")


class Cluster(FakeCluster):
    def issuer_url(self):
        return f"https://oidc.eks.{self.eks.region}.amazonaws.com/id/A"


class Aws(FakeAws):
    def __init__(self, fleet, region="us-east-1"):
        super().__init__(fleet)
        self.region = region

    def in_region(self, region):
        return Aws(self.fleet, region)

    def pod_identities(self, *names):
        self.fleet.calls[(self.region, *names)] += 1
        return {}


def test_associations_are_read_in_the_region_of_their_cluster():
    fleet = Fleet(0)
    clusters = {each: Cluster(fleet, eks(each)) for each in REGIONS}
    read_clusters(clusters, Aws(fleet), whole=True)
    assert fleet.calls == {(each, "dev"): 1 for each in REGIONS}


def test_the_issuer_is_given_where_the_cluster_may_not_be_asked_for_it(monkeypatch):
    fleet, path = Fleet(1), "/.well-known/openid-configuration"
    unread = Unread(path, "forbidden", f"get {path}")
    monkeypatch.setattr(FakeCluster, "issuer_url", lambda _: unread)
    clusters = {"": FakeCluster(fleet)}

    with pytest.raises(cli.Stop, match=f"could not read {path}: needs get {path}"):
        read_clusters(clusters, FakeAws(fleet))
    scan = read_clusters(clusters, FakeAws(fleet), issuer=f"https://{ISSUER}")
    [cluster] = scan.facts.clusters
    assert cluster.issuer == ISSUER


def test_another_account_is_read_by_the_role_to_assume_or_it_is_a_gap():
    fleet, aws = Fleet(1), Aws(Fleet(1))
    other = Aws(fleet)
    other.account, aws.as_role = ACCOUNT_B, lambda *_: other
    clusters = {
        "x": Cluster(fleet, eks(REGIONS[0])),
        "y": Cluster(fleet, eks(REGIONS[1], ACCOUNT_B)),
    }

    gap = read_clusters(clusters, aws)
    whole = read_clusters(clusters, aws, assume_role=[ROLE_B_ARN])

    x, y = gap.facts.clusters
    assert (x.associations, y.account, gap.facts.accounts) == ([], ACCOUNT_B, [ACCOUNT])
    needed = f"needs credentials of account {ACCOUNT_B} (account {ACCOUNT_B} was not read)"
    assert y.associations.text == f"could not read Pod Identity associations: {needed}"
    way_out = "not read; give --assume-role a role of it that the credentials may assume"
    assert gap.unread == {ACCOUNT_B: f"account {ACCOUNT_B} of y: {way_out}"}
    assert (whole.facts.accounts, whole.unread) == ([ACCOUNT, ACCOUNT_B], {})
    assert whole.facts.clusters[1].associations == []
