"""The links to role B: which profiles SDKs take; no remedy trusts others or lifts a condition."""

from dataclasses import replace

import pytest

from command.tests.verify.chains import BARE, DENIED, GOOD, ROLE, UNREAD, chained, links, role_b
from command.tests.verify.commands import written
from command.tests.verify.pods import AWS_VOLUME, A, B, config, container, pod, spec, with_config
from irsa.verify.facts import RoleB
from irsa.verify.link import Remedy, Status
from irsa_core.identity import policies
from irsa_core.identity.policies import TrustedRole, principal_arn_trust_policy, role_trust_policy
from tests.support.world import ACCOUNT_A, ROLE_ARN, ROLE_B_ARN

CHAINED = replace(GOOD, pods=(pod(with_config()),), profile="B")
HUB = f"[profile hub]\nrole_arn = {ROLE_ARN}-hub\nsource_profile = A\n"
NODE, FROM_A = "credential_source = Ec2InstanceMetadata", "source_profile = A"
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
    for pod_spec in (elsewhere, at_home):
        assert profile(A + B, pod_spec).status is Status.UNKNOWN
    objects = ({("ConfigMap", "aws"): values} for values in (UNREAD, {"x": ""}))
    unread, empty = (profile("", objects=values) for values in objects)
    assert (unread.status, empty.status) == (Status.UNKNOWN, Status.FAILED)
    assert empty.found == "ConfigMap aws has no key config"
    assert profile(A + B).status is Status.PASSED


def test_a_chain_through_a_third_role_is_left_as_it_is():
    through_hub = config(A + HUB + B.replace("= A", "= hub"))
    found = chained(replace(CHAINED, **through_hub), assumed=DENIED)

    later = [each for key, each in found.items() if key == "profile" or key.startswith("role-")]
    assert found["role-b"].status is Status.PASSED
    assert [each.status for each in later if each.key != "role-b"] == [Status.UNKNOWN] * 8
    assert [each.remedy.commands for each in later] == [()] * 9
    assert found["profile"].remedy.text.endswith("aws sts get-caller-identity --profile B")


@pytest.mark.cases(("text", "found", "fix"), {
    "profile and node as source": (f"{A}{B}{NODE}\n",
        "both source_profile and credential_source, which SDKs refuse", DROP),
    "node as source": (BY_NODE, "has credential_source, and so does not start",
        f"{DROP_AND} {FROM_A} {IN_B}"),
    "profile and token as source": (f"{A}{B}{TOKEN_SETTING}\n", "which SDKs treat differently",
        DROP_TOKEN),
    "[B] for [profile B]": (A + PLAIN_B, "[B] instead of [profile B], which SDKs do not see",
        "write [profile B]"),
    "[A] for [profile A]": (PLAIN_A + B, "the file has [A] instead",
        "write [profile A] in its place"),
    "B as its own source": (A + B.replace("= A", "= B"), "source_profile B, which is itself",
        f"set {FROM_A} {IN_B}"),
    "A without a token": (NO_TOKEN + B, "A has no web_identity_token",
        f"set {TOKEN_SETTING} in [profile A]"),
    "A with two sources": (f"{A}{NODE}\n{B}", "A contains both", DROP.replace("B]", "A]")),
    "A with another role": (A.replace("s3-app", "before") + B, "source_profile A names",
        f"set role_arn = {ROLE_ARN} in [profile A]"),
    "a for A": (TERSE, "source_profile a, which is no profile of the file", f"set {FROM_A} {IN_B}"),
    "two hours": (f"{A}{B}duration_seconds = 7200\n", "lasts at most an hour", AN_HOUR),
    "15 minutes": (f"{A}{B}duration_seconds = 900\n", "renew a session", AN_HOUR),
    "no profile B": (A, "no profile B; there are A", "correct the profile"),
})  # fmt: skip
def test_a_refused_profile_is_named_with_the_settings_that_sdks_take(text, found, fix):
    link = profile(text)
    assert (link.status, found in link.found) == (Status.FAILED, True), link.found
    assert link.remedy.text.startswith(fix)
    assert link.remedy == Remedy(link.remedy.text)
    assert link.remedy.text.endswith(" in ConfigMap aws, and restart the Pods")


