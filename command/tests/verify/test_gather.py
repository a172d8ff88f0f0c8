"""Facts that are read, the search for role and name, and calls that are repeated."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from command.tests.verify import chains
from command.tests.verify.chains import BARE, DENIED, GOOD, GOOD_EKS, ROLE, ROLE_EKS, TARGET, UNREAD
from command.tests.verify.pods import SPEC, A, associated_pod, config, with_config
from irsa.observe.eks import AUTO_MODE, node_group
from irsa.observe.errors import CollectError
from irsa.observe.facts import Answer, Owner, Pod, Unreached, Unread, Workloads
from irsa.observe.iam import AccountPrincipals
from irsa.verify import walk
from irsa.verify.facts import ByToken, Question
from irsa.verify.gather import TRUSTING_PROFILE, Sources, gather, gather_each
from irsa.verify.link import Check, ShellCommand, Status, aws, failing_link
from irsa.verify.walk import Chain, in_account, searched
from irsa_core.identity.arns import ClusterArn, cluster_arn
from irsa_core.identity.policies import irsa_trust_policy
from irsa_core.identity.subjects import ServiceAccountRef
from tests.support import world

QUESTION = Question(namespace="dev", name="s3-app", wait=0)
KEY = "[profile key]\naws_access_key_id = AKIA\naws_secret_access_key = x\n"
INVALID = Answer(allowed=False, code="ValidationError", message="x")
OF_KUBECONFIG = cluster_arn(world.CLUSTER_ARN)
GROUPS = {"n": "workers", "other": "gpu"}
OTHER_REGION = f"region us-east-1 has {world.CLUSTER_ARN}"
CREDENTIALS = "give --region and credentials of the kubeconfig's cluster"


class FakeCluster:
    """The API server of a cluster with one Pod."""

    def __init__(self, account=GOOD.service_account, spec=SPEC, objects=None, token=GOOD.token):
        self.context = "dev"
        self.eks, self.account, self.asked = ClusterArn("", "", "", ""), account, []
        pods = (Pod("s3-app-1", "s3-app", {}, {}, spec),)
        self.service_account = lambda namespace, name: account
        self.workloads = lambda namespace: Workloads(pods)
        self.objects = lambda namespace, references: objects or {}
        self.webhook = lambda: UNREAD
        self.network_policies = lambda namespace: ()
        self.issuer_url = self.keys = lambda: UNREAD
        self.agent = lambda: GOOD_EKS.agent
        self.tokens = token

    def token(self, namespace, name, audience, pod=None):
        self.asked.append((audience, pod and pod.name))
        return self.tokens


class FakeAws:
    """Account A: the role, the provider, and the EKS cluster with an association or none."""

    region, account, profile = world.REGION, world.ACCOUNT_A, ""

    def __init__(self, association=GOOD_EKS.association, role=ROLE, **more):
        self.providers = lambda account: list(GOOD.providers)
        self.role = lambda arn: role
        self.eks_cluster = lambda name: GOOD_EKS.cluster
        self.association = lambda cluster, account: association
        vars(self).update(more)


def test_a_cluster_whose_clock_is_ahead_makes_valid_tokens():
    facts = gather(QUESTION, Sources(FakeCluster(), FakeAws(), now=lambda: world.NOW - 60))
    assert facts.now == GOOD.token.claims["iat"]


@pytest.mark.parametrize("named", ["expected_role", "role_b_arn"])
def test_a_wrong_role_arn_is_refused_before_anything_is_read(named):
    with pytest.raises(CollectError, match="'s3-app' is not the ARN of a role; expected"):
        gather(replace(QUESTION, **{named: "s3-app"}), Sources(None, None))


def file_sources(text, role=ROLE):
    """The cluster and the account of a service account whose Pod has an AWS config file."""
    return Sources(FakeCluster(spec=with_config(), **config(text)), FakeAws(role=role))


def profile(name, source="A"):
    """A profile that leads to role B."""
    return f"[profile {name}]\nrole_arn = {world.ROLE_B_ARN}-{name}\nsource_profile = {source}\n"


@pytest.mark.cases(("more", "profiles"), {
    "no further profile": ("", [""]),
    "one profile": (profile("B"), ["B"]),
    "two profiles": (profile("B") + profile("C"), ["B", "C"]),
    "profile of a profile": (profile("B") + profile("C", "B"), ["B"]),
    "profile without a source": (profile("B", "none"), ["B"]),
    "profile from a key": (profile("B", "key") + KEY, [""]),
    "profile that SDKs do not see": (profile("B").replace("profile ", ""), [""]),
    "default profile": (profile("default").replace("profile ", ""), [""]),
})  # fmt: skip
def test_each_profile_that_leads_from_the_role_to_one_more_is_a_chain(more, profiles):
    asked = gather_each(QUESTION, file_sources(A + more))
    titles = [f"dev/s3-app (profile {each})" if each else "dev/s3-app" for each in profiles]
    assert [facts.title for facts in asked] == titles


def test_a_container_that_no_pod_has_is_refused():
    text = "--container: no container 'wrk' in the Pods of dev/s3-app; there are app$"
    with pytest.raises(CollectError, match=text):
        gather(replace(QUESTION, containers=("wrk",)), file_sources(A))


def test_a_question_that_names_a_profile_or_role_b_is_one_chain():
    sources = file_sources(A + profile("B") + profile("C"))
    for named in ({"profile": "C"}, {"role_b_arn": world.ROLE_B_ARN}):
        [facts] = gather_each(replace(QUESTION, **named), sources)
        end = "profile C" if "profile" in named else world.ROLE_B_ARN
        assert facts.title == f"dev/s3-app ({end})"


@pytest.mark.cases("name", {"no name": "", "name of the profile": "irsa-b"})
def test_role_b_s_session_name_is_the_profile_s_where_a_policy_goes_by_it(name):
    setting = f"role_session_name = {name}\n" if name else ""
    allow = {"Effect": "Allow", "Principal": {"AWS": ROLE.arn}, "Action": "sts:AssumeRole"}
    by_name = {"Condition": {"StringLike": {"sts:RoleSessionName": "irsa-*"}}}
    trusting = replace(ROLE, trust_policy={"Statement": allow | by_name})

    sources = file_sources(A + profile("B") + setting, trusting)
    assert gather(replace(QUESTION, profile="B"), sources).role_b.session_name == name


def test_sts_is_not_asked_with_a_name_that_is_not_the_pod_s():
    [own] = ROLE.trust_policy["Statement"]
    named = {"StringLike": {"sts:RoleSessionName": "reports-*"}}
    trusting = {"Statement": [{**own, "Condition": {**own["Condition"], **named}}]}
    facts = replace(GOOD, role=replace(ROLE, trust_policy=trusting))

    found = {link.key: link for link in walk.walk(facts, Sources(None, FakeAws()))}

    assert {found[key].status for key in ("trust", "assume", "data")} == {Status.UNKNOWN}
    assert "set AWS_ROLE_SESSION_NAME" in found["assume"].found


def test_an_invalid_arn_of_role_b_is_not_looked_up():
    sources = file_sources("[profile B]\nrole_arn = s3-app-B\n")
    found = gather(replace(QUESTION, profile="B"), sources).role_b
    assert (found.role_arn, found.role) == ("s3-app-B", None)


def test_a_role_b_that_cannot_be_read_names_the_option_for_its_account():
    found = gather(replace(QUESTION, profile="B"), file_sources(A + profile("B"), role=UNREAD))
    assert found.role_b.role.remedy == TRUSTING_PROFILE


@pytest.mark.cases(("answers", "wait", "outcome", "slept"), {
    "allowed at last": ([DENIED, DENIED, DENIED, chains.SESSION], 90,
        replace(chains.SESSION, seconds=9), 9),
    "denied to the end": ([DENIED], 90, replace(DENIED, seconds=90), 90),
    "no time to wait": ([DENIED], 0, DENIED, 0),
    "token that stays wrong": ([INVALID], 90, INVALID, 0),
    "unread": ([UNREAD], 90, UNREAD, 0),
})  # fmt: skip
def test_a_refusal_is_tried_again_until_iam_knows(monkeypatch, answers, wait, outcome, slept):
    sleeps, left = [], list(answers)
    # Not of `time` itself, which the threads of a running sandbox use.
    clock = SimpleNamespace(monotonic=lambda: sum(sleeps), sleep=sleeps.append)
    monkeypatch.setattr(walk, "time", clock)
    found = walk.retried(lambda: left.pop(0) if left[1:] else left[0], wait=wait)
    assert (found, sum(sleeps)) == (outcome, slept)


def eks_sources(spec=GOOD_EKS.next_pod, eks=OF_KUBECONFIG, **changes):
    """A cluster that a kubeconfig names, and its account with the association."""
    cluster = FakeCluster(GOOD_EKS.service_account, spec, token=GOOD_EKS.token)
    cluster.eks, cluster.issuer_url = ClusterArn(*eks), lambda: world.ISSUER_URL
    return Sources(cluster, FakeAws(**changes))


def test_a_token_is_for_eks_and_bound_to_the_pod_where_an_association_is():
    eks, irsa = eks_sources(), eks_sources(SPEC, association=None)
    assert vars(gather(QUESTION, eks)).items() >= chains.identity().items()
    found = gather(QUESTION, irsa)
    assert (type(found), found.cluster, found.association) == (ByToken, GOOD_EKS.cluster, None)
    assert eks.cluster.asked == [("pods.eks.amazonaws.com", "s3-app-1")]
    assert irsa.cluster.asked == [("sts.amazonaws.com", None)]


def test_the_nodes_of_the_pods_are_read_with_their_roles():
    sources = eks_sources(associated_pod(nodeName="n").spec)
    sources.aws.node_role = lambda _, group: f"role of {group}"

    for groups in (GROUPS, UNREAD):
        sources.cluster.node_groups = lambda groups=groups: groups
        found = gather(QUESTION, sources)
        known = ({"n": "workers"}, {"workers": "role of workers"})
        assert (found.nodes, found.node_roles) == (known if groups is GROUPS else (UNREAD, {}))


def test_a_node_is_of_a_node_group_or_of_auto_mode():
    of_labels = {"eks.amazonaws.com/nodegroup=workers": "workers"}
    of_labels |= {"eks.amazonaws.com/compute-type=auto": AUTO_MODE, "karpenter.sh/nodepool=x": ""}
    for label, group in of_labels.items():
        labels = dict([label.split("=")])
        assert node_group({"metadata": {"name": "n", "labels": labels}}) == ("n", group)


@pytest.mark.cases(("cluster", "account", "text"), {
    "ARN of another region": (("aws", "eu-west-1", world.ACCOUNT_A, "dev"), {}, OTHER_REGION),
    "another region": (("", "eu-west-1", "", "dev"), {}, OTHER_REGION),
    "not described": (OF_KUBECONFIG, {"eks_cluster": lambda _: None}, CREDENTIALS),
    "two clusters of the issuer": (("",) * 4, {"clusters": lambda *_: ["dev", "dev-2"]},
        "dev, dev-2 have this issuer"),
})  # fmt: skip
def test_a_cluster_that_is_not_the_kubeconfig_s_for_certain_is_not_read(cluster, account, text):
    facts = gather(QUESTION, eks_sources(eks=cluster, **account))
    found = facts.cluster
    assert isinstance(found, Unread)
    assert facts.association is found
    assert text in (found.reason, found.remedy)


def test_the_one_cluster_that_has_the_issuer_is_read():
    sources = eks_sources(eks=("",) * 4, clusters=lambda *_: ["dev"])
    assert gather(QUESTION, sources).cluster == GOOD_EKS.cluster


RESTARTS = ShellCommand(("kubectl", "rollout", "restart", "x"))
OF_NB = irsa_trust_policy([world.PROVIDER_ARN], [ServiceAccountRef("dev", "nb")])
OTHER = replace(ROLE, arn=f"{world.ROLE_ARN}-2", trust_policy=OF_NB)
FOREIGN = world.ROLE_ARN.replace(world.ACCOUNT_A, world.ACCOUNT_B)
TYPO = world.ROLE_ARN[:-1]
TO_OTHER = replace(chains.ASSOCIATION, role_arn=TYPO)


def sources(account=GOOD.service_account, roles=(ROLE, OTHER), association=None, listed=None):
    """A cluster and an account with these roles; EKS's where one of them trusts it."""
    spec = associated_pod().spec if association or ROLE_EKS in roles else SPEC
    cluster = FakeCluster(account, spec, token=(GOOD_EKS if association else GOOD).token)
    cluster.eks = OF_KUBECONFIG
    cluster.next_pod = lambda *_: UNREAD
    aws = FakeAws(association)
    aws.role = {role.arn: role for role in roles}.get
    aws.roles = lambda: AccountPrincipals(tuple(roles), {}) if listed is None else listed
    return Sources(cluster, aws, now=lambda: world.NOW)


