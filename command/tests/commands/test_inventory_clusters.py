"""The inventory of clusters: where each part of it is read."""

from unittest.mock import Mock, call

import pytest

from irsa.commands import cli
from irsa.commands.inventory_clusters import read_clusters
from irsa.observe.facts import Unread
from irsa.observe.iam import IamReader
from irsa_core.identity.arns import cluster_arn
from tests.support.world import ACCOUNT_A, ACCOUNT_B, ISSUER, ISSUER_URL, ROLE_B_ARN

REGIONS = ("eu-west-1", "us-west-2")


def cluster(region, account=ACCOUNT_A):
    empty = {"service_accounts.return_value": [], "pods.return_value": []}
    issuer = {"issuer_url.return_value": f"https://oidc.eks.{region}.amazonaws.com/id/A"}
    return Mock(eks=cluster_arn(f"arn:aws:eks:{region}:{account}:cluster/dev"), **empty, **issuer)


def aws(account=ACCOUNT_A):
    """The clients of an account without roles, providers and associations."""
    own = Mock(account=account, region="us-east-1", **{"providers.return_value": []})
    own.roles.return_value = IamReader([]).result()
    own.pod_identities.return_value = []
    own.in_region.return_value = own
    return own


def test_associations_are_read_in_the_region_of_their_cluster():
    own, there = aws(), {region: aws() for region in REGIONS}
    own.in_region = there.get
    read_clusters({each: cluster(each) for each in REGIONS}, own, whole=True)
    assert [each.pod_identities.call_args_list for each in there.values()] == [[call("dev")]] * 2


def test_the_issuer_is_given_where_the_cluster_may_not_be_asked_for_it():
    path, one = "/.well-known/openid-configuration", cluster(REGIONS[0])
    one.issuer_url.return_value = Unread(path, "forbidden", f"get {path}")

    with pytest.raises(cli.Stop, match=f"could not read {path}: needs get {path}"):
        read_clusters({"": one}, aws())
    [read] = read_clusters({"": one}, aws(), issuer=ISSUER_URL).facts.clusters
    assert read.issuer == ISSUER


def test_another_account_is_read_by_the_role_to_assume_or_it_is_a_gap():
    credentials, theirs = aws(), aws(ACCOUNT_B)
    credentials.as_role.return_value = theirs
    clusters = {"x": cluster(REGIONS[0]), "y": cluster(REGIONS[1], ACCOUNT_B)}

    gap = read_clusters(clusters, credentials)
    whole = read_clusters(clusters, credentials, assume_role=[ROLE_B_ARN])

    x, y = gap.facts.clusters
    assert (x.associations, y.account, gap.facts.accounts) == ([], ACCOUNT_B, [ACCOUNT_A])
    needed = f"needs credentials of account {ACCOUNT_B} (account {ACCOUNT_B} was not read)"
    assert y.associations.text == f"could not read Pod Identity associations: {needed}"
    way_out = "not read; give --assume-role a role of it that the credentials may assume"
    assert gap.unread == {ACCOUNT_B: f"account {ACCOUNT_B} of y: {way_out}"}
    assert (whole.facts.accounts, whole.unread) == ([ACCOUNT_A, ACCOUNT_B], {})
    assert whole.facts.clusters[1].associations == []
    assert theirs.roles.call_count == theirs.pod_identities.call_count == 1