def test_a_profile_that_stands_for_the_annotation_names_the_arn_of_a_role():
    no_arn = "profile A names 's3-app', which is not the ARN of a role"
    told = {ROLE_ARN: (Status.PASSED, "as expected"), "s3-app": (Status.FAILED, no_arn)}
    for role_arn, expected in told.items():
        changes = {"service_account": BARE, **config(A.replace(ROLE_ARN, role_arn))}
        link = links(pod(with_config()), **changes)["annotation"]

        assert (link.status, link.found) == expected
        known = replace(CHAINED, profile="", **changes).role_arn
        assert known == (role_arn if role_arn == ROLE_ARN else "")


NEIGHBOUR = f"arn:aws:iam::{ACCOUNT_A}:role/neighbour"
TARGET = RoleB(role_arn=ROLE_B_ARN)
MOVED = ROLE_B_ARN.replace("role/", "role/team/")
WHERE = "in [profile B] in ConfigMap aws, and restart the Pods"
BY_PROFILE = replace(TARGET, profile="B")


def with_profile(text=A + B, target=BY_PROFILE, **changes):
    """The links of a chain through profile B of a ConfigMap, which STS refuses."""
    return chained(replace(CHAINED, **config(text)), target=target, assumed=DENIED, **changes)


def asking(condition):
    document = role_trust_policy([TrustedRole(ROLE_ARN, ROLE.unique_id)])
    document["Statement"][0]["Condition"] = condition
    return role_b(document)


def test_what_role_b_asks_for_the_profile_sends():
    by_name, by_id = {"sts:RoleSessionName": "ledger"}, {"sts:ExternalId": "tenant-42"}
    by_pattern = {"StringLike": {"sts:RoleSessionName": "ledger-*"}}
    asked = [{"StringEquals": by_name}, by_pattern, {"StringEquals": by_id}]
    found = [with_profile(role=asking(each))["role-b-trust"].remedy for each in asked]
    lines = ["role_session_name = ledger", "role_session_name = ledger-irsa"]
    assert found == [Remedy(f"set {each} {WHERE}") for each in (*lines, "external_id = tenant-42")]


@pytest.mark.parametrize(
    ("operator", "key", "value", "status"),
    [
        ("StringEquals", "sts:SourceIdentity", "alice", Status.FAILED),
        ("Bool", "aws:MultiFactorAuthPresent", "true", Status.FAILED),
        # The role may have tags, which are not read.
        ("StringEquals", "aws:PrincipalTag/team", "ledger", Status.UNKNOWN),
    ],
)
def test_a_condition_that_the_caller_cannot_send_is_not_lifted(operator, key, value, status):
    link = chained(role=asking({operator: {key: value}}), assumed=DENIED)["role-b-trust"]
    assert (link.status, link.remedy.shell) == (status, ())
    meet = f"meet the trust policy's conditions ({key}"
    assert status is Status.UNKNOWN or link.remedy.text.startswith(meet)


def test_no_statement_is_added_beside_one_whose_conditions_it_would_not_have():
    document = principal_arn_trust_policy(["arn:aws:iam::777788889999:role/admin"])
    document["Statement"][0]["Condition"]["Bool"] = {"aws:MultiFactorAuthPresent": "true"}
    remedy = chained(role=role_b(document), assumed=DENIED)["role-b-trust"].remedy
    assert (remedy.shell, "aws:MultiFactorAuthPresent Bool true" in remedy.text) == ((), True)