def cause(where, **named):
    facts = searched(gather(replace(QUESTION, **named), where), where)
    link = failing_link(Chain(facts).links())
    return link.key, link.remedy.shell, link


def of(value):
    return chains.annotated(value)["service_account"]


CAUSES = {
    "misspelt": (sources(of(TYPO)), "annotate"),
    "no annotation": (sources(BARE), "annotate"),
    "another role": (sources(of(OTHER.arn)), "annotate"),
    "role in quotes": (sources(of(f'"{ROLE.arn}"')), "annotate"),
    "ARN of a session": (sources(of(chains.SESSION_ARN)), "annotate"),
    "role of another account": (sources(of(FOREIGN)), "annotate"),
    "no association": (sources(BARE, (ROLE_EKS, OTHER)), "create-pod-identity"),
    "another role associated": (sources(BARE, (ROLE_EKS, OTHER), TO_OTHER), "update-pod-identity"),
}


@pytest.mark.parametrize("name", CAUSES)
def test_the_cause_is_the_same_with_and_without_the_role_s_name(name):
    where, command = CAUSES[name]
    first, commands, link = cause(where)
    key = "annotation" if command == "annotate" else "association"
    assert first == key
    assert command in commands[0]
    assert world.ROLE_ARN in commands[0]
    assert "create-role" not in " ".join(commands)
    named = cause(where, expected_role=ROLE.arn, expects_association="association" in key)
    assert named[:2] == (first, commands)
    assert (key == "association" and where.aws.association(0, 0)) or "trusts" in link.found


