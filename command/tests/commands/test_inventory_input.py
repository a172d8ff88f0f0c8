"""The input of `audit` and `list`: where each part of it is read."""

from argparse import Namespace

from irsa.commands.inventory_input import read
from irsa.commands.sources import Clients
from irsa.identity.arns import cluster_arn
from irsa.observe.facts import Unread
from irsa.observe.iam import AccountPrincipals

ACCOUNT = "111122223333"
OPTIONS = {"stack": "", "service_accounts": "", "issuer": "", "context": [], "assume_role": []}


class Cluster:
    def __init__(self, region):
        self.eks = cluster_arn(f"arn:aws:eks:{region}:{ACCOUNT}:cluster/dev")
        self.issuer_url = lambda: f"https://oidc.eks.{region}.amazonaws.com/id/A"
        self.service_accounts = self.pods = list


class Aws:
    account = ACCOUNT

    def __init__(self, region="us-east-1"):
        self.region, self.asked = region, set()

    def in_region(self, region):
        found = Aws(region)
        found.asked = self.asked
        return found

    def roles(self):
        return AccountPrincipals((), Unread("", "", ""))

    def providers(self, _):
        return ()

    def pod_identities(self, *names):
        self.asked.add((self.region, *names))
        return {}


def test_associations_are_read_in_the_region_of_their_cluster():
    aws = Aws()
    clusters = {each: Cluster(each) for each in ("eu-west-1", "us-west-2")}
    options = Namespace(**OPTIONS, region="eu-central-1", cluster="", pods="")

    read(options, Clients(clusters, aws), whole=True)

    assert aws.asked == {(each, "dev") for each in clusters}
