"""The link `precedence`: what wins over the role in a container, as SDKs see it.

What SDKs do in each breakage was tried with the AWS CLI, boto3, JavaScript v3 and Go v2.
"""

import pytest

from command.tests.verify.scenarios import (
    AWS_MOUNTS,
    B_FROM_A,
    FOLDER,
    RESTART,
    SET_ENV,
    UNREAD,
    A,
    config,
    container,
    links,
    pod,
    spec,
    statuses,
    with_config,
    with_variables,
    written_config,
)
from irsa.verify.link import Status
from tests.support.world import ROLE_B_ARN

FROM_ENVIRONMENT = "credential_source = Environment\n"
PROFILES = {
    "credential-source": (
        f"[default]\nregion = us-east-1\nrole_arn = {ROLE_B_ARN}\n{FROM_ENVIRONMENT}",
        "credential_source Environment",
    ),
    "both-sources": (
        f"[default]\n{B_FROM_A}{FROM_ENVIRONMENT}{A}",
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
        f"[default]\n{B_FROM_A}{A.replace('s3-app', 'before')}",
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
    assert link.remedy.shell[-1] == RESTART
    patched = written_config(link)
    assert statuses(links(pod(with_config()), **config(patched))) == {}
    assert ("region = us-east-1" in patched) == ("region = us-east-1" in text)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (f"[default]\nregion = us-east-1\n{A}", Status.PASSED),
        (A.replace("[profile A]", "[default]"), Status.PASSED),
        (A, Status.PASSED),
        ("[default]\r\nregion=x\r\n", Status.PASSED),
        ("[profile A]\n[profile A]\n", Status.FAILED),
        ("\ufeff[default]\nregion=x", Status.FAILED),
    ],
    ids=["region", "same-role", "no-default", "crlf", "twice", "byte-order-mark"],
)
def test_a_config_file_that_leaves_the_role_or_that_no_parser_takes(text, status):
    link = links(pod(with_config()), **config(text))["precedence"]
    assert (link.status, link.remedy.shell) == (status, ())


def test_a_profile_that_goes_on_to_another_role_is_asked_about():
    found = pod(with_config(("AWS_PROFILE", "B")))
    changes = config(f"{A}[profile B]\n{B_FROM_A}[profile C]\n{B_FROM_A}")

    link = links(found, **changes)["precedence"]
    asked = [links(found, profile=each, **changes)["precedence"].status for each in "BC"]

    assert (link.status, link.remedy.text) == (
        Status.UNKNOWN,
        "if that is intended, ask with --profile B",
    )
    assert asked == [Status.PASSED, Status.PASSED]


@pytest.mark.parametrize("value", ["legacy", ""])
@pytest.mark.parametrize("name", ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"])
def test_a_profile_that_is_nowhere_fails_also_an_empty_one(name, value):
    link = links(with_variables((name, value)))["precedence"]
    assert (link.status, link.remedy.shell) == (Status.FAILED, (f"{SET_ENV} {name}-",))


def test_a_file_of_the_image_may_have_the_profile():
    env = (("AWS_CONFIG_FILE", "/opt/aws/config"), ("AWS_PROFILE", "B"))
    link = links(with_variables(*env))["precedence"]
    assert (link.status, link.remedy.text) == (Status.UNKNOWN, "ask inside the Pod, with --exec")


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
    env_from = [{"configMapRef": {"name": "settings"}, "prefix": prefix}]
    found = pod(spec(container("app", envFrom=env_from)))

    link = links(found, objects={("ConfigMap", "settings"): values})["precedence"]

    assert link.status is Status.FAILED
    assert "AWS_PROFILE=legacy through envFrom of ConfigMap settings" in link.found
    assert link.remedy.shell[0] == command


def test_what_a_secret_that_was_not_read_holds_is_not_known():
    found = pod(spec(container("app", envFrom=[{"secretRef": {"name": "keys"}}])))
    link = links(found, objects={("Secret", "keys"): UNREAD})["precedence"]
    assert (link.status, link.remedy.text) == (Status.UNKNOWN, "grant a permission")


KEY_OF_SECRET = {"valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}


@pytest.mark.parametrize(
    ("env", "status"),
    [
        ([("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")], Status.PASSED),
        ([("AWS_SESSION_TOKEN", "x")], Status.PASSED),
        ([("AWS_SECRET_ACCESS_KEY", "x")], Status.PASSED),
        ([("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/")], Status.PASSED),
        ([("AWS_ACCESS_KEY_ID", "x")], Status.FAILED),
        ([("AWS_ACCESS_KEY_ID", KEY_OF_SECRET)], Status.FAILED),
    ],
)
def test_only_an_access_key_wins_over_the_role(env, status):
    assert links(with_variables(*env))["precedence"].status is status


def test_keys_in_a_mounted_credentials_file_win_in_javascript():
    env = ("AWS_SHARED_CREDENTIALS_FILE", "/etc/aws/credentials")
    volume = {"name": "aws", "secret": {"secretName": "keys"}}
    found = pod(spec(container("app", env, volumeMounts=AWS_MOUNTS), volumes=[volume]))
    text = "[default]\naws_access_key_id = (not kept)\n"

    link = links(found, objects={("Secret", "keys"): {"credentials": text}})["precedence"]

    assert (link.status, link.remedy.shell) == (Status.FAILED, ())
    assert "the SDK for JavaScript takes it before the role" in link.found


def test_keys_in_the_second_container_are_named_with_it():
    keys = [("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "x")]
    link = links(pod(spec(container("proxy"), container("work", *keys))))["precedence"]

    assert link.status is Status.FAILED
    assert link.found.startswith("Pod app-1, container work: ")
    assert link.remedy.shell == (
        f"{SET_ENV} --containers work AWS_ACCESS_KEY_ID- AWS_SECRET_ACCESS_KEY-",
    )


def test_keys_in_an_init_container_are_taken_out_of_its_list():
    init = container("init", ("AWS_ACCESS_KEY_ID", "AKIA"), ("LEVEL", "1"))
    link = links(pod(spec(container(), initContainers=[init])))["precedence"]

    patch = '"path":"/spec/template/spec/initContainers/0/env","value":[{"name":"LEVEL"'
    assert link.found.startswith("Pod app-1, container init: ")
    assert patch in link.remedy.shell[0]


def test_a_jobs_template_cannot_be_changed():
    link = links(with_variables(("AWS_PROFILE", "x"), kind="job"))["precedence"]
    assert (link.status, link.remedy.shell) == (Status.FAILED, ())