NEAR = replace(OTHER, arn=world.ROLE_ARN)
ROLES = ((OTHER, "ci"), (ROLE, "reader"), (ROLE, "writer"))
FAR, READER, WRITER = (replace(e, arn=f"arn:aws:iam::111122223333:role/{n}") for e, n in ROLES)


@pytest.mark.cases(("roles", "listed", "key", "creates", "text"), {
    "none near": ([FAR], None, "role", True, "create the role, or correct the annotation"),
    "role of a neighbour": ([NEAR], None, "role", False,
        f"there is {NEAR.arn}, which trusts system:serviceaccount:dev:nb"),
    "role that trusts it": ([ROLE, READER], None, "annotation", False,
        "annotate the service account with the rig"),
    "two roles near": ([WRITER, READER], None, "role", False, "trust this service account"),
    "unread": ([ROLE], UNREAD, "role", False, "could not read it: needs a permission"),
})  # fmt: skip
def test_a_role_is_created_only_where_none_is_near(roles, listed, key, creates, text):
    found, commands, link = cause(sources(of(TYPO), tuple(roles), listed=listed))
    assert (found, any("create-role" in each for each in commands)) == (key, creates)
    assert text in link.remedy.text


EXISTING = [replace(BARE, name=each) for each in ("s3-app", "s3-app-key")]


