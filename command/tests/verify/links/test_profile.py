"""The link `profile`: which chaining profiles SDKs take, and that the printed patch leaves one."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command.tests.verify.chains import BARE, DENIED, GOOD, UNREAD, chained, links
from command.tests.verify.commands import written_config
from command.tests.verify.pods import (
    AWS_VOLUME,
    FOLDER,
    A,
    B,
    config,
    container,
    pod,
    spec,
    with_config,
)
from irsa.observe.aws_config import profile_chain, profiles
from irsa.observe.facts import ConfigFile
from irsa.verify.link import Status
from irsa.verify.links.profile import fault, without_faults
from tests.support.world import ROLE_ARN, ROLE_B_ARN

CHAINED = replace(GOOD, pods=(pod(with_config()),), profile="B")
HUB = f"[profile hub]\nrole_arn = {ROLE_ARN}-hub\nsource_profile = A\n"
B_FROM_HUB = B.replace("= A", "= hub")
NODE = "credential_source = Ec2InstanceMetadata"
A_BEFORE = A.replace("s3-app", "before")
PLAIN_A, PLAIN_B = A.replace("[profile A]", "[A]"), B.replace("[profile B]", "[B]")
TERSE = (A + B).replace(" = ", "=").replace("source_profile=A", "source_profile=a")
LONG, SHORT = (f"{A}{B}duration_seconds = {seconds}\n" for seconds in (7200, 900))
BOTH_SOURCES = "both source_profile and credential_source, which SDKs refuse"
SETTINGS = st.sampled_from([
    *(f"role_arn = {ROLE_ARN}", f"role_arn = {ROLE_B_ARN}"),
    *(f"web_identity_token_file = {FOLDER}/token", "duration_seconds = 900"),
    *("source_profile = A", "source_profile = B", "source_profile = gone", "region = us-east-1"),
    *("credential_source = Environment", "# a comment = of A"),
    "s3 =\n  max_concurrent_requests = 20",
])  # fmt: skip
HEADERS = st.sampled_from(["[profile A]", "[profile B]", "[A]", "[B]", "[default]"])
SECTIONS = st.lists(
    st.tuples(HEADERS, st.lists(SETTINGS, max_size=4, unique_by=lambda line: line.split()[0])),
    max_size=4,
    unique_by=lambda section: section[0],
)


def facts(text):
    return replace(CHAINED, **config(text))


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
    found = chained(facts(A + HUB + B_FROM_HUB), assumed=DENIED)

    later = [each for key, each in found.items() if key == "profile" or key.startswith("chain-")]
    assert found["chain-role"].status is Status.PASSED
    assert [each.status for each in later if each.key != "chain-role"] == [Status.UNKNOWN] * 8
    assert [each.remedy.commands for each in later] == [()] * 9
    assert found["profile"].remedy.text.endswith("aws sts get-caller-identity --profile B")


def test_a_profile_between_is_never_rewritten():
    broken = PLAIN_A + HUB + B_FROM_HUB
    assert without_faults(facts(broken), broken) == broken
    link = profile(broken)
    assert (link.status, link.remedy.commands) == (Status.FAILED, ())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"{A}{B}{NODE}\n", BOTH_SOURCES),
        (A + B.replace("source_profile = A", NODE), "has credential_source, and so does not start"),
        (f"{A}{B}web_identity_token_file = {FOLDER}/token\n", "which SDKs treat differently"),
        (A + PLAIN_B, "the file has [B] instead of [profile B], which SDKs do not see"),
        (PLAIN_A + B, "the file has [A] instead of [profile A], which SDKs do not see"),
        (PLAIN_A + PLAIN_B, "[B] instead of [profile B]"),
        (A + B.replace("= A", "= B"), "has source_profile B, which is itself"),
        (A.replace("web_identity", "x_identity") + B, "A has no web_identity_token"),
        (f"{A}{NODE}\n{B}", "A contains both"),
        (A_BEFORE + B, "source_profile A names"),
        (TERSE, "has source_profile a, which is no profile of the file"),
        (LONG, "lasts at most an hour"),
        (SHORT, "renew a session"),
        (f"{A_BEFORE}{B}credential_source = Environment\nduration_seconds = 60", "contains both"),
    ],
)
def test_the_patch_turns_a_refused_profile_into_one_that_sdks_take(text, found):
    link = profile(text)

    assert (link.status, found in link.found) == (Status.FAILED, True), link.found
    after = written_config(link)
    taken = profile_chain(profiles(after), "B")
    assert (taken.roles, taken.start, taken.problem) == ((ROLE_ARN, ROLE_B_ARN), "token", "")
    assert profile(after).status is Status.PASSED


@given(SECTIONS)
def test_a_patched_config_is_one_that_sdks_take_and_keeps_the_rest(sections):
    text = "".join(f"{head}\n" + "".join(f"{line}\n" for line in lines) for head, lines in sections)
    after = without_faults(CHAINED, text)

    if after != text:
        taken = profile_chain(profiles(after), "B")
        assert (taken.start, taken.problem, taken.roles[:1]) == ("token", "", (ROLE_ARN,))
        assert fault(CHAINED, after) is None
        for kept in ("region = us-east-1", "  max_concurrent_requests = 20", "# a comment = of A"):
            assert after.count(kept) == text.count(kept)


def test_a_config_file_in_a_secret_is_not_printed():
    found = with_config()
    found["volumes"][-1] = {"name": "aws", "secret": {"secretName": "aws"}}
    text = A + B.replace("source_profile", "x")
    objects = {("Secret", "aws"): {"config": text}}

    link = profile(text, found, objects=objects)

    assert isinstance(replace(CHAINED, pods=(pod(found),), objects=objects).config_file, ConfigFile)
    assert (link.status, link.remedy.shell) == (Status.FAILED, ())


@pytest.mark.parametrize(
    ("role_arn", "status", "text"),
    [
        (ROLE_ARN, Status.PASSED, "as expected"),
        ("s3-app", Status.FAILED, "profile A names 's3-app', which is not the ARN of a role"),
    ],
)
def test_a_profile_that_stands_for_the_annotation_names_the_arn_of_a_role(role_arn, status, text):
    changes = {"service_account": BARE, **config(A.replace(ROLE_ARN, role_arn))}

    link = links(pod(with_config()), **changes)["annotation"]

    assert (link.status, link.found) == (status, text)
    known = replace(CHAINED, profile="", **changes).role_arn
    assert known == (role_arn if status is Status.PASSED else "")
