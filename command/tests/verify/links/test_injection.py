"""The links `webhook` and `injection`: every container is looked at, as far as it may use AWS."""

from copy import deepcopy
from dataclasses import replace

import pytest

from command.tests.verify.chains import BARE, GOOD, REGISTERED, UNREAD, identity, links, statuses
from command.tests.verify.commands import RESTART, SET_ENV
from command.tests.verify.pods import A, B, config, container, pod, spec, with_config, with_env
from irsa.observe.facts import Webhook
from irsa.verify.link import Status
from irsa_core.identity.eks import SKIP_LABEL
from irsa_core.identity.injection import HASH_ANNOTATION
from tests.support.world import ROLE_ARN

SKIP = "eks.amazonaws.com/skip-containers"
EMPTY, EMPTY_DEFAULT = ("AWS_REGION", ""), ("AWS_DEFAULT_REGION", "")
REGION, DEFAULT = ("AWS_REGION", "eu-west-1"), ("AWS_DEFAULT_REGION", "eu-west-1")
BOTH_EMPTY = "AWS_REGION is empty and AWS_DEFAULT_REGION is empty"
PROXY = container("istio-proxy", ("PROXY", "1"), bare=True)


@pytest.mark.cases(("env", "problem", "command"), {
    "region empty": ([EMPTY], "AWS_REGION is empty", "AWS_REGION-"),
    "both empty": ([EMPTY, EMPTY_DEFAULT], BOTH_EMPTY, "AWS_REGION- AWS_DEFAULT_REGION-"),
    "default region alone": ([DEFAULT], "no AWS_REGION", "AWS_REGION=eu-west-1"),
    "default region empty": ([REGION, EMPTY_DEFAULT], "AWS_DEFAULT_REGION is empty",
        "AWS_DEFAULT_REGION=eu-west-1"),
    "neither": ([], "no AWS_REGION and no AWS_DEFAULT_REGION", "AWS_REGION=us-east-1 AWS_DEFAULT"),
    "region alone": ([REGION], "no AWS_DEFAULT_REGION: ", ""),
})  # fmt: skip
def test_a_region_that_is_empty_or_in_one_variable_only(env, problem, command):
    app = container("app", *env)
    names = {"AWS_REGION", "AWS_DEFAULT_REGION"} - {name for name, _ in env}
    app["env"] = [variable for variable in app["env"] if variable["name"] not in names]

    link = links(pod(spec(app)))["injection"]

    assert link.found.startswith(problem)
    if command:
        assert link.status is Status.FAILED
        assert link.remedy.shell[0].startswith(f"{SET_ENV} {command}")
    else:
        assert link.status is Status.UNKNOWN  # it depends on the SDK
        assert link.remedy.text == "if a Python program runs there, set both"


def test_a_region_in_the_profile_is_one_for_every_sdk():
    given = with_config()
    [own] = given["containers"]
    own["env"] = [each for each in own["env"] if "REGION" not in each["name"]]
    assert statuses(links(pod(given), **config("[default]\nregion = us-east-1\n"))) == {}


def test_a_role_out_of_what_was_not_read_is_not_known():
    reference = {"valueFrom": {"secretKeyRef": {"name": "s", "key": "role"}}}
    link = links(with_env(("AWS_ROLE_ARN", reference)))["injection"]
    assert (link.status, link.remedy.text) == (Status.UNKNOWN, "ask inside the Pod, with --exec")


def test_a_pod_that_reads_its_token_by_profile_needs_no_webhook():
    found = with_config(("AWS_PROFILE", "B"))
    found["containers"].append(container("log", bare=True))
    changes = {"profile": "B", "service_account": BARE, "webhook": None, **config(A + B)}

    assert statuses(links(pod(found), **changes)) == {}
    [own, _] = found["containers"]
    own["volumeMounts"] = [each for each in own["volumeMounts"] if each["name"] == "aws"]
    assert links(pod(found), **changes)["injection"].found == "no token"


def test_a_skipped_container_is_undecided_unless_it_is_asked_about():
    app_spec = spec(container("app"), container("work", bare=True))
    app_pod = pod(app_spec, annotations={SKIP: "proxy,work"})

    questions = (), ("work",), ("app",)
    link, asked, other = (links(app_pod, containers=e)["injection"] for e in questions)

    assert (link.status, link.remedy.shell) == (Status.UNKNOWN, ())
    assert link.found.startswith(f"Pod app-1, container work: annotation {SKIP}=proxy,work")
    assert asked.status is Status.FAILED
    assert asked.remedy.shell[0].endswith('"value":"proxy"}]\'')
    assert (other.status, other.found) == (Status.PASSED, "Pod app-1 has them, in container app")
    job = replace(app_pod, owner=replace(app_pod.owner, kind="job"))
    assert "patch" not in str(links(job, containers=("work",))["injection"].remedy.shell)


FIRST = {"spec": spec(PROXY, container()), "foreign": ("istio-proxy",)}
SIDECARS = {
    "first container": pod(**FIRST),
    "skipped container": pod(**FIRST, annotations={SKIP: "istio-proxy"}),
    "Pod without an owner": pod(spec(container(), PROXY), owner=""),
}


@pytest.mark.cases("found", SIDECARS)
def test_a_meshs_sidecar_without_aws_is_judged_only_if_it_is_asked_about(found):
    given = links(found)
    assert statuses(given) == {}
    left = "not looked at: istio-proxy, which another webhook added"
    assert given["injection"].found.endswith(left)
    assert links(found, containers=("istio-proxy",))["injection"].status is Status.FAILED


