"""The link `precedence`: what wins over the role in a container, as SDKs see it.

What SDKs do in each breakage was tried with the AWS CLI, boto3, JavaScript v3 and Go v2.
"""

import json
import shlex

import pytest

from command.tests.verify.links.pod_scenarios import (
    AWS_MOUNT,
    B_FROM_A,
    OWN,
    UNREAD,
    config,
    container,
    links,
    pod,
    spec,
    statuses,
    with_config,
)
from command.tests.verify.test_chain import FOLDER, ROLE_ARN, ROLE_B_ARN
from irsa.verify.link import Status

PROFILES = {
    "credential-source": (
        (
            f"[default]\nregion = us-east-1\nrole_arn = {ROLE_B_ARN}\n"
            "credential_source = Environment\n"
        ),
        "credential_source Environment",
    ),
    "both-sources": (
        f"[default]\n{B_FROM_A}credential_source = Environment\n{OWN}",
        "contains both source_profile and credential_source",
    ),
    "role-alone": (f"[default]\nrole_arn = {ROLE_B_ARN}\n", "neither source_profile nor"),
    "no-such-source": (f"[default]\n{B_FROM_A}", "source_profile A, which is no profile"),
    "source-without-credentials": (f"[default]\n{B_FROM_A}[profile A]\nregion = x\n", "no cred"),
    "keys-for-javascript": ("[default]\naws_access_key_id = AKIA\n", "a static key"),
    "process-for-javascript": ("[default]\ncredential_process = x\n", "a credential_process"),
    "other-role-for-javascript": (
        f"[default]\nrole_arn = {ROLE_B_ARN}\nweb_identity_token_file = {FOLDER}/token\n",
        f"it leads to {ROLE_B_ARN}; the SDK for JavaScript",
    ),
    "from-another-role": (
        f"[default]\n{B_FROM_A}{OWN.replace('s3-app', 'before')}",
        "role/before",
    ),
}


@pytest.mark.parametrize("name", PROFILES)
def test_a_default_profile_that_wins_over_the_variables_is_taken_out(name):
    text, found = PROFILES[name]

    link = links(pod(with_config()), **config(text))["precedence"]

    assert link.status is Status.FAILED
    assert link.found.startswith("the profile [default]: ")
    assert found in link.found
    patched = patched_config(link)
    assert statuses(links(pod(with_config()), **config(patched))) == {}
    assert ("region = us-east-1" in patched) == ("region = us-east-1" in text)


def patched_config(link):
    """The config file in the patch that a link prints."""

    words = shlex.split(next(c for c in link.remedy.shell if " patch configmap " in c))
    assert link.remedy.shell[-1].startswith("kubectl rollout restart deployment/app")
    return json.loads(words[-1])["data"]["config"]


@pytest.mark.parametrize(
    "text",
    [
        f"[default]\nregion = us-east-1\n{OWN}",
        f"[default]\nrole_arn = {ROLE_ARN}\nweb_identity_token_file = {FOLDER}/token\n",
        OWN,
    ],
)
def test_a_default_profile_that_changes_nothing_passes(text):
    assert statuses(links(pod(with_config()), **config(text))) == {}


def test_a_profile_that_goes_on_to_another_role_is_asked_about():
    found = pod(with_config(("AWS_PROFILE", "B")))
    changes = config(f"{OWN}[profile B]\n{B_FROM_A}[profile C]\n{B_FROM_A}")

    link = links(found, **changes)["precedence"]
    asked = [links(found, profile=each, **changes)["precedence"].status for each in "BC"]

    assert (link.status, link.remedy.text) == (
        Status.UNKNOWN,
        "if that is intended, ask with --profile B",
    )
    assert asked == [Status.PASSED, Status.PASSED]


def test_a_config_file_that_no_parser_takes_is_a_finding():
    link = links(pod(with_config()), **config("[profile A]\n[profile A]\n"))["precedence"]
    assert (link.status, link.remedy.shell) == (Status.FAILED, ())


