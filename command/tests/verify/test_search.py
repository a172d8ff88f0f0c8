"""The search of an account for the role that is meant, and of a cluster for the name."""

from dataclasses import replace

import pytest

from command.tests.verify.chains import (
    ACCOUNT,
    ASSOCIATION,
    BARE,
    GOOD,
    GOOD_EKS,
    ROLE,
    ROLE_EKS,
    SESSION_ARN,
    TARGET,
    UNREAD,
    annotated,
)
from command.tests.verify.pods import SPEC, associated_pod
from command.tests.verify.test_gather import FakeAws, FakeCluster
from irsa.identity.arns import cluster_arn
from irsa.identity.policies import irsa_trust_policy
from irsa.identity.subjects import ServiceAccountRef
from irsa.observe.errors import CollectError
from irsa.observe.facts import Owner, Pod, Unreached, Workloads
from irsa.observe.iam import AccountPrincipals
from irsa.verify.facts import Question
from irsa.verify.gather import Sources, gather
from irsa.verify.link import Check, ShellCommand, aws, failing_link
from irsa.verify.walk import Chain, in_account, searched
from tests.support import world

RESTARTS = ShellCommand(("kubectl", "rollout", "restart", "x"))
QUESTION = Question(namespace=ACCOUNT.namespace, name=ACCOUNT.name, wait=0)
OF_NB = irsa_trust_policy([world.PROVIDER_ARN], [ServiceAccountRef("dev", "nb")])
OTHER = replace(ROLE, arn=f"{world.ROLE_ARN}-2", trust_policy=OF_NB)
SUBJECTS = "system:serviceaccount"
FOREIGN = world.ROLE_ARN.replace(world.ACCOUNT_A, world.ACCOUNT_B)
TYPO = world.ROLE_ARN[:-1]
TO_OTHER = replace(ASSOCIATION, role_arn=TYPO)


def sources(account=GOOD.service_account, roles=(ROLE, OTHER), association=None, listed=None):
    """A cluster and an account with these roles; EKS's where one of them trusts it."""
    eks = association or ROLE_EKS in roles
    cluster = FakeCluster(account, associated_pod().spec if eks else SPEC)
    cluster.token = lambda *_: (GOOD_EKS if association else GOOD).token
    cluster.eks = cluster_arn(world.CLUSTER_ARN)
    cluster.next_pod = lambda *_: UNREAD
    aws = FakeAws(association)
    aws.role = lambda arn: next((each for each in roles if each.arn == arn), None)
    aws.roles = lambda: AccountPrincipals(tuple(roles), {}) if listed is None else listed
    return Sources(cluster, aws, now=lambda: world.NOW)


def cause(where, **named):
    facts = searched(gather(replace(QUESTION, **named), where), where)
    link = failing_link(Chain(facts).links())
    return link.key, link.remedy.shell, link


def of(value):
    return annotated(value)["service_account"]


CAUSES = {
    "misspelt": (sources(of(TYPO)), "annotation", "annotate"),
    "missing": (sources(BARE), "annotation", "annotate"),
    "another role": (sources(of(OTHER.arn)), "annotation", "annotate"),
    "quotes": (sources(of(f'"{ROLE.arn}"')), "annotation", "annotate"),
    "session": (sources(of(SESSION_ARN)), "annotation", "annotate"),
    "account": (sources(of(FOREIGN)), "annotation", "annotate"),
    "no association": (sources(BARE, (ROLE_EKS, OTHER)), "association", "create-pod-identity-a"),
    "another": (sources(BARE, (ROLE_EKS, OTHER), TO_OTHER), "association", "update-pod-identity"),
}


@pytest.mark.parametrize("name", CAUSES)
def test_the_cause_is_the_same_with_and_without_the_role_s_name(name):
    where, key, command = CAUSES[name]
    found, commands, link = cause(where)
    assert found == key
    assert command in commands[0]
    assert world.ROLE_ARN in commands[0]
    assert "create-role" not in " ".join(commands)
    named = cause(where, expected_role=ROLE.arn, expects_association="association" in key)
    assert named[:2] == (found, commands)
    assert (key == "association" and where.aws.association(0, 0)) or "trusts" in link.found


NEAR = replace(OTHER, arn=world.ROLE_ARN)
FAR, READER, WRITER = (
    replace(each, arn=f"arn:aws:iam::111122223333:role/{name}")
    for each, name in ((OTHER, "ci"), (ROLE, "reader"), (ROLE, "writer"))
)


@pytest.mark.parametrize(
    ("roles", "listed", "key", "creates", "text"),
    [
        ([FAR], None, "role", True, "create the role, or correct the annotation"),
        ([NEAR], None, "role", False, f"there is {NEAR.arn}, which trusts {SUBJECTS}:dev:nb"),
        ([ROLE, READER], None, "annotation", False, "annotate the service account with the rig"),
        ([WRITER, READER], None, "role", False, "trust this service account"),
        ([ROLE], UNREAD, "role", False, "could not read it: needs a permission"),
    ],
    ids=["none", "near", "nearest", "several", "unread"],
)
def test_a_role_is_created_only_where_none_is_near(roles, listed, key, creates, text):
    where = sources(of(TYPO), tuple(roles), listed=listed)
    found, commands, link = cause(where)
    assert (found, any("create-role" in each for each in commands)) == (key, creates)
    assert text in link.remedy.text


EXISTING = [replace(BARE, name=each) for each in ("s3-app", "s3-app-key")]


@pytest.mark.parametrize(
    ("account", "found", "remedy", "command"),
    [
        (("dev", "s3app"), "no such service account", "there is dev/s3-app", "dev/s3-app"),
        (("prod", "s3-ap"), "there is no namespace prod", "correct the name: there is", ""),
        (("nope", "nope"), "there is no namespace nope", "correct the namespace", None),
        (("dev", "reports"), "no such service account", "create it", "serviceaccount reports"),
    ],
)
def test_a_missing_service_account_is_answered_by_the_nearest_name(account, found, remedy, command):
    where = sources(None)
    where.cluster.service_accounts = lambda: EXISTING
    key, commands, link = cause(where, namespace=account[0], name=account[1])
    assert (key, link.found) == ("service-account", found)
    assert remedy in link.remedy.text
    assert (command is None and not commands) or command in commands[0]


def test_a_role_that_is_reached_by_chaining_is_not_annotated():
    where = sources(roles=(ROLE, OTHER))
    key, commands, link = cause(where, expected_role=OTHER.arn)
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
    facts = replace(GOOD, role_b=TARGET)
    for key in ("trust", "chain-permission", "chain-trust"):
        link = Check(key, "it").failed("it", "do so", aws("iam", "-x", changes=None), RESTARTS)
        found = in_account(link, facts, replace(where, others=(other,)))
        end = "-x --profile b" if key == "chain-trust" else "-x"
        assert [each.split(" ", 2)[2] for each in found.remedy.shell] == [end, "restart x"]


def test_an_api_server_that_does_not_answer_ends_the_question():
    where = sources(Unreached("it", "503", "a reachable API server"))
    with pytest.raises(CollectError, match="could not read it: needs a reachable") as raised:
        gather(QUESTION, where)
    assert raised.value.undecided
