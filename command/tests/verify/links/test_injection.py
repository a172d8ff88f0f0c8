"""The link `injection`: every container is looked at, as far as it may use AWS."""

from dataclasses import replace

import pytest

from command.tests.verify.links.pod_scenarios import (
    AWS_MOUNT,
    AWS_VOLUME,
    B_FROM_A,
    OWN,
    SKIP,
    config,
    container,
    judged,
    links,
    pod,
    skipping,
    spec,
    statuses,
    with_config,
)
from command.tests.verify.test_chain import FOLDER, ROLE_ARN
from irsa.observe.facts import ServiceAccount
from irsa.verify.facts import wrong_containers
from irsa.verify.link import Status


@pytest.mark.parametrize(
    ("env", "found", "command"),
    [
        ([("AWS_REGION", "")], "AWS_REGION is empty", "AWS_REGION-"),
        (
            [("AWS_REGION", ""), ("AWS_DEFAULT_REGION", "")],
            "AWS_REGION is empty and AWS_DEFAULT_REGION is empty",
            "AWS_REGION- AWS_DEFAULT_REGION-",
        ),
        ([("AWS_DEFAULT_REGION", "eu-west-1")], "no AWS_REGION", "AWS_REGION=eu-west-1"),
        (
            [("AWS_REGION", "eu-west-1"), ("AWS_DEFAULT_REGION", "")],
            "AWS_DEFAULT_REGION is empty",
            "AWS_DEFAULT_REGION=eu-west-1",
        ),
        ([], "no AWS_REGION and no AWS_DEFAULT_REGION", "AWS_REGION=us-east-1 AWS_DEFAULT"),
    ],
)
def test_a_region_that_is_empty_or_in_one_variable_only(env, found, command):
    given = container("app", *env)
    preset = {name for name, _ in env}
    regions = {"AWS_REGION", "AWS_DEFAULT_REGION"} - preset
    given["env"] = [each for each in given["env"] if each["name"] not in regions]

    link = links(pod(spec(given)))["injection"]

    assert link.status is Status.FAILED
    assert link.found.startswith(found)
    assert link.remedy.shell[0].startswith(
        f"kubectl set env deployment/app --namespace dev {command}"
    )


def test_with_aws_region_alone_it_depends_on_the_sdk():
    given = container("app", ("AWS_REGION", "eu-west-1"))
    given["env"] = [each for each in given["env"] if each["name"] != "AWS_DEFAULT_REGION"]

    link = links(pod(spec(given)))["injection"]

    assert link.status is Status.UNKNOWN
    assert link.found.startswith("no AWS_DEFAULT_REGION: ")
    assert link.remedy.text == "if a Python program runs there, set both"


def test_a_region_in_the_profile_is_one_for_every_sdk():
    given = with_config()
    own = given["containers"][0]
    own["env"] = [each for each in own["env"] if "REGION" not in each["name"]]
    assert statuses(links(pod(given), **config("[default]\nregion = us-east-1\n"))) == {}


def test_a_role_out_of_what_was_not_read_is_not_known():
    reference = {"valueFrom": {"secretKeyRef": {"name": "s", "key": "role"}}}
    link = links(pod(spec(container("app", ("AWS_ROLE_ARN", reference)))))["injection"]
    assert (link.status, link.remedy.text) == (Status.UNKNOWN, "ask inside the Pod, with --exec")


def test_a_pod_that_reads_its_token_by_profile_needs_no_webhook():
    env = (("AWS_CONFIG_FILE", "/etc/aws/config"), ("AWS_PROFILE", "B"))
    found = spec(
        container("app", *env, volumeMounts=AWS_MOUNT), container("log", bare=True),
        volumes=AWS_VOLUME,
    )  # fmt: skip
    text = f"{OWN}[profile B]\n{B_FROM_A}"
    changes = {
        "profile": "B",
        "service_account": ServiceAccount("dev", "s3-app", {}),
        "webhook": None,
        **config(text),
    }

    assert statuses(links(pod(found), **changes)) == {}
    found["containers"][0]["volumeMounts"] = AWS_MOUNT[1:]
    assert links(pod(found), **changes)["injection"].found == "no token"


