"""The link `profile`: which chaining profiles SDKs take, and the settings that correct one."""

from dataclasses import replace

import pytest

from command.tests.verify.chains import BARE, DENIED, GOOD, UNREAD, chained, links
from command.tests.verify.pods import AWS_VOLUME, A, B, config, container, pod, spec, with_config
from irsa.observe.facts import ConfigFile
from irsa.verify.link import Remedy, Status
from tests.support.world import ROLE_ARN

CHAINED = replace(GOOD, pods=(pod(with_config()),), profile="B")
HUB = f"[profile hub]\nrole_arn = {ROLE_ARN}-hub\nsource_profile = A\n"
NODE, FROM_A = "credential_source = Ec2InstanceMetadata", "source_profile = A"
A_BEFORE = A.replace("s3-app", "before")
PLAIN_A, PLAIN_B = A.replace("[profile A]", "[A]"), B.replace("[profile B]", "[B]")
TERSE = (A + B).replace(" = ", "=").replace("source_profile=A", "source_profile=a")
TOKEN_SETTING = A.splitlines()[-1]
IN_B, DROP_TOKEN = "in [profile B]", "remove web_identity_token_file in [profile B]"
DROP, DROP_AND = f"remove credential_source {IN_B}", "remove credential_source and set"
BY_NODE, NO_TOKEN = A + B.replace(FROM_A, NODE), A.replace("web_identity", "x_identity")
AN_HOUR = f"set duration_seconds = 3600 {IN_B}"


def profile(text, spec=None, **changes):
    """The link of a Pod that has the config file, or another spec."""
    return links(pod(spec or with_config()), profile="B", **{**config(text), **changes})["profile"]


def test_a_file_that_nothing_is_mounted_at_is_mounted():
    alone = spec(container("app", ("AWS_CONFIG_FILE", "/etc/aws/config")), volumes=[AWS_VOLUME])
    at_home = spec(container("app", ("AWS_CONFIG_FILE", "~/.aws/config")))
    elsewhere = with_config()
    elsewhere["volumes"][-1] = {"name": "aws", "emptyDir": {}}

    link = profile(A + B, alone)

    assert (link.status, link.remedy.shell) == (Status.FAILED, ())
    assert link.remedy.text.startswith("mount a ConfigMap with the file")
    assert profile("", spec(container())).found == "the Pod mounts no AWS config file"
    for found in (elsewhere, at_home):
        assert profile(A + B, found).status is Status.UNKNOWN
    unread, empty = (
        profile("", objects={("ConfigMap", "aws"): values}) for values in (UNREAD, {"x": ""})
    )
    assert (unread.status, empty.status) == (Status.UNKNOWN, Status.FAILED)
    assert empty.found == "ConfigMap aws has no key config"
    assert profile(A + B).status is Status.PASSED


def test_a_chain_through_a_third_role_is_left_as_it_is():
    through_hub = config(A + HUB + B.replace("= A", "= hub"))
    found = chained(replace(CHAINED, **through_hub), assumed=DENIED)

    later = [each for key, each in found.items() if key == "profile" or key.startswith("chain-")]
    assert found["chain-role"].status is Status.PASSED
    assert [each.status for each in later if each.key != "chain-role"] == [Status.UNKNOWN] * 8
    assert [each.remedy.commands for each in later] == [()] * 9
    assert found["profile"].remedy.text.endswith("aws sts get-caller-identity --profile B")


@pytest.mark.parametrize(
    ("text", "found", "fix"),
    [
        (f"{A}{B}{NODE}\n", "both source_profile and credential_source, which SDKs refuse", DROP),
        (BY_NODE, "has credential_source, and so does not start", f"{DROP_AND} {FROM_A} {IN_B}"),
        (f"{A}{B}{TOKEN_SETTING}\n", "which SDKs treat differently", DROP_TOKEN),
        (A + PLAIN_B, "[B] instead of [profile B], which SDKs do not see", "write [profile B]"),
        (PLAIN_A + B, "the file has [A] instead", "write [profile A] in its place"),
        (A + B.replace("= A", "= B"), "source_profile B, which is itself", f"set {FROM_A} {IN_B}"),
        (NO_TOKEN + B, "A has no web_identity_token", f"set {TOKEN_SETTING} in [profile A]"),
        (f"{A}{NODE}\n{B}", "A contains both", f"{DROP_AND} {TOKEN_SETTING} in [profile A]"),
        (A_BEFORE + B, "source_profile A names", f"set role_arn = {ROLE_ARN} in [profile A]"),
        (TERSE, "source_profile a, which is no profile of the file", f"set {FROM_A} {IN_B}"),
        (f"{A}{B}duration_seconds = 7200\n", "lasts at most an hour", AN_HOUR),
        (f"{A}{B}duration_seconds = 900\n", "renew a session", AN_HOUR),
        (A, "no profile B; there are A", "correct the profile"),
    ],
)
def test_a_refused_profile_is_named_with_the_settings_that_sdks_take(text, found, fix):
    link = profile(text)
    assert (link.status, found in link.found) == (Status.FAILED, True), link.found
    assert link.remedy.text.startswith(fix)
    assert link.remedy == Remedy(link.remedy.text)
    assert link.remedy.text.endswith(" in ConfigMap aws, and restart the Pods")


def test_a_config_file_in_a_secret_is_not_printed():
    found = with_config()
    found["volumes"][-1] = {"name": "aws", "secret": {"secretName": "aws"}}
    text = A + B.replace("source_profile", "x")
    objects = {("Secret", "aws"): {"config": text}}

    link = profile(text, found, objects=objects)

    assert isinstance(replace(CHAINED, pods=(pod(found),), objects=objects).config_file, ConfigFile)
    assert (link.status, link.remedy.shell) == (Status.FAILED, ())


def test_a_profile_that_stands_for_the_annotation_names_the_arn_of_a_role():
    no_arn = "profile A names 's3-app', which is not the ARN of a role"
    told = {ROLE_ARN: (Status.PASSED, "as expected"), "s3-app": (Status.FAILED, no_arn)}
    for role_arn, expected in told.items():
        changes = {"service_account": BARE, **config(A.replace(ROLE_ARN, role_arn))}
        link = links(pod(with_config()), **changes)["annotation"]

        assert (link.status, link.found) == expected
        known = replace(CHAINED, profile="", **changes).role_arn
        assert known == (role_arn if role_arn == ROLE_ARN else "")