@pytest.mark.parametrize("named", [f"arn:aws:iam::{ACCOUNT_A}:role/s3app", NEIGHBOUR])
def test_role_a_is_added_and_the_others_and_the_external_id_stay(named):
    document = principal_arn_trust_policy([named], external_id="tenant-42")

    known = {"role": role_b(document), "target": replace(TARGET, external_id="tenant-42")}
    commands = chained(assumed=DENIED, **known)["role-b-trust"].remedy.shell

    wanted = principal_arn_trust_policy([named, ROLE_ARN], external_id="tenant-42")
    wanted["Statement"][0]["Condition"]["ArnEquals"]["aws:PrincipalArn"] = [named, ROLE_ARN]
    assert [written(each) for each in commands] == [wanted]


def test_role_a_gets_no_permission_for_a_role_b_that_is_missing():
    found = chained(role_a=replace(ROLE, policies=()), role=None, assumed=DENIED)
    keys = [key for key in found if key in ("role-b", "role-a-permission", "role-b-trust")]
    assert keys == ["role-b", "role-a-permission", "role-b-trust"]
    assert found["role-a-permission"].status is Status.UNKNOWN
    assert found["role-a-permission"].remedy.shell == found["role-b"].remedy.shell == ()
    assert found["role-b"].remedy.text.startswith("create it in account 444455556666")


@pytest.mark.cases("arn", {"role of another path": MOVED, "role that is not expected": ROLE_B_ARN})
def test_another_role_b_is_named_in_the_profile(arn):
    expected = "" if arn == MOVED else MOVED
    by_path = f"the role of that name is {MOVED}: partition, path and case are parts of an ARN"
    found = by_path if arn == MOVED else f"profile B names {ROLE_B_ARN}"
    stranger = role_b(principal_arn_trust_policy([NEIGHBOUR]), arn=arn, policies=())
    link = with_profile(target=replace(BY_PROFILE, expected_arn=expected), role=stranger)

    assert [e for e in link.values() if e.key.startswith("role-") and e.remedy.shell] == []
    assert link["role-b"].found == found
    assert link["role-b"].remedy == Remedy(f"set role_arn = {MOVED} {WHERE}")


BY_ROLE = role_trust_policy([TrustedRole(ROLE_ARN, ROLE.unique_id)])
BY_ACCOUNT = principal_arn_trust_policy([ROLE_ARN])


@pytest.mark.cases("document", {"trusts the role": BY_ROLE, "trusts the account": BY_ACCOUNT})
def test_a_role_b_that_trusts_its_account_needs_a_permission_there(document):
    status = Status.PASSED if document is BY_ROLE else Status.FAILED
    arn = ROLE_B_ARN.replace("444455556666", ACCOUNT_A)
    known = {"target": replace(TARGET, role_arn=arn), "role": role_b(document, arn=arn)}
    link = chained(role_a=replace(ROLE, policies=()), **known)["role-a-permission"]
    put = [f"aws iam put-role-policy --role-name {ROLE.name} "] * (status is Status.FAILED)
    named = [each.partition("--policy-name")[0] for each in link.remedy.shell]
    assert (link.status, named) == (status, put)


@pytest.mark.cases("sent", {"none": "", "external id": "tenant-42"})
def test_a_new_statement_for_role_a_requires_the_external_id_that_is_sent(sent):
    """Not the one of a Deny."""
    document = policies.service_trust_policy("ec2.amazonaws.com")
    denied = {"Condition": {"StringEquals": {"sts:ExternalId": "tenant-7"}}}
    by_account = principal_arn_trust_policy([NEIGHBOUR])["Statement"][0]
    document["Statement"].append({**by_account, "Effect": "Deny", **denied})
    facts = {"role": role_b(document), "target": replace(TARGET, external_id=sent)}
    [command] = chained(assumed=DENIED, **facts)["role-b-trust"].remedy.shell
    condition = {"Condition": {"StringEquals": {"sts:ExternalId": sent}}} if sent else {}
    added = {"Effect": "Allow", "Principal": {"AWS": ROLE_ARN}, "Action": "sts:AssumeRole"}
    assert written(command)["Statement"] == [*document["Statement"], {**added, **condition}]