def test_a_skipped_container_is_undecided_unless_it_is_asked_about():
    found = skipping("proxy,work", container("app"), container("work", bare=True))

    link = links(found)["injection"]
    asked = links(found, containers=("work",))["injection"]
    other = links(found, containers=("app",))["injection"]

    assert (link.status, link.remedy.shell) == (Status.UNKNOWN, ())
    assert link.found.startswith(f"Pod app-1, container work: annotation {SKIP}=proxy,work")
    assert asked.status is Status.FAILED
    assert '"op":"replace","path":"/spec/template/metadata/annotations/' in asked.remedy.shell[0]
    assert asked.remedy.shell[0].endswith('"value":"proxy"}]\'')
    assert (other.status, other.found) == (Status.PASSED, "Pod app-1 has them, in container app")


def test_the_first_container_is_the_programs_own_one():
    link = links(skipping("app", container("app", bare=True), container("log")))["injection"]
    assert link.status is Status.FAILED


def test_a_meshs_sidecar_without_aws_is_left_alone_wherever_it_stands():
    proxy = container("istio-proxy", ("PROXY", "1"), bare=True)
    for found in (
        pod(spec(proxy, container()), foreign=("istio-proxy",)),
        skipping("istio-proxy", proxy, container(), foreign=("istio-proxy",)),
        pod(spec(container(), proxy), owner=""),
    ):
        given = links(found)
        assert statuses(given) == {}
        assert given["injection"].found.endswith(
            "not looked at: istio-proxy, which another webhook added"
        )


def test_a_meshs_sidecar_that_is_asked_about_is_judged():
    found = pod(spec(container(), container("istio-proxy", bare=True)), foreign=("istio-proxy",))
    link = links(found, containers=("istio-proxy",))["injection"]
    assert link.status is Status.FAILED


def test_a_container_that_is_not_there_is_named_with_those_that_are():
    facts = judged(pod(spec(container("app"), container("log"))), containers=("wrk",))
    assert wrong_containers(facts) == (
        "no container 'wrk' in the Pods of dev/s3-app; there are app, log"
    )
    assert wrong_containers(replace(facts, pods=())) == ""


@pytest.mark.parametrize(
    ("kind", "commands"),
    [
        ("statefulset", ("kubectl rollout restart statefulset/app --namespace dev",)),
        ("daemonset", ("kubectl rollout restart daemonset/app --namespace dev",)),
        ("job", ("kubectl delete pod app-1 --namespace dev",)),
    ],
)
def test_what_makes_the_pods_is_restarted(kind, commands):
    found = pod(spec(container(bare=True)), kind=kind)
    assert links(found)["injection"].remedy.shell == commands


def test_a_pod_without_an_owner_is_not_deleted():
    found = pod(spec(container(bare=True)), owner="")
    assert links(found)["injection"].remedy.shell == ()


def test_both_variables_by_hand_are_removed_not_the_volume():
    api_token = "/var/run/secrets/kubernetes.io/serviceaccount/token"
    env = (("AWS_WEB_IDENTITY_TOKEN_FILE", api_token), ("AWS_ROLE_ARN", ROLE_ARN))
    found = pod(spec(container("app", *env)))
    by_hand = {"name": "AWS_ROLE_ARN", "value": ROLE_ARN}
    found.template["spec"]["containers"][0]["env"].append(by_hand)

    link = links(found)["injection"]

    assert link.remedy.shell == (
        "kubectl set env deployment/app --namespace dev AWS_ROLE_ARN- AWS_WEB_IDENTITY_TOKEN_FILE-",
    )


def test_a_windows_pods_token_is_where_its_variable_says():
    path = "C:" + f"{FOLDER}/token".replace("/", "\\")
    own = container("app", ("AWS_WEB_IDENTITY_TOKEN_FILE", path))
    found = pod(spec(own))
    found.template["spec"]["containers"][0]["env"] = []
    assert statuses(links(found)) == {}


def test_pod_identity_instead_of_the_role_is_named():
    env = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials")
    link = links(pod(spec(container("app", env, bare=True))))["injection"]
    assert "EKS Pod Identity association" in link.found
    assert link.remedy.shell == ()


def test_a_bare_pod_that_was_not_mutated_at_all_is_not_left_alone():
    found = pod(spec(container("a", bare=True), container("b", bare=True)), owner="")
    assert links(found)["injection"].status is Status.FAILED