@pytest.mark.parametrize("skipped", ["work", "app,work"])
def test_a_container_that_the_program_excludes_is_left_out_unless_all_are(skipped):
    containers = [container(bare="app" in skipped), container("work", bare=True)]
    found = pod(spec(*containers), annotations={SKIP: skipped, HASH_ANNOTATION: "x"})
    link = links(found)["injection"]
    assert link.status is (Status.PASSED if skipped == "work" else Status.FAILED)
    if skipped == "work":
        assert link.found.endswith("not looked at: work, which the program excludes")


def test_what_makes_the_pods_is_restarted():
    kinds = "statefulset", "daemonset"
    commands = {each: (RESTART.replace("deployment", each),) for each in kinds}
    commands |= {"job": ("kubectl delete pod app-1 --namespace dev",), "": ()}
    for kind, shell in commands.items():
        bare = spec(container(bare=True), container("b", bare=True))
        link = links(pod(bare, kind=kind, owner=kind and "app"))["injection"]
        assert (link.status, link.remedy.shell) == (Status.FAILED, shell)


def test_both_variables_by_hand_are_removed_not_the_volume():
    api_token = "/var/run/secrets/kubernetes.io/serviceaccount/token"
    found = with_env(("AWS_WEB_IDENTITY_TOKEN_FILE", api_token), ("AWS_ROLE_ARN", ROLE_ARN))
    own = found.template["spec"]["containers"][0]
    own["env"].append({"name": "AWS_ROLE_ARN", "value": ROLE_ARN})
    removed = f"{SET_ENV} AWS_ROLE_ARN- AWS_WEB_IDENTITY_TOKEN_FILE-"
    assert links(found)["injection"].remedy.shell == (removed,)


def test_a_windows_pods_token_is_where_its_variable_says():
    path = r"C:\var\run\secrets\eks.amazonaws.com\serviceaccount\token"
    found = with_env(("AWS_WEB_IDENTITY_TOKEN_FILE", path))
    found.template["spec"]["containers"][0]["env"] = []
    assert statuses(links(found)) == {}


def test_pod_identity_instead_of_the_role_is_named():
    env = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials")
    for eks, shell in (({}, ()), (identity(None), (RESTART,))):
        link = links(pod(spec(container("app", env, bare=True))), **eks)["injection"]
        assert "had an EKS Pod Identity association" in link.found
        assert link.remedy.shell == shell


AT, LATER = "2026-11-24T23:40:00Z", "2026-11-24T23:40:01Z"
ACCOUNT = replace(GOOD.service_account, annotated_at=AT)
MUTATED = pod(spec(container()))
ALONE = pod({"containers": [container(bare=True)], "volumes": []}, "alone", created=LATER)
DEAD = 'failed calling webhook "iam-for-pods.amazonaws.com": connection refused'


def registered(**changes):
    return Webhook("pod-identity-webhook", {**deepcopy(REGISTERED), **changes})


def link(found, *pods, **changes):
    return links(webhook=found, pods=pods, service_account=ACCOUNT, **changes)["webhook"]


@pytest.mark.cases("found", {"webhook unread": UNREAD, "no webhook": None})
def test_a_mutated_pod_shows_the_webhook_that_is_not_seen(found):
    assert link(found, MUTATED).status is Status.PASSED
    assert link(found, ALONE, next_pod=MUTATED.spec).status is Status.PASSED
    assert link(found, ALONE, next_pod=ALONE.spec).status is Status.FAILED
    alone = link(found, ALONE)
    assert (alone.status, alone.remedy.shell) == (Status.UNKNOWN if found else Status.FAILED, ())
    assert not found or alone.remedy.text == "grant a permission"


@pytest.mark.cases(("tried", "status", "text"), {
    "no trial Pod": (None, Status.FAILED, "created after the annotation, and not mutated"),
    "trial Pod unread": (UNREAD, Status.FAILED, "created after the annotation, and not mutated"),
    "trial Pod refused": (replace(UNREAD, reason=DEAD), Status.FAILED,
        f"no Pod can be made now ({DEAD})"),
    "trial Pod not mutated": (ALONE.spec, Status.FAILED, "a Pod that is made now is not mutated"),
    "trial Pod mutated": (MUTATED.spec, Status.PASSED,
        "pod-identity-webhook is registered; failurePolicy Ignore"),
})  # fmt: skip
def test_a_webhook_that_does_not_mutate_gets_no_restart_until_it_does(tried, status, text):
    found = links(ALONE, webhook=registered(), next_pod=tried, service_account=ACCOUNT)
    own, later = found["webhook"], found["injection"]
    assert (own.status, text in own.found, own.remedy.shell) == (status, True, ()), own.found
    assert later.remedy.shell == (() if status is Status.FAILED else (RESTART,))


@pytest.mark.cases("other", {
    "Pod as old as the annotation": replace(ALONE, created=AT),
    "age not known": replace(ALONE, created=""),
    "Pod of another account": replace(ALONE, service_account="default"),
    "label that skips": replace(ALONE, labels={SKIP_LABEL: "true"}),
    "all containers skipped": replace(ALONE,
        spec={**ALONE.spec, "volumes": [{"name": "aws-iam-token"}]}),
    "Pod of Pod Identity": replace(ALONE, spec={**ALONE.spec,
        "volumes": [{"name": "eks-pod-identity-token"}]}),
})  # fmt: skip
def test_what_may_have_another_cause_is_not_put_down_to_the_webhook(other):
    assert link(registered(), other).status is Status.PASSED