@pytest.mark.cases(("account", "found", "remedy", "command"), {
    "near name": (("dev", "s3app"), "no such service account", "there is dev/s3-app", "dev/s3-app"),
    "near namespace": (("prod", "s3-ap"), "there is no namespace prod",
        "correct the name: there is", ""),
    "nothing near": (("nope", "nope"), "there is no namespace nope", "correct the namespace", None),
    "name far from all": (("dev", "reports"), "no such service account", "create it",
        "serviceaccount reports"),
})  # fmt: skip
def test_a_missing_service_account_is_answered_by_the_nearest_name(account, found, remedy, command):
    where = sources(None)
    where.cluster.service_accounts = lambda: EXISTING
    key, commands, link = cause(where, namespace=account[0], name=account[1])
    assert (key, link.found) == ("service-account", found)
    assert remedy in link.remedy.text
    assert (command is None and not commands) or command in commands[0]


def test_a_role_that_is_reached_by_chaining_is_not_annotated():
    key, commands, link = cause(sources(roles=(ROLE, OTHER)), expected_role=OTHER.arn)
    ask = f"python -m irsa verify dev/s3-app --role-b {OTHER.arn}"
    assert (key, commands) == ("annotation", (ask,))
    assert "which trusts the service account" in link.found


def test_pods_with_an_access_key_are_not_cut_off():
    keys = [{"name": each, "value": "x"} for each in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")]
    spec = {"containers": [{"name": "app", "env": keys}]}
    where = sources(BARE, (OTHER,))
    where.cluster.workloads = lambda _: Workloads((Pod("p", "s3-app", {}, {}, spec),))
    links = Chain(searched(gather(QUESTION, where), where)).links()
    assert failing_link([each for each in links if each.key != "injection"]) is None
    of_keys = [each for each in links if each.key in ("annotation", "precedence")]
    assert [each.remedy.shell for each in of_keys] == [(), ()]


def test_a_deployment_of_that_name_is_asked_about_if_it_runs_otherwise():
    where = sources()
    owner = Owner("deployment", "s3-app", {"spec": {"serviceAccountName": "default"}})
    where.cluster.workloads = lambda _: Workloads((), (owner,))
    [link] = [e for e in Chain(gather(QUESTION, where)).links() if e.key == "pod"]
    assert link.remedy.shell == ("python -m irsa verify dev/s3-app --deployment s3-app",)


def test_commands_name_the_profile_of_the_account_that_they_change():
    where, other = sources(), FakeAws()
    other.account, other.profile = world.ACCOUNT_B, "b"
    for key in ("trust", "role-a-permission", "role-b-trust"):
        link = Check(key, "it").failed("it", "do so", aws("iam", "-x", changes=None), RESTARTS)
        found = in_account(link, replace(GOOD, role_b=TARGET), replace(where, others=(other,)))
        end = "-x --profile b" if key == "role-b-trust" else "-x"
        assert [each.split(" ", 2)[2] for each in found.remedy.shell] == [end, "restart x"]


def test_an_api_server_that_does_not_answer_ends_the_question():
    with pytest.raises(CollectError, match="could not read it: needs a reachable") as raised:
        gather(QUESTION, sources(Unreached("it", "503", "a reachable API server")))
    assert raised.value.undecided


def test_an_account_without_a_role_gets_one_that_trusts_it_or_a_new_one():
    for trusting, text in (((WRITER, READER), "choose the role: "), ((), "no role names this ")):
        facts = replace(GOOD, service_account=BARE, trusting=trusting)
        [missing] = [each for each in Chain(facts).links() if each.key == "annotation"]
        assert missing.remedy.text.startswith(text)