@pytest.mark.parametrize("value", ["legacy", ""])
@pytest.mark.parametrize("name", ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"])
def test_a_profile_that_is_nowhere_fails_also_an_empty_one(name, value):
    link = links(pod(spec(container("app", (name, value)))))["precedence"]

    assert link.status is Status.FAILED
    assert link.remedy.shell == (f"kubectl set env deployment/app --namespace dev {name}-",)


def test_a_file_of_the_image_may_have_the_profile():
    env = (("AWS_CONFIG_FILE", "/opt/aws/config"), ("AWS_PROFILE", "B"))
    link = links(pod(spec(container("app", *env))))["precedence"]
    assert (link.status, link.remedy.text) == (Status.UNKNOWN, "ask inside the Pod, with --exec")


SETTINGS = [{"configMapRef": {"name": "settings"}}]


@pytest.mark.parametrize(
    ("values", "prefix", "command"),
    [
        (
            {"AWS_PROFILE": "legacy", "LOG_LEVEL": "debug"},
            "",
            (
                "kubectl patch configmap settings --namespace dev --type merge --patch "
                '\'{"data":{"AWS_PROFILE":null}}\''
            ),
        ),
        (
            {"PROFILE": "legacy"},
            "AWS_",
            (
                "kubectl patch deployment app --namespace dev --type json --patch "
                '\'[{"op":"remove","path":"/spec/template/spec/containers/0/envFrom/0"}]\''
            ),
        ),
    ],
    ids=["among-others", "alone-with-prefix"],
)
def test_a_profile_through_env_from(values, prefix, command):
    env_from = [{**SETTINGS[0], "prefix": prefix}]
    found = pod(spec(container("app", envFrom=env_from)))

    link = links(found, objects={("ConfigMap", "settings"): values})["precedence"]

    assert link.status is Status.FAILED
    assert "AWS_PROFILE=legacy through envFrom of ConfigMap settings" in link.found
    assert link.remedy.shell[0] == command


def test_what_a_secret_that_was_not_read_holds_is_not_known():
    env_from = [{"secretRef": {"name": "keys"}}]
    link = links(
        pod(spec(container("app", envFrom=env_from))), objects={("Secret", "keys"): UNREAD}
    )["precedence"]
    assert (link.status, link.remedy.text) == (Status.UNKNOWN, "grant a permission")


@pytest.mark.parametrize(
    ("env", "status"),
    [
        ([("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")], Status.PASSED),
        ([("AWS_SESSION_TOKEN", "x")], Status.PASSED),
        ([("AWS_SECRET_ACCESS_KEY", "x")], Status.PASSED),
        ([("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/")], Status.PASSED),
        ([("AWS_ACCESS_KEY_ID", "x")], Status.FAILED),
        (
            [("AWS_ACCESS_KEY_ID", {"valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}})],
            Status.FAILED,
        ),
    ],
)
def test_only_an_access_key_wins_over_the_role(env, status):
    assert links(pod(spec(container("app", *env))))["precedence"].status is status


def test_keys_in_a_mounted_credentials_file_win_in_javascript():
    volume = [{"name": "aws", "secret": {"secretName": "keys"}}]
    env = ("AWS_SHARED_CREDENTIALS_FILE", "/etc/aws/credentials")
    found = pod(spec(container("app", env, volumeMounts=AWS_MOUNT), volumes=volume))
    text = "[default]\naws_access_key_id = (not kept)\n"

    link = links(found, objects={("Secret", "keys"): {"credentials": text}})["precedence"]

    assert (link.status, link.remedy.shell) == (Status.FAILED, ())
    assert "the SDK for JavaScript takes it before the role" in link.found


def test_keys_in_the_second_container_are_named_with_it():
    keys = [("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "x")]
    link = links(pod(spec(container("proxy"), container("work", *keys))))["precedence"]

    assert (link.status, link.found.partition(": ")[0]) == (
        Status.FAILED,
        "Pod app-1, container work",
    )
    assert link.remedy.shell == (
        (
            "kubectl set env deployment/app --namespace dev --containers work "
            "AWS_ACCESS_KEY_ID- AWS_SECRET_ACCESS_KEY-"
        ),
    )


def test_keys_in_an_init_container_are_taken_out_of_its_list():
    init = container("init", ("AWS_ACCESS_KEY_ID", "AKIA"), ("LEVEL", "1"))
    link = links(pod(spec(container(), initContainers=[init])))["precedence"]

    assert link.found.startswith("Pod app-1, container init: ")
    assert (
        '"path":"/spec/template/spec/initContainers/0/env","value":[{"name":"LEVEL"'
        in (link.remedy.shell[0])
    )


def test_a_jobs_template_cannot_be_changed():
    found = pod(spec(container("app", ("AWS_PROFILE", "x"))), kind="job")
    link = links(found)["precedence"]
    assert (link.status, link.remedy.shell) == (Status.FAILED, ())
